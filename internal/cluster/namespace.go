package cluster

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// observeQuotas lists every resource of every quota, in order. One is exceeded
// when more is used than allowed, which happens when it was lowered later; that
// pods are refused for it is seen at the workload.
func (c *Cluster) observeQuotas(ctx context.Context, ns string) ([]migration.QuotaFacts, error) {
	list, err := c.list(ctx, request{resource: quotas, namespace: ns}, "")
	if err != nil {
		return nil, err
	}
	var out []migration.QuotaFacts
	for i := range list {
		var q corev1.ResourceQuota
		if err := fromUnstructured(list[i].Object, &q); err != nil {
			return nil, err
		}
		for name, hard := range q.Status.Hard {
			used := q.Status.Used[name]
			out = append(out, migration.QuotaFacts{
				Quota: q.Name, Resource: string(name), Used: used.String(), Hard: hard.String(), Exceeded: used.Cmp(hard) > 0,
			})
		}
	}
	slices.SortFunc(out, func(a, b migration.QuotaFacts) int {
		return cmp.Or(cmp.Compare(a.Quota, b.Quota), cmp.Compare(a.Resource, b.Resource))
	})
	return out, nil
}

// observeClaims lists the claims that pods of the migration mount, and those
// that its StatefulSets made, in order of their names. One that a pod mounts
// and that is not there has the phase Missing.
func (c *Cluster) observeClaims(ctx context.Context, spec migration.Spec, ns string, used map[string]bool) ([]migration.ClaimFacts, error) {
	list, err := c.list(ctx, request{resource: claims, namespace: ns}, "")
	if err != nil {
		return nil, err
	}
	phases := map[string]string{}
	for name := range used {
		phases[name] = "Missing"
	}
	for i := range list {
		var p corev1.PersistentVolumeClaim
		if err := fromUnstructured(list[i].Object, &p); err != nil {
			return nil, err
		}
		if used[p.Name] || p.Labels[manifest.LabelInstance] == spec.Name {
			phases[p.Name] = string(p.Status.Phase)
		}
	}
	var out []migration.ClaimFacts
	for name, phase := range phases {
		out = append(out, migration.ClaimFacts{Name: name, Phase: phase})
	}
	slices.SortFunc(out, func(a, b migration.ClaimFacts) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
