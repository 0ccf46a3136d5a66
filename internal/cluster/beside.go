package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// observeBeside looks at what is declared to stand beside a workload. What cannot
// be looked at says so, and keeps nothing else from being seen: a rollback rests on
// the workloads.
func (c *Cluster) observeBeside(ctx context.Context, spec migration.Spec, ns string, w migration.Workload) []migration.BesideFacts {
	var out []migration.BesideFacts
	for _, n := range manifest.Companions(spec, w) {
		f := migration.BesideFacts{Workload: w.Name, Kind: n.Kind, Name: n.Name}
		have, err := c.get(ctx, request{resource: resourceOf(n.Kind), namespace: ns, name: n.Name})
		switch {
		case err != nil:
			f.Err = cut(err.Error())
		case have != nil:
			f.Exists, f.Ours = true, manifest.Ours(spec, have.GetLabels())
			f.Suspended, _, _ = unstructured.NestedBool(have.Object, "spec", "suspend")
		}
		out = append(out, f)
	}
	return out
}

// sparedAccount says that a ServiceAccount is there which somebody else made, with
// what a cloud's identities need: it is used as it is.
func sparedAccount(spec migration.Spec, have *unstructured.Unstructured) bool {
	return have.GetKind() == manifest.KindServiceAccount && !manifest.Ours(spec, have.GetLabels())
}

// accompanies says whether objects of a kind stand beside workloads.
func accompanies(kind string) bool {
	switch kind {
	case manifest.KindServiceAccount, manifest.KindDisruptionBudget, manifest.KindAutoscaler, manifest.KindNetworkPolicy, migration.KindCronJob:
		return true
	}
	return false
}

// keepScaled leaves the number of pods as a scaler has set it, where it is one that
// the scaler may set. Applied with the same value, the field is the scaler's too,
// and left to it; a rollback's zero is no such number, and the declared one is
// restored.
func (c *Cluster) keepScaled(ctx context.Context, spec migration.Spec, a migration.Apply, objs []*unstructured.Unstructured) error {
	w, _ := spec.Workload(a.Workload)
	if w.Autoscale == nil || a.Part != migration.PartWorkload {
		return nil
	}
	o := objs[len(objs)-1]
	have, err := c.get(ctx, requestFor(o))
	if err != nil || have == nil {
		return err
	}
	if n := int32At(have, 1, "spec", "replicas"); w.Fits(n) {
		return unstructured.SetNestedField(o.Object, int64(n), "spec", "replicas")
	}
	return nil
}

// prune removes what an earlier declaration of the workload had beside it, and this
// one has not. What may not be looked at was not made with these permissions.
func (c *Cluster) prune(ctx context.Context, spec migration.Spec, a migration.Apply) error {
	w, _ := spec.Workload(a.Workload)
	ns := spec.Namespace(a.Env)
	wanted := manifest.Companions(spec, w)
	for _, kind := range []string{manifest.KindDisruptionBudget, manifest.KindAutoscaler, manifest.KindNetworkPolicy} {
		if slices.Contains(wanted, manifest.Companion{Kind: kind, Name: w.Name}) {
			continue
		}
		have, err := c.get(ctx, request{resource: resourceOf(kind), namespace: ns, name: w.Name})
		if err != nil || have == nil || !manifest.Ours(spec, have.GetLabels()) {
			continue
		}
		if err := c.delete(ctx, have); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

// suspend keeps the jobs of a workload from being begun. All are tried, whatever
// becomes of one.
func (c *Cluster) suspend(ctx context.Context, spec migration.Spec, ns string, w migration.Workload) (migration.Outcome, error) {
	out := migration.OutcomeDone
	var errs []error
	for _, n := range manifest.Companions(spec, w) {
		if n.Kind != migration.KindCronJob {
			continue
		}
		r := request{resource: cronJobs, namespace: ns, name: n.Name}
		have, err := c.get(ctx, r)
		if err == nil {
			if have == nil || !manifest.Ours(spec, have.GetLabels()) {
				continue
			}
			if done, _, _ := unstructured.NestedBool(have.Object, "spec", "suspend"); done {
				continue
			}
			_, err = c.patch(ctx, r, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"uid":%q},"spec":{"suspend":true}}`, have.GetUID()))
		}
		if err != nil {
			errs = append(errs, err)
			out = migration.OutcomeUnknown
		}
	}
	return out, errors.Join(errs...)
}
