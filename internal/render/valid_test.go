package render

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/scan"
)

func conform(t *testing.T) validator.Validator {
	t.Helper()
	v, err := validator.New([]string{"testdata/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mistakes are what kubeconform says of a file.
func mistakes(v validator.Validator, name string, content []byte) []string {
	var out []string
	for _, r := range v.Validate(name, io.NopCloser(bytes.NewReader(content))) {
		if r.Status != validator.Valid {
			out = append(out, fmt.Sprintf("%s: %v %v", name, r.Err, r.ValidationErrors))
		}
	}
	return out
}

// valid checks every object by Kubernetes' own description of it.
func valid(t *testing.T, r Result) {
	t.Helper()
	v := conform(t)
	for _, f := range r.Files {
		if path.Base(f.Path) == "kustomization.yaml" {
			continue
		}
		for _, m := range mistakes(v, f.Path, f.Content) {
			t.Error(m)
		}
	}
}

// What the check is worth: it sees an unknown field, a wrong type, a missing one.
func TestSchemasAreStrict(t *testing.T) {
	r, err := Render(shapes()["scaled-and-fenced"])
	if err != nil {
		t.Fatal(err)
	}
	v := conform(t)
	for _, c := range []struct{ file, old, wrong string }{
		{"deployment", "readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"},
		{"deployment", "replicas: 3", "replicas: three"},
		{"deployment", "  selector:\n", "  selektor:\n"},
		{"horizontalpodautoscaler", "maxReplicas: 8", "maxReplica: 8"},
		{"networkpolicy", "  policyTypes:", "  policies:"},
		{"poddisruptionbudget", "maxUnavailable: 1", "maxUnavailable: [1]"},
	} {
		found := false
		for _, f := range r.Files {
			if !strings.HasPrefix(path.Base(f.Path), c.file) || !bytes.Contains(f.Content, []byte(c.old)) {
				continue
			}
			found = true
			if len(mistakes(v, f.Path, bytes.Replace(f.Content, []byte(c.old), []byte(c.wrong), 1))) == 0 {
				t.Errorf("%s: nobody sees %q", f.Path, c.wrong)
			}
		}
		if !found {
			t.Errorf("no %s has %q", c.file, c.old)
		}
	}
	if len(mistakes(v, "x", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"))) == 0 {
		t.Error("a kind that nothing writes counts as valid")
	}
}

// sameObjects builds each overlay and compares it with the objects that are applied.
func sameObjects(t *testing.T, r Result) {
	t.Helper()
	for _, env := range environments {
		want, err := Objects(r.Spec, env)
		if err != nil {
			t.Fatal(err)
		}
		got := build(t, r.Files, "overlays/"+string(env))
		for _, o := range want {
			have := got[identity(o)]
			delete(got, identity(o))
			if !reflect.DeepEqual(plain(t, o.Object), have) {
				t.Errorf("%s: %s differs:\nwritten %v\napplied %v", env, identity(o), have, plain(t, o.Object))
			}
		}
		if len(got) > 0 {
			t.Errorf("%s: written and not applied: %v", env, slices.Sorted(maps.Keys(got)))
		}
	}
}

// plain is an object with the numbers as a YAML reader has them.
func plain(t *testing.T, o map[string]any) map[string]any {
	t.Helper()
	b, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := yaml.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// build is what kustomize makes of a directory, as far as the files need it:
// resources, the namespace, and patches of metadata.
func build(t *testing.T, files []File, dir string) map[string]map[string]any {
	t.Helper()
	at := map[string][]byte{}
	for _, f := range files {
		at[f.Path] = f.Content
	}
	var k struct {
		APIVersion, Kind, Namespace string
		Resources                   []string
		Patches                     []struct{ Patch string }
	}
	if err := yaml.UnmarshalStrict(at[path.Join(dir, "kustomization.yaml")], &k); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	out := map[string]map[string]any{}
	for _, res := range k.Resources {
		p := path.Join(dir, res)
		if content, ok := at[p]; ok {
			var o map[string]any
			if err := yaml.Unmarshal(content, &o); err != nil {
				t.Fatal(err)
			}
			out[identity(&unstructured.Unstructured{Object: o})] = o
			continue
		}
		maps.Copy(out, build(t, files, p))
	}
	for _, p := range k.Patches {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(p.Patch), &o); err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: o}
		to := &unstructured.Unstructured{Object: out[identity(u)]}
		if to.Object == nil || to.GetAPIVersion() != u.GetAPIVersion() {
			t.Fatalf("%s patches %s, which is not there", dir, identity(u))
		}
		a := to.GetAnnotations()
		if a == nil {
			a = map[string]string{}
		}
		maps.Copy(a, u.GetAnnotations())
		to.SetAnnotations(a)
	}
	if k.Namespace != "" {
		for _, o := range out {
			(&unstructured.Unstructured{Object: o}).SetNamespace(k.Namespace)
		}
	}
	return out
}

// noSecrets looks for the canary, and scans what is written as a check of a
// repository does.
func noSecrets(t *testing.T, r Result) {
	t.Helper()
	for _, f := range r.Files {
		if bytes.Contains(f.Content, []byte(canary)) {
			t.Errorf("%s holds the canary", f.Path)
		}
		for _, p := range scan.Locate(f.Path, f.Content) {
			t.Errorf("%s:%d: %s looks like a secret (%s)", f.Path, p.Line, p.Key, p.Rule)
		}
	}
}
