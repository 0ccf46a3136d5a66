package cluster

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
)

func TestKeepers(t *testing.T) {
	label := func(k, v string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) { o.SetLabels(map[string]string{k: v}) }
	}
	note := func(k, v string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{k: v}) }
	}
	wrote := func(manager, subresource, fields string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			o.SetManagedFields(append(o.GetManagedFields(), metav1.ManagedFieldsEntry{
				Manager: manager, Subresource: subresource, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
			}))
		}
	}
	yes := true
	for _, c := range []struct {
		name   string
		change func(*unstructured.Unstructured)
		want   string
	}{
		{"nobody", func(*unstructured.Unstructured) {}, ""},
		{"this program", func(o *unstructured.Unstructured) {
			label(manifest.LabelManagedBy, manifest.ManagedBy)(o)
			wrote(FieldManager, "", `{"f:spec":{"f:replicas":{}}}`)(o)
		}, ""},
		{"its status", wrote("kube-controller-manager", "status", `{"f:status":{}}`), ""},
		{"its revision", wrote("kube-controller-manager", "", `{"f:metadata":{}}`), ""},
		{"Argo CD", note("argocd.argoproj.io/tracking-id", "bank:apps/Deployment:royal-bank/api"), "Argo CD bank (annotation argocd.argoproj.io/tracking-id)"},
		{"Argo CD by its label", label("argocd.argoproj.io/instance", "bank"), "Argo CD bank (label argocd.argoproj.io/instance)"},
		{"Argo CD by its manager", wrote("argocd-controller", "", `{"f:spec":{"f:replicas":{}}}`), "Argo CD (field manager argocd-controller, which sets spec.replicas)"},
		{"Flux", label("kustomize.toolkit.fluxcd.io/name", "apps"), "Flux apps (label kustomize.toolkit.fluxcd.io/name)"},
		{"Helm", note("meta.helm.sh/release-name", "bank"), "Helm bank (annotation meta.helm.sh/release-name)"},
		{"Helm by what manages it", label(manifest.LabelManagedBy, "Helm"), "Helm (label app.kubernetes.io/managed-by)"},
		{"an HPA", wrote("kube-controller-manager", "scale", `{"f:spec":{"f:replicas":{}}}`), "HPA (field manager kube-controller-manager, which sets spec.replicas)"},
		{"KEDA", wrote("keda-operator", "scale", `{"f:spec":{"f:replicas":{}}}`), "KEDA (field manager keda-operator, which sets spec.replicas)"},
		{"an operator", func(o *unstructured.Unstructured) {
			o.SetOwnerReferences([]metav1.OwnerReference{{Kind: "Cluster", Name: "bank-db", Controller: &yes}, {Kind: "Namespace", Name: "x"}})
		}, "Cluster bank-db (owner reference)"},
		{"a person", wrote("kubectl-edit", "", `{"f:spec":{}}`), ""},
		{"a tool that nobody knows", wrote("bank-operator", "", `{"f:spec":{}}`), "bank-operator (field manager bank-operator)"},
		{"one by two marks", func(o *unstructured.Unstructured) {
			note("argocd.argoproj.io/tracking-id", "bank:x")(o)
			wrote("argocd-controller", "", `{"f:spec":{"f:replicas":{}}}`)(o)
		}, "Argo CD bank (annotation argocd.argoproj.io/tracking-id, which sets spec.replicas)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &unstructured.Unstructured{Object: map[string]any{"kind": "Deployment"}}
			c.change(o)
			var got []string
			for _, k := range Keepers(o) {
				got = append(got, k.String())
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
