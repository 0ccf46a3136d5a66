package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/wire"
)

// conversion is the report: on standard output, and without what is of one call in
// OUT/report.json.
type conversion struct {
	Format    string             `json:"format"`
	Name      string             `json:"name"`
	Namespace string             `json:"namespace"`
	Mount     string             `json:"mount"`
	Files     []convert.File     `json:"files"`
	Warnings  []convert.Warning  `json:"warnings"`
	Problems  []convert.Problem  `json:"problems,omitempty"`
	Questions []convert.Question `json:"questions,omitempty"`
	Objects   []convertedObject  `json:"objects"`
	FSGroup   int64              `json:"fsGroup,omitempty"` // that the pod needs
	Written   []string           `json:"written,omitempty"` // the files of OUT

	Changed bool              `json:"changed,omitempty"`
	DryRun  bool              `json:"dryRun,omitempty"`
	Applied []secrets.Receipt `json:"applied,omitempty"`
}

// convertedObject is an object without what it holds.
type convertedObject struct {
	Kind convert.Kind `json:"kind"`
	Name string       `json:"name"`
	Keys []string     `json:"keys"`
	From string       `json:"from,omitempty"` // where a Secret comes from
	Env  bool         `json:"env,omitempty"`  // its keys are environment variables
	// Base64 are the keys whose values a vault keeps in base64.
	Base64 []string `json:"base64,omitempty"`
}

func (p *Program) conversion(plan convert.Plan, f convertFlags) conversion {
	v := conversion{
		Format: reportFormat, Name: f.name, Namespace: f.namespace, Mount: f.mount,
		Files: plan.Files, Warnings: plan.Warnings, Problems: plan.Problems, Questions: plan.Questions,
		Objects: []convertedObject{},
	}
	if v.Files == nil {
		v.Files = []convert.File{}
	}
	if v.Warnings == nil {
		v.Warnings = []convert.Warning{}
	}
	if plan.FSGroup {
		v.FSGroup = f.fsGroup
	}
	for i, o := range plan.Objects {
		one := convertedObject{Kind: o.Kind, Name: o.Name, Keys: slices.Sorted(maps.Keys(o.Data)), Env: plan.Mounts[i].Env}
		if o.Kind == convert.Secret {
			one.From = f.secrets
			if f.secrets == storeVault {
				one.From = f.vaultPath + "/" + o.Name
				one.Base64 = slices.DeleteFunc(slices.Clone(one.Keys), func(key string) bool { return !wire.InBase64(o.Data[key]) })
			}
		}
		v.Objects = append(v.Objects, one)
	}
	return v
}

// The files of OUT beside the ConfigMaps.
const (
	kustomizationFile = "kustomization.yaml"
	mountsFile        = "mounts.yaml"
	volumeFile        = "volume.yaml"
	secretsFile       = "secrets.yaml"
)

// outFiles are all files of OUT. No byte of a Secret's content is in them.
func (p *Program) outFiles(ctx context.Context, plan convert.Plan, v conversion, f convertFlags) (map[string][]byte, error) {
	files := map[string][]byte{}
	w := &outWriter{files: files}
	for _, o := range plan.Objects {
		if o.Kind == convert.ConfigMap {
			w.configMap(o, f)
		}
	}
	if err := p.emitted(ctx, w, plan, f); err != nil {
		return nil, err
	}
	resources := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return name == annotationsFile })
	w.add(kustomizationFile, "", map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": f.namespace,
		"resources": append([]string{}, resources...),
	})
	if f.emit != emitInjector {
		w.mounts(plan, v, f)
	}
	w.secrets(v, f)
	v.Written = slices.Sorted(maps.Keys(files))
	v.Written = append(v.Written, reportName)
	slices.Sort(v.Written)
	b := &bytes.Buffer{}
	e := json.NewEncoder(b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write %s: %w", reportName, err)
	}
	files[reportName] = b.Bytes()
	return files, w.err
}

type outWriter struct {
	files map[string][]byte
	maps  int
	err   error
}

// add writes one document, below a comment.
func (w *outWriter) add(name, comment string, document any) {
	b, err := yaml.Marshal(document)
	if err != nil {
		w.err = fmt.Errorf("write %s: %w", name, err)
		return
	}
	w.files[name] = append([]byte(comment), b...)
}

