package cluster

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// observeQuotas lists every resource of every quota, in order, with what all that
// is declared still needs of it. One is exceeded when more is used than allowed,
// which happens when it was lowered later; that pods are refused for it is seen at
// the workload.
func (c *Cluster) observeQuotas(ctx context.Context, spec migration.Spec, env migration.Env) ([]migration.QuotaFacts, error) {
	ns := spec.Namespace(env)
	list, err := c.list(ctx, request{resource: quotas, namespace: ns}, "")
	if err != nil || len(list) == 0 {
		return nil, err
	}
	defaults, err := c.defaults(ctx, ns)
	if err != nil {
		return nil, err
	}
	var whole, partial []migration.QuotaFacts
	for i := range list {
		var q corev1.ResourceQuota
		if err := fromUnstructured(list[i].Object, &q); err != nil {
			return nil, err
		}
		for name, hard := range q.Status.Hard {
			used := q.Status.Used[name]
			f := migration.QuotaFacts{
				Quota: q.Name, Resource: string(name), Used: used.String(), Hard: hard.String(), Exceeded: used.Cmp(hard) > 0,
				Default: defaults[string(name)],
			}
			if len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
				partial = append(partial, f)
				continue
			}
			whole = append(whole, f)
		}
	}
	wanted, there, err := c.demands(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	out := append(manifest.Headroom(wanted, there, whole), partial...)
	slices.SortFunc(out, func(a, b migration.QuotaFacts) int {
		return cmp.Or(cmp.Compare(a.Quota, b.Quota), cmp.Compare(a.Resource, b.Resource))
	})
	return out, nil
}

// defaults are what the namespace gives to containers that ask for none, by the
// names that quotas have for it. Who may not see them is told of none.
func (c *Cluster) defaults(ctx context.Context, ns string) (map[string]string, error) {
	list, err := c.list(ctx, request{resource: limitRanges, namespace: ns}, "")
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i := range list {
		var l corev1.LimitRange
		if err := fromUnstructured(list[i].Object, &l); err != nil {
			return nil, err
		}
		for _, item := range l.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for name, q := range item.Default {
				out["limits."+string(name)] = q.String()
			}
			for name, q := range item.DefaultRequest {
				out["requests."+string(name)], out[string(name)] = q.String(), q.String()
			}
		}
	}
	return out, nil
}

// demands are the objects that are declared for a namespace, and those of them
// that are there and counted by quotas, with their pods and claims.
func (c *Cluster) demands(ctx context.Context, spec migration.Spec, env migration.Env) (wanted, there []*unstructured.Unstructured, err error) {
	for _, w := range spec.Workloads {
		objs, err := manifest.Objects(spec, env, migration.PartWorkload, w.Name)
		if err != nil {
			continue // what cannot be made asks for nothing
		}
		wanted = append(wanted, objs...)
		if have, err := manifest.Objects(spec, env, migration.PartExposure, w.Name); err == nil && spec.Leads(w.Name) {
			wanted = append(wanted, have...)
		}
	}
	for _, o := range wanted {
		have, err := c.get(ctx, requestFor(o))
		if err != nil {
			return nil, nil, err
		}
		if have == nil {
			continue
		}
		if otherKind(have.GetKind()) == "" {
			there = append(there, have)
			continue
		}
		pods, err := c.living(ctx, have)
		if err != nil {
			return nil, nil, err
		}
		unstructured.RemoveNestedField(have.Object, "spec") // its pods are counted one by one
		there = append(append(there, have), pods...)
	}
	list, err := c.list(ctx, request{resource: claims, namespace: spec.Namespace(env)}, manifest.LabelInstance+"="+spec.Name)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		list[i].SetKind("PersistentVolumeClaim")
		there = append(there, &list[i])
	}
	return wanted, there, nil
}

// living are the pods of a workload that a quota counts: those that have not ended.
func (c *Cluster) living(ctx context.Context, o *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	sel, err := selectorOf(o)
	if err != nil {
		return nil, err
	}
	list, err := c.list(ctx, request{resource: pods, namespace: o.GetNamespace()}, sel.String())
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for i := range list {
		phase, _, _ := unstructured.NestedString(list[i].Object, "status", "phase")
		if phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed) {
			continue
		}
		list[i].SetKind("Pod")
		out = append(out, &list[i])
	}
	return out, nil
}
