package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

var getOptions = metav1.GetOptions{}

func listOptions(selector string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: selector}
}

// Apply makes one part of one workload be what the spec says, by server-side
// apply without force. OutcomeForeign: an object of that name is not this
// migration's, or another manager has set a field otherwise; the error names
// it. A part of several objects that failed after the first is OutcomeUnknown:
// applying again completes it.
func (c *Cluster) Apply(ctx context.Context, spec migration.Spec, a migration.Apply) (migration.Outcome, error) {
	if err := manifest.Check(spec, a); err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("apply: %w", err)
	}
	objs, err := manifest.Objects(spec, a.Env, a.Part, a.Workload)
	if err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("apply: %w", err)
	}
	if err := c.keepTurned(ctx, spec, a, objs); err != nil {
		return migration.OutcomeNotDone, err
	}
	if err := c.keepScaled(ctx, spec, a, objs); err != nil {
		return migration.OutcomeNotDone, err
	}
	objs, out, err := c.clear(ctx, spec, objs)
	if err != nil {
		return out, err
	}
	for i, o := range objs {
		out, err := c.applyOne(ctx, o)
		if err != nil && out == migration.OutcomeNotDone && i > 0 {
			out = migration.OutcomeUnknown
		}
		if err != nil {
			return out, err
		}
	}
	if a.Part == migration.PartWorkload {
		if err := c.prune(ctx, spec, a); err != nil {
			return migration.OutcomeUnknown, err
		}
	}
	return migration.OutcomeDone, nil
}

// clear looks, before anything is written, whether all objects are free to be, and
// gives those that are to be written.
func (c *Cluster) clear(ctx context.Context, spec migration.Spec, objs []*unstructured.Unstructured) ([]*unstructured.Unstructured, migration.Outcome, error) {
	var write []*unstructured.Unstructured
	for _, o := range objs {
		have, err := c.get(ctx, requestFor(o))
		switch {
		case err != nil:
			return nil, migration.OutcomeNotDone, err
		case have == nil:
		case sparedAccount(spec, have):
			continue
		case !manifest.Ours(spec, have.GetLabels()):
			return nil, migration.OutcomeForeign, strange(have)
		case have.GetDeletionTimestamp() != nil:
			return nil, migration.OutcomeNotDone, fmt.Errorf("apply: %s %s is being deleted: wait until it is gone", o.GetKind(), o.GetName())
		default:
			if err := c.adopt(ctx, have); err != nil {
				return nil, migration.OutcomeNotDone, err
			}
		}
		write = append(write, o)
		if other := otherKind(o.GetKind()); other != "" {
			r := requestFor(o)
			r.resource = resourceOf(string(other))
			have, err := c.get(ctx, r)
			if err != nil {
				return nil, migration.OutcomeNotDone, err
			}
			if have != nil {
				return nil, migration.OutcomeForeign, fmt.Errorf("apply: a %s %s stands where a %s is wanted: remove it first",
					other, o.GetName(), o.GetKind())
			}
		}
	}
	return write, migration.OutcomeDone, nil
}

// otherKind is the kind of workload that would select the same pods.
func otherKind(kind string) migration.Kind {
	switch migration.Kind(kind) {
	case migration.KindDeployment:
		return migration.KindStatefulSet
	case migration.KindStatefulSet:
		return migration.KindDeployment
	}
	return ""
}

// adoptTries bounds the races with controllers that write the status.
const adoptTries = 5

// adopt lets the fields that Scale has set count as applied. Scale patches one
// field, which is an "update" to Kubernetes; a later apply would conflict with
// it although both are ours.
func (c *Cluster) adopt(ctx context.Context, have *unstructured.Unstructured) error {
	r := requestFor(have)
	for try := 1; ; try++ {
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(have, sets.New(FieldManager), FieldManager)
		if err != nil {
			return fmt.Errorf("read the managed fields of %s: %w", r.name, err)
		}
		if patch == nil {
			return nil
		}
		_, err = c.patch(ctx, r, types.JSONPatchType, patch)
		if err == nil || !apierrors.IsConflict(err) || try == adoptTries {
			return err
		}
		if have, err = c.get(ctx, r); err != nil || have == nil {
			return err
		}
	}
}

func (c *Cluster) applyOne(ctx context.Context, o *unstructured.Unstructured) (migration.Outcome, error) {
	body, err := json.Marshal(o.Object)
	if err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("write %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	_, err = c.patch(ctx, requestFor(o), types.ApplyPatchType, body)
	if cs := conflicts(err); len(cs) > 0 {
		return migration.OutcomeForeign, contested(o, cs, err)
	}
	return outcomeOf(err), err
}

func (c *Cluster) patch(ctx context.Context, r request, how types.PatchType, body []byte) (*unstructured.Unstructured, error) {
	r.verb = "patch"
	var out *unstructured.Unstructured
	err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		opts := metav1.PatchOptions{FieldManager: FieldManager, FieldValidation: metav1.FieldValidationStrict}
		var err error
		out, err = conn.dynamic.Resource(r.resource).Namespace(r.namespace).Patch(ctx, r.name, how, body, opts)
		return err
	})
	return out, err
}

