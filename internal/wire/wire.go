// Package wire turns a policy's connections into adapters. It is the only
// package that knows all of them; each type stands in one explicit table.
//
// It reaches nobody: an adapter connects when it is first used. It must not know
// the procedure.
package wire

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/dns/rfc2136"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/probe"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/smoke"
)

// Registry has a maker for each type of connection, and what needs none. A test
// gives another one to the same program.
type Registry struct {
	DNS     map[string]func(migration.Connection) (engine.DNS, error)
	Cluster map[string]func(migration.Connection) (engine.Cluster, error)
	Metrics map[string]func(migration.Connection) (engine.Metrics, error)
	// Machines, Images and Drills need no connection; nil is one that is missing.
	Machines engine.Machines
	Images   engine.Images
	Drills   engine.Drills
	Prober   engine.Prober
	Loader   engine.Loader
	Smoker   engine.Smoker
	Clock    engine.Clock
	// Stores keep converted configuration.
	Stores map[string]func(StoreOrder) (secrets.Store, error)
}

// Standard is the registry of the program: everything that a policy can name.
func Standard() Registry {
	return Registry{
		DNS:      map[string]func(migration.Connection) (engine.DNS, error){"rfc2136": newRFC2136},
		Cluster:  map[string]func(migration.Connection) (engine.Cluster, error){cluster.Type: newKubernetes},
		Metrics:  metricsSources(),
		Machines: newMachines(),
		Images:   image.New(),
		Prober:   &probe.Prober{},
		Loader:   probe.Loader{},
		Smoker:   &smoke.Runner{},
		Clock:    systemClock{},
		Stores:   map[string]func(StoreOrder) (secrets.Store, error){"kubernetes": newKubernetesStore, "vault": newVaultStore},
	}
}

// The makers keep a nil adapter beside an error from becoming a port that is
// not nil.

func newRFC2136(c migration.Connection) (engine.DNS, error) {
	p, err := rfc2136.New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func newKubernetes(c migration.Connection) (engine.Cluster, error) {
	p, err := cluster.New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Ports makes the adapters that a migration uses; journal and archive are the
// caller's. The ports are whole even beside an error, which names everything
// that could not be made: what is missing answers each call with its reason,
// so that a rollback of names can go on without metrics or cluster.
func (r Registry) Ports(spec migration.Spec, policy migration.Policy) (engine.Ports, error) {
	p := engine.Ports{
		DNS: map[string]engine.DNS{}, Machines: r.Machines, Images: r.Images, Drills: r.Drills, Prober: r.Prober, Loader: r.Loader, Smoker: r.Smoker, Clock: r.Clock,
	}
	if p.Machines == nil {
		p.Machines = noMachines{}
	}
	if p.Images == nil {
		p.Images = noImages{}
	}
	if p.Loader == nil {
		p.Loader = noLoader{}
	}
	var faults []error
	for _, name := range providersOf(spec) {
		d, err := choose("DNS provider", name, policy.DNSProviders, r.DNS)
		if err != nil {
			faults = append(faults, err)
			d = noDNS{err}
		}
		p.DNS[name] = d
	}
	var err error
	if p.Cluster, err = choose("cluster", spec.Target.Cluster, policy.Clusters, r.Cluster); err != nil {
		faults = append(faults, err)
		p.Cluster = noCluster{err}
	}
	if p.Drills == nil {
		p.Drills = newDrills(p.Cluster, p.Smoker)
	}
	if p.Metrics, err = r.metrics(spec, policy, p.Cluster); err != nil {
		faults = append(faults, err)
	}
	return p, errors.Join(faults...)
}

// providersOf are the DNS providers that a migration names, each once.
func providersOf(spec migration.Spec) []string {
	var out []string
	for _, n := range spec.Names {
		out = append(out, n.Provider)
	}
	if spec.Rehearsal != nil {
		out = append(out, spec.Rehearsal.Provider)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// choose makes the connection of that name by its type.
func choose[P any](what, name string, have []migration.Connection, types map[string]func(migration.Connection) (P, error)) (P, error) {
	var none P
	i := slices.IndexFunc(have, func(c migration.Connection) bool { return c.Name == name })
	if i < 0 {
		return none, fmt.Errorf("the policy has no %s named %q", what, name)
	}
	maker, ok := types[have[i].Type]
	if !ok {
		return none, fmt.Errorf("%s %s: unknown type %q; known are %s", what, name, have[i].Type,
			strings.Join(slices.Sorted(maps.Keys(types)), ", "))
	}
	return maker(have[i])
}
