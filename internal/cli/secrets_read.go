package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/wire"
)

// secretReference is one entry of OUT/secrets.yaml.
type secretReference struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace"`
	From      string   `json:"from"`
	Keys      []string `json:"keys"`
}

// secrets are the objects that hold secrets, in the order of the conversion.
func (v conversion) secrets() []convertedObject {
	out := []convertedObject{}
	for _, o := range v.Objects {
		if o.Kind == convert.Secret {
			out = append(out, o)
		}
	}
	return out
}

// readNeeded reads from OUT which Secrets are needed. Whatever is there in a repository
// may have been changed by somebody: nothing of it is believed that is not checked.
func readNeeded(out string) (conversion, error) {
	var v conversion
	b, err := os.ReadFile(filepath.Join(out, reportName))
	if err != nil {
		return v, failed("%s: %w", out, err).with("name a directory that rehome convert --out has written")
	}
	if err := json.Unmarshal(b, &v); err != nil || v.Format != reportFormat {
		return v, failed("%s is no report of a conversion", filepath.Join(out, reportName)).with("name a directory that rehome convert --out has written")
	}
	if len(validation.IsDNS1123Label(v.Name)) > 0 || len(validation.IsDNS1123Label(v.Namespace)) > 0 {
		return v, differs(out, "its name or namespace is none")
	}
	listed, err := readSecretsFile(out)
	if err != nil {
		return v, err
	}
	need := v.secrets()
	if len(listed) != len(need) {
		return v, differs(out, secretsFile+" names other Secrets than "+reportName)
	}
	for i, s := range need {
		l := listed[i]
		if l.Name != s.Name || l.Namespace != v.Namespace || l.From != s.From || !slices.Equal(l.Keys, s.Keys) {
			return v, differs(out, secretsFile+" and "+reportName+" do not say the same of the Secret "+s.Name)
		}
		if s.From == storeKubernetes {
			return v, failed("%s was converted with --secrets kubernetes: no vault holds the Secret %s", out, s.Name).
				with("rehome convert … --apply writes it straight to the cluster; to have it come from a vault, convert with --secrets vault --vault-path MOUNT/PATH --apply")
		}
		if path.Base(s.From) != s.Name || len(s.Keys) == 0 {
			return v, differs(out, "the Secret "+s.Name+" is not kept under its own name")
		}
	}
	return v, othersBring(out, v)
}

func differs(out, why string) error {
	return failed("%s is not as convert has written it: %s", out, why).with("take it from the repository again, or convert again")
}

// othersBring refuses where something else makes the Secrets, or none is mounted.
func othersBring(out string, v conversion) error {
	for _, name := range v.Written {
		switch {
		case name == annotationsFile:
			return failed("%s was converted with --emit injector: the vault's agent brings the files, and no pod mounts a Secret", out).with("nothing has to be done here; without --emit, rehome secrets brings them")
		case strings.HasPrefix(name, "externalsecret"):
			return failed("%s was converted with --emit external-secret: the operator makes the Secrets, and would find ours in its way", out).with("apply %s; without --emit, rehome secrets brings them", filepath.Join(out, name))
		}
	}
	return nil
}

func readSecretsFile(out string) ([]secretReference, error) {
	b, err := os.ReadFile(filepath.Join(out, secretsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("%s: %w", out, err)
	}
	var document struct {
		Secrets []secretReference `json:"secrets"`
	}
	if err := yaml.UnmarshalStrict(b, &document); err != nil {
		return nil, differs(out, secretsFile+" cannot be read")
	}
	return document.Secrets, nil
}

// valuesOf reads all values from the vault. What it gives is to be forgotten, also
// beside an error.
func (p *Program) valuesOf(ctx context.Context, need conversion) ([]convert.Object, error) {
	var refs []secrets.Ref
	for _, s := range need.secrets() {
		for _, key := range s.Keys {
			ref, err := secrets.ParseRef("vault:" + s.From + "#" + key)
			if err != nil {
				return nil, failed("%s: the Secret %s: %w", reportName, s.Name, err)
			}
			refs = append(refs, ref)
		}
	}
	source, err := wire.VaultSource(wire.StoreOrder{Type: storeVault, Getenv: p.Getenv})
	if err != nil {
		return nil, err
	}
	defer func() { _ = wire.CloseStore(context.WithoutCancel(ctx), source) }()
	values, err := source.Values(ctx, refs)
	if err != nil {
		return nil, err
	}
	var objs []convert.Object
	for _, s := range need.secrets() {
		o := convert.Object{Kind: convert.Secret, Namespace: need.Namespace, Name: s.Name, Data: map[string]tree.Content{}}
		for _, key := range s.Keys {
			o.Data[key], values = values[0], values[1:]
		}
		objs = append(objs, o)
		if key, ok := decode(o, s.Base64); !ok {
			for _, rest := range values {
				clear(rest)
			}
			return objs, failed("what %s holds under %s is no base64, as it was when it was converted", s.From, key).with("vault kv metadata get %s shows when it was written; vault kv rollback brings a version back", s.From)
		}
	}
	return objs, nil
}

// decode undoes base64 in place. Beside false it gives the key that has none.
func decode(o convert.Object, keys []string) (string, bool) {
	for _, key := range keys {
		v := o.Data[key]
		plain := make([]byte, base64.StdEncoding.DecodedLen(len(v)))
		n, err := base64.StdEncoding.Decode(plain, v)
		clear(v)
		o.Data[key] = plain[:n]
		if err != nil {
			return key, false
		}
	}
	return "", true
}
