package faults

import (
	"context"
	"maps"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Wrap gives the same ports, with the rig before each.
func (r *Rig) Wrap(p engine.Ports) engine.Ports {
	out := p
	out.Journal = journal{p.Journal, r}
	out.Cluster = cluster{p.Cluster, r}
	out.Metrics = metrics{p.Metrics, r}
	out.Machines = machines{p.Machines, r}
	out.Images = images{p.Images, r}
	out.Drills = drills{p.Drills, r}
	out.Prober = prober{p.Prober, r}
	out.Loader = loader{p.Loader, r}
	out.Smoker = smoker{p.Smoker, r}
	out.Archive = archive{p.Archive, r}
	out.DNS = map[string]engine.DNS{}
	for _, name := range slices.Sorted(maps.Keys(p.DNS)) {
		out.DNS[name] = names{p.DNS[name], r}
	}
	return out
}

type names struct {
	engine.DNS
	r *Rig
}

func (n names) Observe(ctx context.Context, zone, view string, list []string) (migration.ZoneFacts, error) {
	return read(ctx, n.r, "dns.observe", migration.ZoneKey(zone, view), func() (migration.ZoneFacts, error) {
		return n.DNS.Observe(ctx, zone, view, list)
	})
}

func (n names) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	return n.r.change(ctx, "dns.swap", string(c.Purpose), c, func(ctx context.Context) (migration.Outcome, error) {
		return n.DNS.Swap(ctx, c)
	})
}

type cluster struct {
	engine.Cluster
	r *Rig
}

func (c cluster) Observe(ctx context.Context, s migration.Spec, env migration.Env) (migration.ClusterFacts, error) {
	return read(ctx, c.r, "cluster.observe", string(env), func() (migration.ClusterFacts, error) { return c.Cluster.Observe(ctx, s, env) })
}

func (c cluster) Apply(ctx context.Context, s migration.Spec, a migration.Apply) (migration.Outcome, error) {
	return c.r.change(ctx, "cluster.apply", string(a.Env)+"-"+string(a.Part), a, func(ctx context.Context) (migration.Outcome, error) {
		return c.Cluster.Apply(ctx, s, a)
	})
}

func (c cluster) Remove(ctx context.Context, s migration.Spec, a migration.Remove) (migration.Outcome, error) {
	return c.r.change(ctx, "cluster.remove", string(a.Env)+"-"+string(a.Part), a, func(ctx context.Context) (migration.Outcome, error) {
		return c.Cluster.Remove(ctx, s, a)
	})
}

func (c cluster) Scale(ctx context.Context, s migration.Spec, a migration.Scale) (migration.Outcome, error) {
	return c.r.change(ctx, "cluster.scale", string(a.Env), a, func(ctx context.Context) (migration.Outcome, error) {
		return c.Cluster.Scale(ctx, s, a)
	})
}

func (c cluster) Turn(ctx context.Context, s migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error) {
	return c.r.change(ctx, "cluster.turn", string(a.Env)+"-"+string(a.To), a, func(ctx context.Context) (migration.Outcome, error) {
		return c.Cluster.Turn(ctx, s, a)
	})
}

func (c cluster) Forward(ctx context.Context, s migration.Spec, env migration.Env, workload string) (string, func(), error) {
	var closed func()
	url, err := read(ctx, c.r, "cluster.forward", string(env), func() (url string, err error) {
		url, closed, err = c.Cluster.Forward(ctx, s, env, workload)
		return url, err
	})
	return url, closed, err
}

func (c cluster) Logs(ctx context.Context, s migration.Spec, env migration.Env, workload string, lines int64) (map[string][]byte, error) {
	return read(ctx, c.r, "cluster.logs", string(env), func() (map[string][]byte, error) {
		return c.Cluster.Logs(ctx, s, env, workload, lines)
	})
}

type metrics struct {
	engine.Metrics
	r *Rig
}

