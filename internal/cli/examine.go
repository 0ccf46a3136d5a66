package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/wire"
)

// examiner looks at one integration after the other, all at once.
type examiner struct {
	p      *Program
	spec   migration.Spec
	policy migration.Policy
	ports  engine.Ports
}

func (x examiner) all(ctx context.Context) []finding {
	looks := []func(context.Context) []finding{x.journal}
	for _, z := range x.zones() {
		looks = append(looks, func(ctx context.Context) []finding { return x.dns(ctx, z) })
	}
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		looks = append(looks, func(ctx context.Context) []finding { return x.cluster(ctx, env) })
	}
	for _, vm := range x.spec.VMs {
		looks = append(looks, func(ctx context.Context) []finding { return x.machine(ctx, vm) })
	}
	looks = append(looks, x.metrics, x.oldSide)
	found := make([][]finding, len(looks))
	var all sync.WaitGroup
	for i, look := range looks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, examineBound)
			defer cancel()
			found[i] = look(ctx)
		})
	}
	all.Wait()
	var out []finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

func good(part, target, format string, args ...any) finding {
	return finding{Part: part, Target: target, OK: true, Detail: fmt.Sprintf(format, args...)}
}

func bad(part, target string, err error, hint string) finding {
	if h := hintFor(err); h != "" {
		hint = h
	}
	return finding{Part: part, Target: target, Detail: err.Error(), Hint: hint}
}

// journal sees whether the state directory can be used, without making it.
func (x examiner) journal(ctx context.Context) []finding {
	dir, err := x.p.stateDir()
	if err != nil {
		return []finding{bad("journal", "state directory", err, "name one with --state")}
	}
	path := wire.JournalPath(dir)
	j, err := wire.ReadJournal(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := writable(dir); err != nil {
			return []finding{bad("journal", path, err, "")}
		}
		return []finding{good("journal", path, "not there yet; the first run makes it")}
	case err != nil:
		return []finding{bad("journal", path, err, "")}
	}
	defer j.Close()
	if _, err := j.List(ctx); err != nil {
		return []finding{bad("journal", path, err, "")}
	}
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return []finding{bad("journal", path, err, "")}
	} else {
		f.Close()
	}
	if err := writable(dir); err != nil {
		return []finding{bad("journal", path, err, "")}
	}
	return []finding{good("journal", path, "can be read and written")}
}

