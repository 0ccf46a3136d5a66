package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// lookBound is how long one observation may take, baseBound one look at the
// images, apartBound one at what staging reaches, and probeExtra the taking of facts beyond the policy's time for it: to
// reach the machines and to bring the facts back. What takes longer is unknown.
const (
	lookBound  = 5 * time.Second
	baseBound  = 25 * time.Second
	apartBound = 25 * time.Second
	probeExtra = 45 * time.Second
)

func (e *Engine) bound(kind runbook.QueryKind) time.Duration {
	switch kind {
	case runbook.QueryInventory:
		return e.state.Policy.ProbeFor + probeExtra
	case runbook.QueryBase:
		return baseBound
	case runbook.QueryIsolation:
		return apartBound
	}
	return lookBound
}

// Observe looks at everything that queries ask for and that is not fresh
// enough, all at once, and gives all facts.
func (e *Engine) Observe(ctx context.Context, queries []runbook.Query) runbook.Facts {
	e.observe(ctx, queries)
	return e.facts
}

func (e *Engine) observe(ctx context.Context, queries []runbook.Query) {
	now := e.ports.Clock.Now()
	var due []runbook.Query
	for _, q := range queries {
		if at, ok := e.taken[id(q)]; !ok || q.MaxAge == 0 || now.Sub(at) >= q.MaxAge {
			due = append(due, q)
		}
	}
	// what takes long goes first, so that the rest is as new as it can be; and the
	// new side is probed at the addresses that the cluster has just given
	order := []runbook.QueryKind{runbook.QueryInventory, runbook.QueryCluster}
	for _, kind := range order {
		e.gather(ctx, due, func(q runbook.Query) bool { return q.Kind == kind })
	}
	e.gather(ctx, due, func(q runbook.Query) bool { return !slices.Contains(order, q.Kind) })
}

func id(q runbook.Query) string { return string(q.Kind) + "/" + q.Key() }

// gather asks in parallel and takes the answers in, in the queries' order. Facts
// that were handed out are never changed: maps are copied.
func (e *Engine) gather(ctx context.Context, queries []runbook.Query, want func(runbook.Query) bool) {
	if e.lost != nil || !slices.ContainsFunc(queries, want) {
		return
	}
	answers := make([]func(*runbook.Facts), len(queries))
	begun := e.ports.Clock.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	long := false
	for i, q := range queries {
		if !want(q) {
			continue
		}
		long = long || q.Kind == runbook.QueryInventory || q.Kind == runbook.QueryIsolation
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, e.within(e.bound(q.Kind)))
			defer cancel()
			answers[i] = e.ask(ctx, q, begun)
		})
	}
	if long {
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		e.abide(ctx, done, func() string { return e.lookingAt(queries, want, begun) })
	}
	if e.lost != nil {
		cancel()
	}
	wg.Wait()
	if e.lost != nil {
		return // what was broken off has seen nothing
	}
	f := e.facts
	f.DNS, f.Cluster, f.Probe = cloned(f.DNS), cloned(f.Cluster), cloned(f.Probe)
	for i, take := range answers {
		if take != nil {
			take(&f)
			e.taken[id(queries[i])] = begun
		}
	}
	e.facts = f
	if c := f.Cluster[migration.Production]; c.Known() {
		e.balancers = c.Value.Exposures
	}
}

// lookingAt says which look goes on that takes long.
func (e *Engine) lookingAt(queries []runbook.Query, want func(runbook.Query) bool, begun time.Time) string {
	for _, q := range queries {
		if want(q) && q.Kind == runbook.QueryInventory {
			return fmt.Sprintf("facts are taken on %s: %s of %s", strings.Join(e.state.Spec.Hosts(), ", "),
				e.ports.Clock.Now().Sub(begun).Round(time.Second), e.state.Policy.ProbeFor)
		}
	}
	return "what the pods of staging name and talk to"
}

// abide waits for what takes longer than the lease: it says that it goes on, and
// keeps the lease. Where that is lost, or a person has stopped what is done, there
// is nothing to wait for.
func (e *Engine) abide(ctx context.Context, done <-chan struct{}, what func() string) {
	tick := time.NewTicker(LeaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.notify(Event{At: e.ports.Clock.Now(), State: e.state, Looking: what()})
		if e.fence == 0 {
			continue // this engine only looks
		}
		fence, err := e.ports.Journal.Acquire(ctx, e.key, e.holder, LeaseTTL)
		if err == nil && fence != e.fence {
			err = fmt.Errorf("meanwhile: %w", ErrFenced)
		}
		if err != nil {
			e.lost = err
			return
		}
	}
}

// forget lets everything be looked at again but for what lasts long to see and
// is not changed by what is done here: machines and images.
func (e *Engine) forget() {
	maps.DeleteFunc(e.taken, func(id string, _ time.Time) bool {
		return !strings.HasPrefix(id, string(runbook.QueryInventory)) && !strings.HasPrefix(id, string(runbook.QueryBase)+"/")
	})
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m)+1)
	maps.Copy(out, m)
	return out
}

