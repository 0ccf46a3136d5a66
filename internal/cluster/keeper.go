package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Keeper is a controller or a person that keeps an object, or some of its fields,
// as it wants it: what is changed there comes back (OWNER).
type Keeper struct {
	Who    string   `json:"who"`              // Argo CD, Flux, Helm, HPA, KEDA, or the manager's own name
	Name   string   `json:"name,omitempty"`   // the Application, release or object that does it
	How    string   `json:"how"`              // by what it was known
	Fields []string `json:"fields,omitempty"` // that a field manager holds, the telling ones
}

// String is the keeper for people.
func (k Keeper) String() string {
	text := k.Who
	if k.Name != "" {
		text += " " + k.Name
	}
	text += " (" + k.How
	if len(k.Fields) > 0 {
		text += ", which sets " + strings.Join(k.Fields, ", ")
	}
	return text + ")"
}

// Kept says of each workload that is there who else keeps it, a line for each.
func (c *Cluster) Kept(ctx context.Context, spec migration.Spec, env migration.Env) ([]string, error) {
	var out []string
	for _, w := range spec.Workloads {
		o, err := c.findWorkload(ctx, spec, spec.Namespace(env), w.Name)
		if err != nil {
			return out, err
		}
		if o == nil {
			continue
		}
		for _, k := range Keepers(o) {
			out = append(out, fmt.Sprintf("%s %s is kept by %s", o.GetKind(), o.GetName(), k))
		}
	}
	return out, nil
}

// mark is a label or annotation by which a keeper is known, and which holds its name.
type mark struct{ who, key string }

// marks are what delivering tools write on the objects that they deliver: Argo CD,
// "Resource Tracking"; Flux, kustomize-controller and helm-controller, "labels";
// Helm, "Chart Best Practices: Labels and Annotations"; KEDA's HPA.
var marks = []mark{
	{"Argo CD", "argocd.argoproj.io/tracking-id"},
	{"Argo CD", "argocd.argoproj.io/instance"},
	{"Flux", "kustomize.toolkit.fluxcd.io/name"},
	{"Flux", "helm.toolkit.fluxcd.io/name"},
	{"Helm", "meta.helm.sh/release-name"},
	{"Helm", "helm.sh/chart"},
	{"KEDA", "scaledobject.keda.sh/name"},
}

// fieldManagers are the names under which tools write.
var fieldManagers = map[string]string{
	"argocd-controller": "Argo CD", "argocd-application-controller": "Argo CD",
	"kustomize-controller": "Flux", "helm-controller": "Flux", "helm": "Helm",
	"keda-operator": "KEDA", "vpa-updater": "VPA", "vpa-admission-controller": "VPA",
}

// Keepers are those of an object, from its labels, annotations, owner references
// and managed fields. Kubernetes' own controllers and this program are none, except
// where one of them scales. Its answer is whole only for tools that leave a mark.
func Keepers(o *unstructured.Unstructured) []Keeper {
	var out []Keeper
	add := func(k Keeper) {
		i := slices.IndexFunc(out, func(h Keeper) bool { return h.Who == k.Who })
		switch {
		case i < 0:
			out = append(out, k)
		case out[i].Fields == nil:
			out[i].Fields = k.Fields
		}
	}
	for _, m := range marks {
		kind, name := "annotation", o.GetAnnotations()[m.key]
		if name == "" {
			kind, name = "label", o.GetLabels()[m.key]
		}
		if name != "" {
			name, _, _ = strings.Cut(name, ":") // of a tracking-id the application
			add(Keeper{Who: m.who, Name: name, How: kind + " " + m.key})
		}
	}
	if by := o.GetLabels()[manifest.LabelManagedBy]; by != "" && by != manifest.ManagedBy {
		add(Keeper{Who: by, How: "label " + manifest.LabelManagedBy})
	}
	for _, r := range o.GetOwnerReferences() {
		if r.Controller != nil && *r.Controller {
			add(Keeper{Who: r.Kind, Name: r.Name, How: "owner reference"})
		}
	}
	for _, f := range o.GetManagedFields() {
		k := Keeper{Who: fieldManagers[f.Manager], How: "field manager " + f.Manager}
		if f.FieldsV1 != nil && strings.Contains(f.FieldsV1.GetRawString(), `"f:replicas"`) {
			k.Fields = []string{"spec.replicas"}
		}
		switch {
		case f.Manager == FieldManager || f.Subresource == "status" || strings.HasPrefix(f.Manager, "kubectl"):
			continue // a person writes once, and does not write it again
		case f.Subresource == "scale" && k.Who == "":
			k.Who = "scaler " + f.Manager // an HPA writes as kube-controller-manager
			if f.Manager == "kube-controller-manager" {
				k.Who = "HPA"
			}
		case k.Who == "" && f.Manager == "kube-controller-manager":
			continue
		case k.Who == "":
			k.Who = f.Manager
		}
		add(k)
	}
	return out
}
