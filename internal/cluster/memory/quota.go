package memory

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// headroom compares the quotas that were set with what is declared; the pods that
// are there count as used. Who sets a quota says how much of it is.
func (n *namespace) headroom(spec migration.Spec, env migration.Env, now time.Time, terminate time.Duration) []migration.QuotaFacts {
	if len(n.quotas) == 0 {
		return nil
	}
	var wanted, there []*unstructured.Unstructured
	for _, w := range spec.Workloads {
		objs, err := manifest.Objects(spec, env, migration.PartWorkload, w.Name)
		if err != nil {
			continue
		}
		wanted = append(wanted, objs...)
		have := n.workloads[w.Name]
		if have == nil {
			continue
		}
		pod, _, _ := unstructured.NestedMap(objs[len(objs)-1].Object, "spec", "template", "spec")
		for range have.current(now, terminate) {
			there = append(there, &unstructured.Unstructured{Object: map[string]any{"kind": "Pod", "spec": pod}})
		}
	}
	return manifest.Headroom(wanted, there, n.quotas)
}
