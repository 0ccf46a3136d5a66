package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// turnTries bounds the races with whoever writes the Service meanwhile.
const turnTries = 3

// Turn lets the exposure of a workload lead to one side, by one patch of its
// selector that holds only for the Service as it was read. OutcomeForeign: the
// Service is not this migration's, or, on the way to the new side, it selects what
// nobody of ours has written. To the old side it is turned whatever it selects: a
// rollback does not ask.
func (c *Cluster) Turn(ctx context.Context, spec migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error) {
	r := request{resource: services, namespace: spec.Namespace(a.Env), name: a.Workload}
	for try := 1; ; try++ {
		have, err := c.get(ctx, r)
		switch {
		case err != nil:
			return migration.OutcomeNotDone, err
		case have == nil:
			return migration.OutcomeNotDone, fmt.Errorf("turn: no Service %s in namespace %s", a.Workload, r.namespace)
		case !manifest.Ours(spec, have.GetLabels()):
			return migration.OutcomeForeign, strange(have)
		}
		selector, _, _ := unstructured.NestedStringMap(have.Object, "spec", "selector")
		switch leads := manifest.LeadsTo(spec, a.Workload, selector); {
		case leads == a.To:
			return migration.OutcomeDone, nil
		case leads == "" && a.To == migration.NewSide:
			return migration.OutcomeForeign, fmt.Errorf("turn: Service %s in namespace %s selects %v, which is neither side: it is left alone", a.Workload, r.namespace, selector)
		}
		body, err := turnPatch(have, selector, manifest.SelectorOf(spec, a.Workload, a.To))
		if err != nil {
			return migration.OutcomeNotDone, err
		}
		_, err = c.patch(ctx, r, types.MergePatchType, body)
		if err == nil || !apierrors.IsConflict(err) || try == turnTries {
			return outcomeOf(err), err
		}
	}
}

// turnPatch sets the selector as a whole, for the object as it was read and no other.
func turnPatch(have *unstructured.Unstructured, from, to map[string]string) ([]byte, error) {
	selector := map[string]any{}
	for k := range from {
		selector[k] = nil
	}
	for k, v := range to {
		selector[k] = v
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": have.GetUID(), "resourceVersion": have.GetResourceVersion()},
		"spec":     map[string]any{"selector": selector},
	})
}

// keepTurned lets an exposure that is applied anew lead to where it leads now: only
// Turn changes that.
func (c *Cluster) keepTurned(ctx context.Context, spec migration.Spec, a migration.Apply, objs []*unstructured.Unstructured) error {
	if a.Part != migration.PartExposure {
		return nil
	}
	have, err := c.get(ctx, request{resource: services, namespace: spec.Namespace(a.Env), name: a.Workload})
	if err != nil || have == nil {
		return err
	}
	selector, _, _ := unstructured.NestedStringMap(have.Object, "spec", "selector")
	if manifest.LeadsTo(spec, a.Workload, selector) == migration.OldSide {
		manifest.Turn(objs, spec, a.Workload, migration.OldSide)
	}
	return nil
}

// forwardersOf finds the forwarders of a workload, the kind that the spec wants
// before the other; nil where there are none.
func (c *Cluster) forwardersOf(ctx context.Context, spec migration.Spec, ns, workload string) (*unstructured.Unstructured, error) {
	r := request{resource: deployments, namespace: ns, name: migration.ReturnPathName(workload)}
	other := r
	other.resource = daemonSets
	if spec.Target.TrafficPolicy == migration.TrafficLocal {
		r, other = other, r
	}
	for _, r := range []request{r, other} {
		o, err := c.get(ctx, r)
		if err != nil || o != nil && manifest.Ours(spec, o.GetLabels()) {
			return o, err
		}
	}
	return nil, nil
}