// configMap writes one ConfigMap. Its file is called after its number, not after what
// it holds: a review sees what has changed.
func (w *outWriter) configMap(o convert.Object, f convertFlags) {
	w.maps++
	name := "configmap.yaml"
	if w.maps > 1 {
		name = fmt.Sprintf("configmap-%d.yaml", w.maps)
	}
	data, binary := map[string]string{}, map[string][]byte{}
	for key, v := range o.Data {
		if plainText(v) {
			data[key] = string(v)
		} else {
			binary[key] = v
		}
	}
	document := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "immutable": true,
		"metadata": map[string]any{
			"name": o.Name, "namespace": o.Namespace,
			"labels": map[string]string{manifest.LabelManagedBy: manifest.ManagedBy, manifest.LabelInstance: f.name},
		},
	}
	if len(data) > 0 {
		document["data"] = data
	}
	if len(binary) > 0 {
		document["binaryData"] = binary
	}
	w.add(name, "", document)
}

// plainText says whether every reader of YAML gives the text back as it was.
func plainText(b []byte) bool {
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == 0xfffe || r == 0xffff
	})
}

// mounts writes the volume twice: for the file of the migration, and for a pod that
// somebody else writes.
func (w *outWriter) mounts(plan convert.Plan, v conversion, f convertFlags) {
	var spec []migration.Mount
	snippet := struct {
		Security *v1alpha1.Security `json:"security,omitempty"`
		Mounts   []v1alpha1.Mount   `json:"mounts"`
	}{}
	pod, container := map[string]any{}, map[string]any{"name": f.name}
	if v.FSGroup != 0 {
		snippet.Security = &v1alpha1.Security{FSGroup: v.FSGroup}
		pod["securityContext"] = map[string]any{"fsGroup": v.FSGroup, "fsGroupChangePolicy": "OnRootMismatch"}
	}
	for _, m := range plan.Mounts {
		one, written := migration.Mount{Env: m.Env}, v1alpha1.Mount{Env: m.Env}
		if !m.Env {
			one.Path, written.Path = f.mount, f.mount
		}
		if m.Kind == convert.Secret {
			one.Secret, written.Secret = m.Name, m.Name
		} else {
			one.ConfigMap, written.ConfigMap = m.Name, m.Name
		}
		for _, i := range m.Items {
			mode, word := int32(i.Mode), fmt.Sprintf("%04o", i.Mode)
			if i.Mode == 0o644 {
				mode, word = 0, ""
			}
			if i.Mode == 0 { // of nobody: the pod's group reads it
				mode, word = 0o440, "0440"
			}
			one.Items = append(one.Items, migration.MountItem{Key: i.Key, Path: i.Path, Mode: mode})
			written.Items = append(written.Items, v1alpha1.MountItem{Key: i.Key, Path: i.Path, Mode: word})
		}
		spec, snippet.Mounts = append(spec, one), append(snippet.Mounts, written)
	}
	volumes, mounts, env, err := manifest.Volumes(spec)
	if err != nil {
		w.err = err
		return
	}
	pod["volumes"], container["volumeMounts"] = volumes, mounts
	if len(env) > 0 {
		container["envFrom"] = env
	}
	pod["containers"] = []any{container}
	w.add(mountsFile, "# For the workload in the file of the migration: spec.workloads[].\n", snippet)
	w.add(volumeFile, "# For a pod that somebody else writes: the same volume, as Kubernetes has it.\n", map[string]any{"spec": pod})
}

// secrets names what must be there before a pod can start.
func (w *outWriter) secrets(v conversion, f convertFlags) {
	type reference struct {
		Name      string   `json:"name"`
		Namespace string   `json:"namespace"`
		From      string   `json:"from"`
		Keys      []string `json:"keys"`
	}
	var all []reference
	for _, o := range v.Objects {
		if o.Kind == convert.Secret {
			all = append(all, reference{o.Name, f.namespace, o.From, o.Keys})
		}
	}
	if len(all) > 0 {
		w.add(secretsFile, "# The Secrets that must be there before a pod starts: names and keys, never values.\n# "+strings.TrimSpace(fillWord(f))+"\n", map[string]any{"secrets": all})
	}
}

func fillWord(f convertFlags) string {
	if f.secrets == storeVault {
		return "Their values are in the vault: rehome convert … --secrets vault --apply; rehome secrets brings them from there."
	}
	return "rehome convert … --apply makes them, from memory."
}