func requestFor(o *unstructured.Unstructured) request {
	return request{resource: resourceOf(o.GetKind()), namespace: o.GetNamespace(), name: o.GetName()}
}

// Scale sets the number of replicas by a patch of that field alone, whoever
// set it before: a rollback does not ask. The next Apply restores the spec's
// number. A workload that is not there has none already. To none, its jobs are
// suspended too.
func (c *Cluster) Scale(ctx context.Context, spec migration.Spec, a migration.Scale) (migration.Outcome, error) {
	if err := manifest.Writable(spec, migration.PartWorkload); err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("scale: %w", err)
	}
	ns := spec.Namespace(a.Env)
	declared, _ := spec.Workload(a.Workload)
	w, err := c.findWorkload(ctx, spec, ns, a.Workload)
	switch {
	case err != nil:
		return migration.OutcomeNotDone, err
	case w == nil && a.Replicas == 0:
		return c.suspend(ctx, spec, ns, declared)
	case w == nil:
		return migration.OutcomeNotDone, fmt.Errorf("scale: no workload %s in namespace %s", a.Workload, ns)
	case !manifest.Ours(spec, w.GetLabels()):
		return migration.OutcomeForeign, strange(w)
	}
	if have, ok, _ := unstructured.NestedInt64(w.Object, "spec", "replicas"); !ok || have != int64(a.Replicas) {
		// With the UID the patch cannot hit an object that took the place of this one.
		body := fmt.Appendf(nil, `{"metadata":{"uid":%q},"spec":{"replicas":%d}}`, w.GetUID(), a.Replicas)
		if _, err = c.patch(ctx, requestFor(w), types.MergePatchType, body); err != nil {
			return outcomeOf(err), err
		}
	}
	if a.Replicas > 0 {
		return migration.OutcomeDone, nil
	}
	return c.suspend(ctx, spec, ns, declared)
}

// Remove deletes one part of one workload, if this migration made it; its
// claims stay. What is not there is removed. The pods end after the answer.
func (c *Cluster) Remove(ctx context.Context, spec migration.Spec, a migration.Remove) (migration.Outcome, error) {
	if err := manifest.Writable(spec, a.Part); err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("remove: %w", err)
	}
	ns := spec.Namespace(a.Env)
	var found []*unstructured.Unstructured
	for _, r := range candidates(spec, ns, a) {
		have, err := c.get(ctx, r)
		if err != nil {
			return migration.OutcomeNotDone, err
		}
		if have == nil {
			continue
		}
		if accompanies(have.GetKind()) && !manifest.Ours(spec, have.GetLabels()) {
			continue // it never stood beside a workload of this migration
		}
		if !manifest.Ours(spec, have.GetLabels()) {
			return migration.OutcomeForeign, strange(have)
		}
		found = append(found, have)
	}
	for i, o := range found {
		err := c.delete(ctx, o)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			out := outcomeOf(err)
			if i > 0 && out == migration.OutcomeNotDone {
				out = migration.OutcomeUnknown
			}
			return out, err
		}
	}
	return migration.OutcomeDone, nil
}

// candidates are the objects that a part can have left, the one that carries it
// first, so that a look tells whether the removal was begun.
func candidates(spec migration.Spec, ns string, a migration.Remove) []request {
	switch a.Part {
	case migration.PartExposure:
		service := request{resource: services, namespace: ns, name: a.Workload}
		if spec.Target.Exposure == migration.ExposeIngress {
			return []request{{resource: ingresses, namespace: ns, name: a.Workload}, service}
		}
		return []request{service}
	case migration.PartReturnPath:
		name := migration.ReturnPathName(a.Workload)
		return []request{
			{resource: deployments, namespace: ns, name: name},
			{resource: daemonSets, namespace: ns, name: name},
			{resource: policies, namespace: ns, name: name},
		}
	}
	out := []request{
		{resource: deployments, namespace: ns, name: a.Workload},
		{resource: statefulSets, namespace: ns, name: a.Workload},
		{resource: services, namespace: ns, name: migration.HeadlessName(a.Workload)},
	}
	w, _ := spec.Workload(a.Workload)
	for _, n := range manifest.Companions(spec, w) {
		out = append(out, request{resource: resourceOf(n.Kind), namespace: ns, name: n.Name})
	}
	return out
}

func (c *Cluster) delete(ctx context.Context, o *unstructured.Unstructured) error {
	return c.deleteSame(ctx, requestFor(o), o.GetUID())
}

// deleteSame deletes an object, if it is still the one with that UID.
func (c *Cluster) deleteSame(ctx context.Context, r request, uid types.UID) error {
	r.verb = "delete"
	background := metav1.DeletePropagationBackground
	return c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		return conn.dynamic.Resource(r.resource).Namespace(r.namespace).Delete(ctx, r.name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
		})
	})
}