// Sample has no error: what fails is missing. A stale one is a back end that
// has stopped scraping and goes on answering.
func (m metrics) Sample(ctx context.Context, q migration.Metrics, at time.Time) analysis.Sample {
	s, err := read(ctx, m.r, "metrics.sample", "", func() (analysis.Sample, error) { return m.Metrics.Sample(ctx, q, at), nil })
	if err != nil {
		return analysis.Sample{At: at, Missing: err.Error()}
	}
	s.At = at
	return s
}

func (m metrics) Baseline(ctx context.Context, q migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	return read(ctx, m.r, "metrics.baseline", "", func() (analysis.Baseline, error) { return m.Metrics.Baseline(ctx, q, at, over) })
}

type machines struct {
	engine.Machines
	r *Rig
}

func (m machines) Inventory(ctx context.Context, s migration.Spec, p migration.Policy) (inventory.Report, error) {
	return read(ctx, m.r, "machines.inventory", "", func() (inventory.Report, error) { return m.Machines.Inventory(ctx, s, p) })
}

type images struct {
	engine.Images
	r *Rig
}

func (i images) Base(ctx context.Context, w migration.Workload, p migration.Policy) (migration.BaseFacts, error) {
	return read(ctx, i.r, "images.base", w.Name, func() (migration.BaseFacts, error) { return i.Images.Base(ctx, w, p) })
}

type drills struct {
	engine.Drills
	r *Rig
}

func (d drills) Isolation(ctx context.Context, s migration.Spec, p migration.Policy, machines inventory.Report) (migration.IsolationFacts, error) {
	return read(ctx, d.r, "drills.isolation", "", func() (migration.IsolationFacts, error) { return d.Drills.Isolation(ctx, s, p, machines) })
}

// Drill is a change: it disturbs what it is made on, and its answer can be lost.
func (d drills) Drill(ctx context.Context, s migration.Spec, p migration.Policy, a migration.RunDrill, machines inventory.Report) (migration.DrillResult, error) {
	var res migration.DrillResult
	_, err := d.r.change(ctx, "drills.drill", string(a.Drill), a, func(ctx context.Context) (migration.Outcome, error) {
		var err error
		if res, err = d.Drills.Drill(ctx, s, p, a, machines); err != nil {
			return migration.OutcomeNotDone, err
		}
		return migration.OutcomeDone, nil
	})
	if err != nil {
		return migration.DrillResult{}, err
	}
	return res, nil
}

type prober struct {
	engine.Prober
	r *Rig
}

func (p prober) Probe(ctx context.Context, side migration.Side, host string, addresses []string, port int, path string) (migration.ProbeFacts, error) {
	return read(ctx, p.r, "prober.probe", string(side), func() (migration.ProbeFacts, error) {
		return p.Prober.Probe(ctx, side, host, addresses, port, path)
	})
}

type loader struct {
	engine.Loader
	r *Rig
}

func (l loader) Load(ctx context.Context, host string, addresses []string, port int, rate float64, over time.Duration, old migration.OldEntry) (migration.TrialResult, error) {
	return read(ctx, l.r, "loader.load", "", func() (migration.TrialResult, error) {
		return l.Loader.Load(ctx, host, addresses, port, rate, over, old)
	})
}

type smoker struct {
	engine.Smoker
	r *Rig
}

func (s smoker) Smoke(ctx context.Context, suite migration.Smoke, via, url, host string) (migration.SmokeResult, error) {
	return read(ctx, s.r, "smoker.smoke", via, func() (migration.SmokeResult, error) { return s.Smoker.Smoke(ctx, suite, via, url, host) })
}

type archive struct {
	engine.Archive
	r *Rig
}

func (a archive) Incident(ctx context.Context, key string, inc migration.Incident) (string, error) {
	return read(ctx, a.r, "archive.incident", "", func() (string, error) { return a.Archive.Incident(ctx, key, inc) })
}

func (a archive) Logs(ctx context.Context, key, incident, name string, text []byte) (string, error) {
	return read(ctx, a.r, "archive.logs", "", func() (string, error) { return a.Archive.Logs(ctx, key, incident, name, text) })
}
