package cluster

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

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
