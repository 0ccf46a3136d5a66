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
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/vm"
)

// ReadTree reads a directory with its contents, here or on another machine, named as
// ssh://user@host:port or local. They are kept in memory alone. What cannot be read of
// it is an entry that says why.
func ReadTree(ctx context.Context, s MachineSettings, host, root string) (tree.Tree, error) {
	reach, err := vm.ParseReach(host)
	if err != nil {
		return tree.Tree{}, err
	}
	return vm.New(s).ReadTree(ctx, reach, root, vm.TreeOptions{Content: true, Partial: true})
}

// StoreOrder says which store keeps objects, and for whom. Settings are the store's
// own; no value of them is a secret.
type StoreOrder struct {
	Type       string // kubernetes or vault
	Owner      string // the application
	Namespaces []string
	Settings   map[string]string
	Path       string // of a vault
	Getenv     func(string) string
}

// Store makes the store that an order names. It reaches nobody yet.
func (r Registry) Store(o StoreOrder) (secrets.Store, error) {
	maker, ok := r.Stores[o.Type]
	if !ok {
		return nil, fmt.Errorf("unknown store of secrets %q; known are %s", o.Type, strings.Join(slices.Sorted(maps.Keys(r.Stores)), ", "))
	}
	return maker(o)
}

func newKubernetesStore(o StoreOrder) (secrets.Store, error) {
	c, err := cluster.New(migration.Connection{Name: "of the kubeconfig", Type: cluster.Type, Settings: o.Settings})
	if err != nil {
		return nil, err
	}
	return kubernetes.New(kubernetes.Options{Config: c.Config, Owner: o.Owner, Namespaces: o.Namespaces}), nil
}
