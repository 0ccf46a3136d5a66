package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/rand"
)

// copyLife is how long, in seconds, a copy lives that nobody removes.
const copyLife = 900

// Copy makes a pod like the workload's, with other values of variables in the
// application's container. No Service selects it, no controller owns it, its claims
// are empty directories, and it ends by itself.
func (b *Bench) Copy(ctx context.Context, workload string, env map[string]string) (BenchPod, error) {
	o, err := b.workload(ctx, workload)
	if err != nil {
		return BenchPod{}, err
	}
	spec, ok, err := unstructured.NestedMap(o.Object, "spec", "template", "spec")
	if err != nil || !ok {
		return BenchPod{}, fmt.Errorf("read the pods' template of %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	main, err := mainOf(spec, workload)
	if err != nil {
		return BenchPod{}, err
	}
	main["env"] = withEnv(main["env"], env)
	spec["volumes"] = withClaims(o, spec["volumes"])
	spec["activeDeadlineSeconds"] = int64(copyLife)
	copied := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name": shortName(workload, "-drill-"+rand.String(5)), "namespace": b.ns, "labels": b.labels("health-truth"),
		},
		"spec": spec,
	}}
	if err := b.create(ctx, pods, copied); err != nil {
		return BenchPod{}, err
	}
	pod, err := readPod(copied)
	if err != nil {
		return BenchPod{}, err
	}
	return benchPod(pod, workload), nil
}

// mainOf is the application's container in a pod's spec, to be changed.
func mainOf(spec map[string]any, workload string) (map[string]any, error) {
	list, _ := spec["containers"].([]any)
	var first map[string]any
	for _, c := range list {
		m, ok := c.(map[string]any)
		if !ok {
			continue
		}
		if m["name"] == workload {
			return m, nil
		}
		if first == nil {
			first = m
		}
	}
	if first == nil {
		return nil, fmt.Errorf("workload %s has no container", workload)
	}
	return first, nil
}

// withEnv sets variables; what they were before, wherever it came from, is gone.
func withEnv(have any, env map[string]string) []any {
	list, _ := have.([]any)
	out := slices.DeleteFunc(slices.Clone(list), func(e any) bool {
		m, ok := e.(map[string]any)
		name, _ := m["name"].(string)
		_, other := env[name]
		return ok && other
	})
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, map[string]any{"name": name, "value": env[name]})
	}
	return out
}

// withClaims puts an empty directory in the place of each claim that a StatefulSet
// makes for its pods: the data stays that of the pod that has it.
func withClaims(o *unstructured.Unstructured, have any) []any {
	out, _ := have.([]any)
	claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	for _, c := range claims {
		m, _ := c.(map[string]any)
		if name, ok, _ := unstructured.NestedString(m, "metadata", "name"); ok {
			out = append(out, map[string]any{"name": name, "emptyDir": map[string]any{}})
		}
	}
	return out
}
