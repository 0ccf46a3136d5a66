package cluster_test

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// What an owner has made of what was rendered is compared field by field: defaults
// and additions are no difference, and the first real one is named.
func TestDelivered(t *testing.T) {
	spec := bank()
	spec.Delivery = migration.DeliveryExternal
	spec.Workloads[0].Resources = migration.Resources{CPURequestMilli: 1500, MemoryRequestBytes: 1 << 30}
	container := []string{"spec", "template", "spec"}
	tests := map[string]struct {
		change func(*unstructured.Unstructured)
		want   string
	}{
		"as rendered": {func(*unstructured.Unstructured) {}, ""},
		"with defaults and an instance label of its own": {func(o *unstructured.Unstructured) {
			set(o.Object, "Always", "spec", "template", "spec", "restartPolicy")
			o.SetLabels(map[string]string{"app.kubernetes.io/instance": "argo-app"})
			o.SetAnnotations(map[string]string{"note": "x"})
		}, ""},
		"amounts written otherwise": {func(o *unstructured.Unstructured) {
			main := first(o, container...)
			main["resources"] = map[string]any{"requests": map[string]any{"cpu": "1500m", "memory": "1024Mi"}}
		}, ""},
		"another image": {func(o *unstructured.Unstructured) { first(o, container...)["image"] = "elsewhere@sha256:0009" },
			"spec.template.spec.containers[app].image is elsewhere@sha256:0009"},
		"fewer pods": {func(o *unstructured.Unstructured) { set(o.Object, int64(1), "spec", "replicas") }, "spec.replicas is 1, and declared is 2"},
		"without its probe": {func(o *unstructured.Unstructured) { delete(first(o, container...), "readinessProbe") },
			"containers[app].readinessProbe is not there"},
		"another container in its place": {func(o *unstructured.Unstructured) { first(o, container...)["name"] = "other" }, "containers[app] is not there"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objs, err := manifest.Objects(spec, migration.Production, migration.PartWorkload, "app")
			if err != nil {
				t.Fatal(err)
			}
			o := objs[len(objs)-1]
			tt.change(o)
			s := newAPIServer(t)
			s.add(apps+"deployments/app", o.Object)
			s.add(budget, objs[0].Object)
			got := observe(t, s, spec).Workloads[0]
			if tt.want == "" && got.Differs != "" || !strings.Contains(got.Differs, tt.want) {
				t.Errorf("it differs by %q, want %q", got.Differs, tt.want)
			}
			if writes := s.seen("PATCH POST DELETE PUT"); len(writes) > 0 {
				t.Errorf("looking wrote %v", writes)
			}
		})
	}
}

func set(o map[string]any, v any, path ...string) {
	if err := unstructured.SetNestedField(o, v, path...); err != nil {
		panic(err)
	}
}

// first is the first container of a pod's template, to be changed in place.
func first(o *unstructured.Unstructured, path ...string) map[string]any {
	at := o.Object
	for _, k := range path {
		at = at[k].(map[string]any)
	}
	text, err := json.Marshal(at["containers"])
	if err != nil {
		panic(err)
	}
	var list []any
	if err := json.Unmarshal(text, &list); err != nil {
		panic(err)
	}
	at["containers"] = list
	return list[0].(map[string]any)
}
