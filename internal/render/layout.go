package render

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Marker begins every file that is written, behind a "# ": by it a later call knows
// what it may replace.
const Marker = "Written by rehome render of "

// layout is a base of what both environments have in common, and an overlay for
// each with its namespace, its digests and what only it has. Building an overlay
// gives exactly the objects of its environment.
func layout(spec migration.Spec, file string, sets map[migration.Env][]*unstructured.Unstructured, choices []Choice) ([]File, error) {
	w := writer{spec: spec, file: file, choices: choices}
	common := map[string]bool{}
	for _, o := range sets[migration.Production] {
		for _, other := range sets[migration.Staging] {
			if identity(o) == identity(other) && reflect.DeepEqual(inBase(o).Object, inBase(other).Object) {
				common[identity(o)] = true
			}
		}
	}
	var base []string
	for _, o := range sets[migration.Production] {
		if common[identity(o)] {
			base = append(base, w.object("base", inBase(o)))
		}
	}
	w.kustomization("base", kustomization{resources: base, about: "what staging and production have in common"})
	for _, env := range environments {
		dir := path.Join("overlays", string(env))
		k := kustomization{namespace: spec.Namespace(env), about: "the " + string(env) + " environment"}
		if len(base) > 0 {
			k.resources = append(k.resources, "../../base")
		}
		for _, o := range sets[env] {
			if common[identity(o)] {
				k.patches = append(k.patches, digestPatch(o)...)
				continue
			}
			k.resources = append(k.resources, w.object(dir, o))
		}
		w.kustomization(dir, k)
	}
	if w.err != nil {
		return nil, w.err
	}
	slices.SortFunc(w.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return w.files, nil
}

// inBase is an object without what differs between the environments by rule.
func inBase(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	out.SetNamespace("")
	a := out.GetAnnotations()
	delete(a, manifest.DigestAnnotation)
	if len(a) == 0 {
		unstructured.RemoveNestedField(out.Object, "metadata", "annotations")
	} else {
		out.SetAnnotations(a)
	}
	return out
}

// digestPatch gives an object of the base the digest of its environment.
func digestPatch(o *unstructured.Unstructured) []string {
	digest := o.GetAnnotations()[manifest.DigestAnnotation]
	if digest == "" {
		return nil
	}
	return []string{fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  annotations:\n    %s: %q\n",
		o.GetAPIVersion(), o.GetKind(), o.GetName(), manifest.DigestAnnotation, digest)}
}

// kustomization is one kustomization.yaml.
type kustomization struct {
	about, namespace   string
	resources, patches []string
}

// writer collects files.
type writer struct {
	spec    migration.Spec
	file    string
	choices []Choice
	files   []File
	err     error
}

// head is the comment that begins a file.
func (w *writer) head(out *bytes.Buffer, about string) {
	fmt.Fprintf(out, "# %s%s: %s.\n", Marker, w.spec.Name, about)
	if w.file != "" {
		fmt.Fprintf(out, "# What is edited here is lost: edit %s.\n", path.Base(w.file))
	}
}

// object writes one object, and gives the name of its file in its directory.
func (w *writer) object(dir string, o *unstructured.Unstructured) string {
	var out bytes.Buffer
	w.head(&out, o.GetKind()+" "+o.GetName())
	for _, line := range w.reasons(o) {
		out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	text, err := manifest.YAML([]*unstructured.Unstructured{o})
	if err != nil {
		w.err = err
	}
	out.Write(text)
	name := strings.ToLower(o.GetKind()) + "-" + o.GetName() + ".yaml"
	w.files = append(w.files, File{path.Join(dir, name), out.Bytes()})
	return name
}

// reasons are the comments of an object: where each value of a workload is from,
// and what a reviewer of the others should know.
func (w *writer) reasons(o *unstructured.Unstructured) []string {
	switch o.GetKind() {
	case string(migration.KindDeployment), string(migration.KindStatefulSet):
		var out []string
		for _, c := range w.choices {
			if c.Workload == o.GetName() && !strings.HasPrefix(c.Field, "schedules ") && !strings.HasPrefix(c.Field, "networkPolicy") {
				out = append(out, c.line())
			}
		}
		if len(out) > 0 {
			out = append([]string{"", "Where its values are from:"}, out...)
		}
		return out
	case "CronJob":
		return []string{"It is suspended: until the switch the machines run it (CRON-TWICE).", "kubectl patch cronjob " + o.GetName() + ` --patch '{"spec":{"suspend":false}}'`}
	case "NetworkPolicy":
		if o.GetNamespace() == w.spec.Target.StagingNamespace && o.GetNamespace() != "" {
			return []string{"Staging may reach anything but what production lives on (STAGE-ISOLATED)."}
		}
		var out []string
		for _, c := range w.choices {
			if c.Workload == o.GetName() && strings.HasPrefix(c.Field, "networkPolicy") {
				out = append(out, c.line())
			}
		}
		return out
	case "Ingress", "HTTPRoute":
		return []string{"external-dns must leave it alone: the names are moved by the procedure (DNS-EXTERNAL-DNS)."}
	case "ServiceAccount":
		return []string{"Its token is given to no pod."}
	}
	return nil
}

// line is a choice as a comment.
func (c Choice) line() string {
	text := "  " + c.Field + " " + c.Value + ": " + string(c.From)
	if c.Why != "" {
		text += ": " + c.Why
	}
	return strings.Join(strings.Fields(text), " ")
}

// kustomization writes a kustomization.yaml by hand: its order is its reader's.
func (w *writer) kustomization(dir string, k kustomization) {
	var out bytes.Buffer
	w.head(&out, k.about)
	out.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
	if k.namespace != "" {
		fmt.Fprintf(&out, "namespace: %s\n", k.namespace)
	}
	slices.Sort(k.resources)
	if len(k.resources) == 0 {
		out.WriteString("resources: []\n")
	} else {
		out.WriteString("resources:\n")
	}
	for _, r := range k.resources {
		fmt.Fprintf(&out, "- %s\n", r)
	}
	if len(k.patches) > 0 {
		out.WriteString("patches:\n")
	}
	for _, p := range k.patches {
		out.WriteString("- patch: |\n")
		for line := range strings.Lines(p) {
			out.WriteString("    " + line)
		}
	}
	w.files = append(w.files, File{path.Join(dir, "kustomization.yaml"), out.Bytes()})
}