func observed[T any](v T, at time.Time, source string, err error) migration.Observed[T] {
	o := migration.Observed[T]{Value: v, At: at, Source: source}
	if err != nil {
		o.Err = err.Error()
		var h interface{ Hint() string }
		if errors.As(err, &h) && h.Hint() != "" {
			o.Err += " (" + h.Hint() + ")"
		}
	}
	return o
}

// ask makes one observation and says how to take it into the facts.
func (e *Engine) ask(ctx context.Context, q runbook.Query, at time.Time) func(*runbook.Facts) {
	spec := e.state.Spec
	switch q.Kind {
	case runbook.QueryDNS:
		v, err := e.askDNS(ctx, q)
		return func(f *runbook.Facts) { f.DNS[q.Key()] = observed(v, at, "name servers of "+q.Zone, err) }
	case runbook.QueryCluster:
		v, err := e.ports.Cluster.Observe(ctx, spec, q.Env)
		return func(f *runbook.Facts) {
			f.Cluster[q.Env] = observed(v, at, "namespace "+spec.Namespace(q.Env), err)
		}
	case runbook.QueryProbe:
		v, err := e.askProbe(ctx, q)
		return func(f *runbook.Facts) { f.Probe[q.Side] = observed(v, at, "own probe", err) }
	case runbook.QueryInventory:
		v, err := e.ports.Machines.Inventory(ctx, spec, e.state.Policy)
		return func(f *runbook.Facts) { f.Inventory = observed(v, at, strings.Join(spec.Hosts(), ", "), err) }
	case runbook.QueryBase:
		bases := Bases(ctx, e.ports.Images, e.state.Spec, e.state.Policy, e.state.File, at)
		return func(f *runbook.Facts) { f.Bases = bases }
	case runbook.QueryIsolation:
		v, err := e.isolation(ctx)
		return func(f *runbook.Facts) {
			f.Isolation = observed(v, at, "pods of "+spec.Namespace(migration.Staging), err)
		}
	case runbook.QueryBaseline:
		v, err := e.ports.Metrics.Baseline(ctx, spec.Metrics, at, e.state.Policy.BaselineFor)
		return func(f *runbook.Facts) { f.Baseline = observed(v, at, v.Source, err) }
	}
	s := e.ports.Metrics.Sample(ctx, spec.Metrics, at)
	return func(f *runbook.Facts) { f.Sample = &s }
}

// Bases looks at what the image of every workload stands on, by workload. A
// Dockerfile's path begins where file is, the migration's.
func Bases(ctx context.Context, images Images, spec migration.Spec, policy migration.Policy, file string, at time.Time) map[string]migration.Observed[migration.BaseFacts] {
	out := map[string]migration.Observed[migration.BaseFacts]{}
	for _, w := range spec.Workloads {
		if w.Dockerfile != "" && !filepath.IsAbs(w.Dockerfile) {
			w.Dockerfile = filepath.Join(filepath.Dir(file), w.Dockerfile)
		}
		v, err := images.Base(ctx, w, policy)
		out[w.Name] = observed(v, at, cmp.Or(w.Dockerfile, w.Image), err)
	}
	return out
}

func (e *Engine) askDNS(ctx context.Context, q runbook.Query) (migration.ZoneFacts, error) {
	p, ok := e.ports.DNS[q.Provider]
	if !ok {
		return migration.ZoneFacts{}, fmt.Errorf("the policy has no DNS provider named %q", q.Provider)
	}
	return p.Observe(ctx, q.Zone, q.View, q.Names)
}

// askProbe probes one side. The new side's address is what its balancer had when
// the cluster was last seen, so that probing goes on while the cluster's API is
// away; without one there is nothing to probe, and that is unknown.
func (e *Engine) askProbe(ctx context.Context, q runbook.Query) (migration.ProbeFacts, error) {
	if q.Side == migration.NewSide {
		for _, x := range e.balancers {
			q.Addresses, q.Port = append(q.Addresses, x.Addresses...), int(x.Port)
		}
		if len(q.Addresses) == 0 {
			return migration.ProbeFacts{Side: q.Side}, fmt.Errorf("the balancer has no address yet")
		}
	}
	return e.ports.Prober.Probe(ctx, q.Side, strings.TrimSuffix(q.Host, "."), q.Addresses, q.Port, q.Path)
}

// LastSample is the newest reading of the metrics, nil before the first.
func (e *Engine) LastSample() *analysis.Sample { return e.facts.Sample }

func productionHost(s migration.Spec, workload string) string {
	for _, n := range s.Names {
		if n.Workload == workload {
			return strings.TrimSuffix(n.Name, ".")
		}
	}
	return ""
}

// productionURL is the production endpoint as clients use it: by name, at the
// workload's public port, or at that of the old entry where an Ingress leads there.
func productionURL(s migration.Spec, w migration.Workload) string {
	port := s.OldEntry.Port
	if len(w.Ports) > 0 && s.Target.Exposure != migration.ExposeIngress {
		port = int(w.Ports[0].Served())
	}
	return fmt.Sprintf("http://%s:%d", productionHost(s, w.Name), port)
}
