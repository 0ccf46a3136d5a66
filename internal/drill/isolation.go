package drill

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// Isolation looks at what the pods of staging name and talk to. See engine.Drills.
// Beside the application in a pod an ephemeral container is started, which reads
// the connections and ends by itself.
func (d *Drills) Isolation(ctx context.Context, spec migration.Spec, policy migration.Policy, machines inventory.Report) (migration.IsolationFacts, error) {
	if err := inStaging(spec, migration.Staging); err != nil {
		return migration.IsolationFacts{}, fmt.Errorf("look at the staging environment: %w", err)
	}
	if err := seenDialling(machines); err != nil {
		return migration.IsolationFacts{}, fmt.Errorf("tell production's peers: %w", err)
	}
	key := migration.DigestOf([]any{spec, policy.AgentImage, machines})
	if facts, ok := d.remembered(key); ok {
		return facts, nil
	}
	found := collected{at: map[string]*migration.StagingPeer{}}
	var facts migration.IsolationFacts
	for _, w := range spec.Workloads {
		t := &trial{Drills: d, spec: spec, policy: policy, workload: w, machines: machines, bench: d.Bench(spec)}
		if err := t.isolation(ctx, &found, &facts); err != nil {
			return migration.IsolationFacts{}, fmt.Errorf("look at workload %s in staging: %w", w.Name, err)
		}
	}
	facts.Peers = found.sorted()
	d.remember(key, facts)
	return facts, nil
}

// memory is how long a look holds: it is asked for about every second while pods
// come and go.
const memory = 10 * time.Second

// lastLook is what was seen last, and of what.
type lastLook struct {
	sync.Mutex
	key   string
	at    time.Time
	facts migration.IsolationFacts
}

func (d *Drills) remembered(key string) (migration.IsolationFacts, bool) {
	d.last.Lock()
	defer d.last.Unlock()
	return d.last.facts, d.last.key == key && time.Since(d.last.at) < memory
}

func (d *Drills) remember(key string, facts migration.IsolationFacts) {
	d.last.Lock()
	defer d.last.Unlock()
	d.last.key, d.last.at, d.last.facts = key, time.Now(), facts
}

// forget lets the next look be a new one: a drill has changed what there is.
func (d *Drills) forget() { d.remember("", migration.IsolationFacts{}) }

// seenDialling says why production's peers are not known.
func seenDialling(r inventory.Report) error {
	if len(r.Machines) == 0 {
		return errors.New("there are no facts of the machines")
	}
	for _, f := range r.Machines {
		if ok, why := f.Saw(inventory.SubjectPeers); !ok {
			return fmt.Errorf("%s: %s", f.Target, why)
		}
	}
	return nil
}

// collected are peers by address.
type collected struct {
	at map[string]*migration.StagingPeer
}

func (c *collected) add(n named, where string) {
	address := n.address()
	p := c.at[address]
	if p == nil {
		p = &migration.StagingPeer{Address: address, Kind: n.kind()}
		c.at[address] = p
	}
	if !slices.Contains(p.Seen, where) {
		p.Seen = append(p.Seen, where)
	}
}

func (c *collected) sorted() []migration.StagingPeer {
	var out []migration.StagingPeer
	for _, address := range slices.Sorted(maps.Keys(c.at)) {
		p := c.at[address]
		slices.Sort(p.Seen)
		out = append(out, *p)
	}
	return out
}

