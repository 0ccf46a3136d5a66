// Package config reads the configuration of the application: what stands in its
// directories, where secrets and addresses are written into them, and which web
// servers and balancers of this machine lead to it.
//
// It opens files for reading and nothing else, without a trace in their access
// times where the kernel allows it. No value of a setting leaves it: of a file
// it gives keyed digests, of a secret the place, of an address the address.
package config

import (
	"context"
	"path/filepath"
	"slices"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// The bounds of one reading.
const (
	mostBytes   = 64 << 20 // of all files together
	mostEntries = 10_000   // of all trees together
	mostJudged  = 4 << 20  // of a file that is searched for settings
	mostTrees   = 500
	deepest     = 64
)

// Collector reads the configuration.
type Collector struct {
	// again is called between two looks at a file; a test changes it there.
	again func(name string)
}

// New gives the collector of the configuration. It stands behind all that see
// files, listeners and the machine, whose facts it needs: of /etc/hosts it marks
// the entries that the configuration names.
func New() *Collector { return &Collector{again: func(string) {}} }

// Subjects are trees, secrets, addresses and proxies.
func (c *Collector) Subjects() []inventory.Subject {
	return append(slices.Clone(ofFiles), inventory.SubjectProxies)
}

// ofFiles are the subjects that a file hides which cannot be read.
var ofFiles = []inventory.Subject{inventory.SubjectTrees, inventory.SubjectSecrets, inventory.SubjectAddresses}

// Sample does nothing: configuration is read once.
func (c *Collector) Sample(context.Context, *scope.Scope) {}

// Finish reads everything.
func (c *Collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	r := &reading{ctx: ctx, scope: s, facts: f, again: c.again, bytes: mostBytes, entries: mostEntries, key: s.Request.Key, own: ownNames(s, f), keyFiles: map[string]bool{}}
	r.accounts()
	r.trees()
	r.units()
	r.namedKeys()
	f.Proxies = append(f.Proxies, r.proxies()...)
}

// reading is one look at the configuration.
type reading struct {
	ctx     context.Context
	scope   *scope.Scope
	facts   *inventory.Facts
	again   func(string)
	key     []byte
	own     names
	bytes   int64 // that may still be read
	entries int   // that may still be listed
	users   map[uint32]string
	groups  map[uint32]string
	// keyFiles are those that a setting names, by their path on the machine.
	keyFiles map[string]bool
}

// blind notes a file of which nothing is known: neither that it is the same
// elsewhere nor that it holds no secret and no address.
func (r *reading) blind(what, why string) {
	for _, s := range ofFiles {
		r.scope.Gaps.Add(s, inventory.Name(what), why)
	}
}

// host is where a file of the machine is for this process.
func (r *reading) host(name string) (string, error) { return resolve(r.scope.Root, name) }

// in is a file's name on the machine.
func (r *reading) in(host string) string {
	name, err := filepath.Rel(r.scope.Root, host)
	if err != nil || r.scope.Root == "" {
		return host
	}
	return filepath.Join("/", name)
}
