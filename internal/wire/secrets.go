package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/kubernetes"
	"rehome.dev/rehome/internal/secrets/vault"
)

// What the command line needs to know of a vault.
type (
	ExternalOptions = vault.ExternalOptions
	InjectOptions   = vault.InjectOptions
	InjectFile      = vault.InjectFile
	VaultManifest   = vault.Manifest
)

// InBase64 says whether a vault keeps a value in base64.
var InBase64 = vault.InBase64

// The manifests by which a cluster fetches what a vault keeps.
var (
	ExternalSecrets     = vault.External
	InjectorAnnotations = vault.Annotations
)

// vaultSettings are those of a vault: where it is, and as whom. None of them is a
// secret; those of credentials name a variable or a file.
var vaultSettings = map[string]func(*vault.Options, string){
	"address":      func(o *vault.Options, v string) { o.Address = v },
	"namespace":    func(o *vault.Options, v string) { o.Namespace = v },
	"caCert":       func(o *vault.Options, v string) { o.CACert = v },
	"auth":         func(o *vault.Options, v string) { o.Auth.Method = v },
	"authMount":    func(o *vault.Options, v string) { o.Auth.Mount = v },
	"role":         func(o *vault.Options, v string) { o.Auth.Role = v },
	"tokenEnv":     func(o *vault.Options, v string) { o.Auth.TokenEnv = v },
	"tokenFile":    func(o *vault.Options, v string) { o.Auth.TokenFile = v },
	"roleIdEnv":    func(o *vault.Options, v string) { o.Auth.RoleIDEnv = v },
	"roleIdFile":   func(o *vault.Options, v string) { o.Auth.RoleIDFile = v },
	"secretIdEnv":  func(o *vault.Options, v string) { o.Auth.SecretIDEnv = v },
	"secretIdFile": func(o *vault.Options, v string) { o.Auth.SecretIDFile = v },
	"jwtFile":      func(o *vault.Options, v string) { o.Auth.JWTFile = v },
}

func openVault(o StoreOrder) (*vault.Store, error) {
	out := vault.Options{Path: o.Path, Getenv: o.Getenv}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		if name == "kubeconfig" || name == "context" {
			continue // an order may be for a cluster too: ConfigMaps have no place in a vault
		}
		set, ok := vaultSettings[name]
		if !ok {
			return nil, fmt.Errorf("a vault has no setting %q; known are %s", name, strings.Join(slices.Sorted(maps.Keys(vaultSettings)), ", "))
		}
		set(&out, o.Settings[name])
	}
	return vault.New(out)
}

func newVaultStore(o StoreOrder) (secrets.Store, error) {
	s, err := openVault(o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// VaultSource gives the values of references vault:MOUNT/PATH#KEY. The order's path
// and type do not matter to it. It reaches nobody yet.
func VaultSource(o StoreOrder) (secrets.Source, error) {
	s, err := openVault(o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// CloseStore gives back what a store or a source has logged in for.
func CloseStore(ctx context.Context, s any) error {
	if c, ok := s.(interface{ Close(context.Context) error }); ok {
		return c.Close(ctx)
	}
	return nil
}

// ServedExternalSecrets are the versions in which a cluster serves ExternalSecrets,
// none where it does not know them. The settings are a cluster's.
func ServedExternalSecrets(ctx context.Context, settings map[string]string) ([]string, error) {
	c, err := cluster.New(migration.Connection{Name: "of the kubeconfig", Type: cluster.Type, Settings: settings})
	if err != nil {
		return nil, err
	}
	return kubernetes.New(kubernetes.Options{Config: c.Config}).Served(ctx, vault.ExternalGroup, vault.ExternalResource)
}