// observeReturn looks at the forwarders of every workload, and at where the exposures
// lead that are in the facts already.
func (c *Cluster) observeReturn(ctx context.Context, spec migration.Spec, facts *migration.ClusterFacts, svcs []unstructured.Unstructured) error {
	forwarders := map[string]bool{}
	for _, w := range spec.Workloads {
		if len(w.Ports) == 0 {
			continue // nobody comes to it
		}
		list, err := c.observeForwarders(ctx, spec, w.Name, facts)
		if err != nil {
			return err
		}
		for i := range list {
			forwarders[list[i].Name] = true
		}
	}
	if len(facts.Exposures) == 0 {
		return nil
	}
	pods := map[string]bool{}
	for _, w := range facts.Workloads {
		for _, p := range w.Pods {
			pods[p.Name] = true
		}
	}
	ends, err := c.list(ctx, request{resource: endpoints, namespace: facts.Namespace}, "")
	if err != nil {
		return err
	}
	for i := range facts.Exposures {
		e := &facts.Exposures[i]
		for k := range svcs {
			if svcs[k].GetName() == e.Workload {
				leads(e, spec, &svcs[k])
			}
		}
		if err := behind(e, ends, pods, forwarders); err != nil {
			return err
		}
	}
	return nil
}

// observeForwarders looks at a workload's forwarders, and gives their pods.
func (c *Cluster) observeForwarders(ctx context.Context, spec migration.Spec, workload string, facts *migration.ClusterFacts) ([]corev1.Pod, error) {
	o, err := c.forwardersOf(ctx, spec, facts.Namespace, workload)
	if o == nil || err != nil {
		return nil, err
	}
	list, err := c.podsOf(ctx, o)
	if err != nil {
		return nil, err
	}
	f := migration.ReturnPathFacts{
		Workload: workload, Kind: o.GetKind(), Digest: o.GetAnnotations()[manifest.DigestAnnotation], Generation: o.GetGeneration(),
		Desired: int32At(o, 1, "spec", "replicas"), Ready: int32At(o, 0, "status", "readyReplicas"),
	}
	if f.Kind == manifest.KindDaemonSet {
		f.Desired, f.Ready = int32At(o, 0, "status", "desiredNumberScheduled"), int32At(o, 0, "status", "numberReady")
	}
	f.RolledOut, f.Status = rollout(o, list)
	for _, p := range list {
		for _, a := range []string{p.Status.HostIP, p.Status.PodIP} {
			if a != "" && !slices.Contains(f.From, a) {
				f.From = append(f.From, a)
			}
		}
	}
	slices.Sort(f.From)
	facts.ReturnPaths = append(facts.ReturnPaths, f)
	return list, nil
}

// leads says to which side an exposure's Service leads.
func leads(e *migration.ExposureFacts, spec migration.Spec, svc *unstructured.Unstructured) {
	selector, _, _ := unstructured.NestedStringMap(svc.Object, "spec", "selector")
	e.Leads = manifest.LeadsTo(spec, e.Workload, selector)
	policy, _, _ := unstructured.NestedString(svc.Object, "spec", "externalTrafficPolicy")
	e.Local = policy == migration.TrafficLocal
}

// behind counts whose the ready endpoints are that stand behind an exposure. The
// Service's word alone does not tell: endpoints follow it.
func behind(e *migration.ExposureFacts, ends []unstructured.Unstructured, newPods, oldPods map[string]bool) error {
	for i := range ends {
		if ends[i].GetLabels()[discoveryv1.LabelServiceName] != e.Workload {
			continue
		}
		var s discoveryv1.EndpointSlice
		if err := fromUnstructured(ends[i].Object, &s); err != nil {
			return fmt.Errorf("read EndpointSlice %s: %w", ends[i].GetName(), err)
		}
		for _, ep := range s.Endpoints {
			if ep.Conditions.Ready != nil && !*ep.Conditions.Ready {
				continue
			}
			switch pod := podBehind(ep); {
			case newPods[pod]:
				e.ReadyNew++
			case oldPods[pod]:
				e.ReadyOld++
			default:
				e.ReadyOther++
			}
		}
	}
	return nil
}

func podBehind(ep discoveryv1.Endpoint) string {
	if ep.TargetRef == nil || ep.TargetRef.Kind != "Pod" {
		return ""
	}
	return ep.TargetRef.Name
}