// writable tries a file in a directory, or in the nearest one that is there.
func writable(dir string) error {
	for {
		f, err := os.CreateTemp(dir, ".rehome-*")
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
}

// zone is one zone in one view, with the names in it.
type zone struct {
	zone, view, provider string
	names                []string
}

func (x examiner) zones() []zone {
	var out []zone
	names := x.spec.Names
	if x.spec.Rehearsal != nil {
		names = append(names[:len(names):len(names)], *x.spec.Rehearsal)
	}
	at := map[string]int{}
	for _, n := range names {
		key := migration.ZoneKey(n.Zone, n.View)
		if _, ok := at[key]; !ok {
			at[key] = len(out)
			out = append(out, zone{zone: n.Zone, view: n.View, provider: n.Provider})
		}
		out[at[key]].names = append(out[at[key]].names, n.Name)
	}
	return out
}

// dns asks every name server of a zone, and tries a signed update.
func (x examiner) dns(ctx context.Context, z zone) []finding {
	key := "zone " + migration.ZoneKey(z.zone, z.view)
	port := x.ports.DNS[z.provider]
	facts, err := port.Observe(ctx, z.zone, z.view, z.names)
	if err != nil {
		return []finding{bad("dns", key, err, "check the settings server and servers of "+z.provider)}
	}
	var out []finding
	for _, s := range facts.Servers {
		target := strings.TrimSpace(s.Server + " " + s.Address)
		if s.Err != "" {
			out = append(out, finding{Part: "dns", Target: target, Detail: s.Err, Hint: "see that it is up and that this host may ask it"})
			continue
		}
		out = append(out, good("dns", target, "answers for %s, serial %d", z.zone, s.Serial))
	}
	out = append(out, x.recordsOf(z, facts)...)
	if c, ok := port.(updateChecker); ok {
		if err := c.Check(ctx, z.zone); err != nil {
			return append(out, bad("dns", key, err, "compare the TSIG key of "+z.provider+" with the server's"))
		}
		out = append(out, good("dns", key, "takes a signed update"))
	}
	return out
}

// recordsOf sees that every name has a record that could be moved.
func (x examiner) recordsOf(z zone, facts migration.ZoneFacts) []finding {
	var out []finding
	for _, name := range z.names {
		var sets []string
		for _, s := range facts.Servers {
			for _, set := range s.Sets {
				if set.Name == name && set.Type != "TXT" && len(set.Data) > 0 {
					sets = append(sets, set.String())
				}
			}
			if len(sets) > 0 {
				break
			}
		}
		if len(sets) == 0 {
			out = append(out, finding{Part: "dns", Target: name, Detail: "no server has a record for it",
				Hint: fmt.Sprintf("add one that leads to %s", joined(x.spec.OldEntry.Addresses))})
			continue
		}
		out = append(out, good("dns", name, "%s", joined(sets)))
	}
	return out
}

// cluster looks into one namespace, and asks for each permission.
func (x examiner) cluster(ctx context.Context, env migration.Env) []finding {
	target := fmt.Sprintf("%s, namespace %s", x.spec.Target.Cluster, x.spec.Namespace(env))
	var out []finding
	facts, err := x.ports.Cluster.Observe(ctx, x.spec, env)
	if err != nil {
		out = append(out, bad("cluster", target, err, "check the kubeconfig of "+x.spec.Target.Cluster))
	} else {
		out = append(out, good("cluster", target, "can be looked at"))
	}
	for _, o := range facts.Config {
		if !o.Exists {
			out = append(out, finding{Part: "cluster", Target: target, Detail: fmt.Sprintf("%s %s is missing", o.Kind, o.Name), Hint: "create it; a Secret never from a file in a repository"})
		}
	}
	if err == nil {
		out = append(out, x.keepers(ctx, env, target)...)
	}
	c, ok := x.ports.Cluster.(accessChecker)
	if !ok {
		return out
	}
	denied, err := c.Denied(ctx, x.spec, env)
	switch {
	case err != nil:
		return append(out, bad("cluster", target, fmt.Errorf("ask for permissions: %w", err), ""))
	case len(denied) > 0:
		return append(out, finding{Part: "cluster", Target: target, Detail: "not allowed: " + joined(denied), Hint: "rehome doctor FILE --rbac prints the least Role"})
	}
	return append(out, good("cluster", target, "every permission is granted"))
}

// keepers names who else keeps what is deployed: what a rollback changes, it would
// put back. With an external delivery that is as it is meant.
func (x examiner) keepers(ctx context.Context, env migration.Env, target string) []finding {
	c, ok := x.ports.Cluster.(keeperChecker)
	if !ok {
		return nil
	}
	kept, err := c.Kept(ctx, x.spec, env)
	if err != nil {
		return []finding{bad("cluster", target, fmt.Errorf("look who keeps the workloads: %w", err), "")}
	}
	var out []finding
	for _, k := range kept {
		if x.spec.Delivery == migration.DeliveryExternal {
			out = append(out, good("cluster", target, "%s", k))
			continue
		}
		out = append(out, finding{Part: "cluster", Target: target, Detail: k, Hint: "let it give the workload up, or pause it before the switch: what a rollback scales down it would scale up again (OWNER)"})
	}
	return out
}

// metrics reads both sides now from each source, and the old one's past from the first
// that remembers one.
func (x examiner) metrics(ctx context.Context) []finding {
	m, now := x.spec.Metrics, x.p.now()
	sources := wire.MetricsSources(x.ports.Metrics, m)
	found := make([]finding, len(sources))
	var all sync.WaitGroup
	for i, source := range sources {
		all.Go(func() {
			s := source.Port.Sample(ctx, source.As, now)
			if s.Missing != "" {
				found[i] = bad("metrics", source.Name, errors.New(s.Missing), "check how the source is reached, and the selectors")
				return
			}
			found[i] = good("metrics", source.Name, "%d series of the old side, %d of the new one", len(s.Old), len(s.New))
		})
	}
	all.Wait()
	if !sources[0].Remembers {
		return slices.Concat(found, []finding{good("metrics", "baseline", "%s remembers nothing: the step baseline looks until it has seen %d requests", sources[0].Name, x.policy.BaselineMin)})
	}
	return slices.Concat(found, x.baseline(ctx, now))
}

// baseline reads the old side's past.
func (x examiner) baseline(ctx context.Context, now time.Time) []finding {
	var out []finding
	b, err := x.ports.Metrics.Baseline(ctx, x.spec.Metrics, now, x.policy.BaselineFor)
	switch {
	case err != nil:
		return append(out, bad("metrics", "baseline", err, "check the selectors of the old side"))
	case b.Requests < x.policy.BaselineMin:
		return append(out, finding{Part: "metrics", Target: "baseline",
			Detail: fmt.Sprintf("%d requests in %s, the policy demands %d", b.Requests, span(x.policy.BaselineFor), x.policy.BaselineMin),
			Hint:   "give it time, or look back for longer: baseline.for in the policy"})
	}
	return append(out, good("metrics", "baseline", "%d requests in %s, %d errors", b.Requests, span(x.policy.BaselineFor), b.Errors))
}

// machine reaches one machine as the probe does, and takes no facts.
func (x examiner) machine(ctx context.Context, vm migration.VM) []finding {
	c, ok := x.ports.Machines.(machineChecker)
	if !ok {
		return nil
	}
	what, err := c.Check(ctx, vm, x.policy)
	if err != nil {
		return []finding{bad("machine", vm.Host, err, "check vms[].reach, and ssh in the policy")}
	}
	return []finding{good("machine", vm.Host, "%s", what)}
}

// oldSide probes what the names lead to today.
func (x examiner) oldSide(ctx context.Context) []finding {
	e := x.spec.OldEntry
	target := fmt.Sprintf("%s port %d", joined(e.Addresses), e.Port)
	host := ""
	if len(x.spec.Names) > 0 {
		host = strings.TrimSuffix(x.spec.Names[0].Name, ".")
	}
	f, err := x.ports.Prober.Probe(ctx, migration.OldSide, host, e.Addresses, e.Port, e.ProbePath)
	switch {
	case err != nil:
		return []finding{bad("old side", target, err, "check oldEntry")}
	case !f.OK:
		return []finding{{Part: "old side", Target: target, Detail: f.Detail, Hint: "it must serve: a rollback leads back to it"}}
	}
	return []finding{good("old side", target, "answers %s in %s", e.ProbePath, time.Duration(f.Latency)*time.Microsecond)}
}
