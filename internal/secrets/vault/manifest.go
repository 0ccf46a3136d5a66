package vault

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
)

// The resource of the External Secrets Operator.
const (
	ExternalGroup    = "external-secrets.io"
	ExternalResource = "externalsecrets"
)

// Manifest is an object for the cluster, without a value in it.
type Manifest struct {
	Name string
	YAML []byte
}

// ExternalOptions say how the cluster's operator reaches the vault.
type ExternalOptions struct {
	// Store is the SecretStore that the operator has, or with Cluster the
	// ClusterSecretStore.
	Store   string
	Cluster bool
	// Path is where the objects are kept, as the SecretStore sees it: below its own
	// path, the mount, where it has one.
	Path string
	// Owner is the application: the value of the label app.kubernetes.io/instance.
	Owner string
	// Receipts are those of Put: with them the version is said that is to be read.
	Receipts []secrets.Receipt
}

// External writes an ExternalSecret for each Secret, which the operator makes into a
// Secret of the same name, immutable and with the same keys. served are the versions
// in which the cluster has the resource, by its preference; v1 is taken where it is
// served, and otherwise v1beta1.
func External(objs []convert.Object, served []string, o ExternalOptions) ([]Manifest, error) {
	fails := func(why, help string) error {
		return &secrets.Error{Op: "write an ExternalSecret", Err: secrets.ErrMissing, Why: why, Help: help}
	}
	version := ""
	for _, v := range []string{"v1beta1", "v1"} {
		if slices.Contains(served, v) {
			version = v
		}
	}
	switch {
	case len(served) == 0:
		return nil, fails("the cluster does not serve "+ExternalResource+"."+ExternalGroup, "install the External Secrets Operator, or let the vault's agent inject the files")
	case version == "":
		return nil, fails("the cluster serves "+strings.Join(served, ", ")+" of it, and known here are v1 and v1beta1", "use another rehome, or another version of the operator")
	case o.Store == "":
		return nil, fails("nobody names the SecretStore", "name the one that leads to the vault: kubectl get secretstores,clustersecretstores -A")
	}
	var out []Manifest
	for _, obj := range objs {
		if obj.Kind != convert.Secret {
			continue
		}
		b, err := yaml.Marshal(external(obj, version, o))
		if err != nil {
			return nil, fmt.Errorf("write the ExternalSecret %s: %w", obj.Name, err)
		}
		out = append(out, Manifest{obj.Name, b})
	}
	return out, nil
}

func external(obj convert.Object, version string, o ExternalOptions) map[string]any {
	kind := "SecretStore"
	if o.Cluster {
		kind = "ClusterSecretStore"
	}
	var data []any
	for _, key := range slices.Sorted(maps.Keys(obj.Data)) {
		ref := map[string]any{"key": path.Join(o.Path, obj.Name), "property": key, "decodingStrategy": "None", "conversionStrategy": "Default"}
		if InBase64(obj.Data[key]) {
			ref["decodingStrategy"] = "Base64"
		}
		if v := versionOf(obj, o.Receipts); v > 0 {
			ref["version"] = strconv.Itoa(v)
		}
		data = append(data, map[string]any{"secretKey": key, "remoteRef": ref})
	}
	spec := map[string]any{
		"refreshInterval": "0s", // once: what it makes is immutable
		"secretStoreRef":  map[string]any{"kind": kind, "name": o.Store},
		"target":          map[string]any{"name": obj.Name, "creationPolicy": "Owner", "deletionPolicy": "Retain", "immutable": true},
		"data":            data,
	}
	if version == "v1" {
		spec["refreshPolicy"] = "CreatedOnce"
	}
	return map[string]any{
		"apiVersion": ExternalGroup + "/" + version, "kind": "ExternalSecret", "spec": spec,
		"metadata": map[string]any{"name": obj.Name, "namespace": obj.Namespace, "labels": map[string]any{"app.kubernetes.io/managed-by": "rehome", "app.kubernetes.io/instance": o.Owner}},
	}
}

func versionOf(obj convert.Object, receipts []secrets.Receipt) int {
	i := slices.IndexFunc(receipts, func(r secrets.Receipt) bool {
		return r.Kind == obj.Kind && r.Namespace == obj.Namespace && r.Name == obj.Name && (r.Done == secrets.Written || r.Done == secrets.There)
	})
	if i < 0 {
		return 0
	}
	return receipts[i].Version
}

// InjectOptions say how the vault's agent reaches the vault, and where files belong.
type InjectOptions struct {
	Role  string // of the vault's method kubernetes, for the pod's account
	Mount string // of the engine: "kv"
	Path  string // below it: "apps/bank"
	Dir   string // in the pod, where the files are to be: "/etc/bank"
	Files []InjectFile
	// Receipts are those of Put: with them the version is said that is to be read.
	Receipts []secrets.Receipt
}

// InjectFile is one key of an object as a file below Dir.
type InjectFile struct {
	Object, Key string
	Path        string // relative
	Mode        uint32 // 0 is 0644, as the injector has it
}

// Annotations are those of a pod for which the vault's agent injector puts the files
// there before the application starts.
func Annotations(objs []convert.Object, o InjectOptions) (map[string]string, error) {
	const prefix = "vault.hashicorp.com/"
	out := map[string]string{
		prefix + "agent-inject": "true", prefix + "agent-pre-populate-only": "true", prefix + "role": o.Role,
		prefix + "secret-volume-path": o.Dir,
	}
	for n, f := range o.Files {
		i := slices.IndexFunc(objs, func(x convert.Object) bool { return x.Kind == convert.Secret && x.Name == f.Object })
		if i < 0 {
			return nil, &secrets.Error{Op: "write the annotations for " + f.Path, Err: secrets.ErrMissing, Why: "there is no Secret " + f.Object}
		}
		value, ok := objs[i].Data[f.Key]
		if !ok {
			return nil, &secrets.Error{Op: "write the annotations for " + f.Path, Err: secrets.ErrMissing, Why: "the Secret " + f.Object + " has no key " + f.Key}
		}
		at := place{strings.Trim(o.Mount, "/"), path.Join(o.Path, f.Object)}.data()
		if v := versionOf(objs[i], o.Receipts); v > 0 {
			at += "?version=" + strconv.Itoa(v)
		}
		decode := ""
		if InBase64(value) {
			decode = " | base64Decode"
		}
		name := fmt.Sprintf("f%03d", n) // a name of an annotation is shorter than a path may be
		out[prefix+"agent-inject-secret-"+name] = at
		out[prefix+"agent-inject-file-"+name] = f.Path
		out[prefix+"agent-inject-template-"+name] = fmt.Sprintf("{{- with secret %q -}}{{ index .Data.data %q%s }}{{- end -}}", at, f.Key, decode)
		if f.Mode != 0 {
			out[prefix+"agent-inject-perms-"+name] = fmt.Sprintf("%04o", f.Mode&0o777)
		}
	}
	return out, nil
}