// isolation looks at one workload.
func (t *trial) isolation(ctx context.Context, found *collected, facts *migration.IsolationFacts) error {
	staging, err := t.bench.Template(ctx, migration.Staging, t.workload.Name)
	if err != nil {
		return err
	}
	production, err := t.bench.Template(ctx, migration.Production, t.workload.Name)
	if err != nil {
		return err
	}
	data, err := t.bench.Data(ctx, migration.Staging, t.workload.Name)
	if err != nil {
		return err
	}
	real, err := t.bench.Data(ctx, migration.Production, t.workload.Name)
	if err != nil {
		return err
	}
	facts.Differences = append(facts.Differences, t.prefixed(slices.Concat(templateDiffers(staging, production), dataDiffer(data, real)))...)
	own := &collected{at: map[string]*migration.StagingPeer{}}
	names := []string{}
	note := func(list []named, where string) {
		for _, n := range list {
			own.add(n, where)
			names = append(names, n.host)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(staging.Env)) {
		note(peersIn(name+"="+string(staging.Env[name])), "variable "+name)
	}
	for _, d := range data {
		text := string(d.Content)
		if d.Path == "" {
			text = d.Key + "=" + text
		}
		note(peersIn(text), d.Key+" of "+d.Object)
	}
	addresses, err := t.connected(ctx, own, names)
	if err != nil {
		return err
	}
	t.production(own, addresses)
	found.merge(own)
	return nil
}

func (c *collected) merge(o *collected) {
	for address, p := range o.at {
		have := c.at[address]
		if have == nil {
			c.at[address] = p
			continue
		}
		have.Production = have.Production || p.Production
		have.Seen = append(have.Seen, p.Seen...)
	}
}

// prefixed tells the workload where there are several.
func (t *trial) prefixed(differences []string) []string {
	if len(t.spec.Workloads) > 1 {
		for i, d := range differences {
			differences[i] = "workload " + t.workload.Name + ": " + d
		}
	}
	return differences
}

// connected adds the connections that the pods hold, and resolves names as the pods
// do. Without a running pod there are no connections, and names are resolved here.
func (t *trial) connected(ctx context.Context, own *collected, names []string) (map[string][]string, error) {
	list, err := t.bench.Pods(ctx, t.workload.Name)
	if err != nil {
		return nil, err
	}
	addresses := map[string][]string{}
	for _, p := range list {
		if !p.Running {
			continue
		}
		run, err := t.enter(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("read the connections of pod %s: %w", p.Name, err)
		}
		remotes, err := run.connections(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the connections of pod %s: %w", p.Name, err)
		}
		for _, r := range remotes {
			if n, ok := hostPort(r, ""); ok {
				own.add(n, "connection of pod "+p.Name)
			}
		}
		if names = unresolved(names, addresses); len(names) > 0 {
			found, err := run.resolve(ctx, names)
			if err != nil {
				return nil, fmt.Errorf("resolve names in pod %s: %w", p.Name, err)
			}
			maps.Copy(addresses, found)
		}
	}
	if t.Resolve != nil {
		for _, name := range unresolved(names, addresses) {
			if found, err := t.Resolve(ctx, name); err == nil {
				addresses[name] = found
			}
		}
	}
	return addresses, nil
}

// unresolved are the names of which no address is known, each once.
func unresolved(names []string, known map[string][]string) []string {
	var out []string
	for _, n := range names {
		if _, err := netip.ParseAddr(n); err != nil && len(known[n]) == 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// production marks the peers that the machines were seen to dial: by name or by
// address, and by port where both have one.
func (t *trial) production(own *collected, addresses map[string][]string) {
	dialled := map[string][]int{}
	for _, f := range t.machines.Machines {
		for _, p := range f.Peers {
			if p.Direction != inventory.Dialled || p.Local {
				continue
			}
			for _, host := range []string{strings.ToLower(p.Name), p.Address} {
				if host != "" {
					dialled[host] = append(dialled[host], p.Port)
				}
			}
		}
		for _, s := range f.Stores {
			if n, ok := hostPort(s.Where, ""); ok && !s.Local {
				dialled[n.host] = append(dialled[n.host], n.port)
			}
		}
	}
	for address, p := range own.at {
		n, _ := hostPort(address, "") // by which it was read
		for _, h := range append([]string{n.host}, addresses[n.host]...) {
			if slices.ContainsFunc(dialled[h], func(d int) bool { return d == n.port || n.port == 0 || d == 0 }) {
				p.Production = true
			}
		}
	}
}

// templateDiffers says in what staging's pods are made otherwise.
func templateDiffers(s, p Template) []string {
	var out []string
	if s.Image != p.Image {
		out = append(out, fmt.Sprintf("image: %s in staging, %s in production", s.Image, p.Image))
	}
	out = append(out, keysDiffer("variable", s.Env, p.Env)...)
	for _, m := range s.Mounts {
		if !slices.Contains(p.Mounts, m) {
			out = append(out, "mount in staging alone: "+m)
		}
	}
	for _, m := range p.Mounts {
		if !slices.Contains(s.Mounts, m) {
			out = append(out, "mount in production alone: "+m)
		}
	}
	if s.Replicas != p.Replicas {
		out = append(out, fmt.Sprintf("replicas: %d in staging, %d in production", s.Replicas, p.Replicas))
	}
	if s.Resources != p.Resources {
		out = append(out, fmt.Sprintf("resources: %s in staging, %s in production", cmp.Or(s.Resources, "none"), cmp.Or(p.Resources, "none")))
	}
	return out
}

func keysDiffer(what string, s, p map[string]tree.Content) []string {
	var out []string
	all := maps.Clone(s)
	if all == nil {
		all = map[string]tree.Content{}
	}
	maps.Copy(all, p)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, inStaging := s[name]
		b, inProduction := p[name]
		switch {
		case !inProduction:
			out = append(out, fmt.Sprintf("%s %s is in staging alone", what, name))
		case !inStaging:
			out = append(out, fmt.Sprintf("%s %s is in production alone", what, name))
		case !bytes.Equal(a, b):
			out = append(out, fmt.Sprintf("%s %s differs", what, name))
		}
	}
	return out
}

// dataDiffer says which keys of objects differ, never how.
func dataDiffer(s, p []Datum) []string {
	index := func(list []Datum) map[string]tree.Content {
		out := map[string]tree.Content{}
		for _, d := range list {
			out[d.Key+" of "+d.Object] = d.Content
		}
		return out
	}
	var out []string
	for _, line := range keysDiffer("", index(s), index(p)) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// dataDiffers is what dataDiffer says where both have the key.
func dataDiffers(d Datum) string { return d.Key + " of " + d.Object + " differs" }
