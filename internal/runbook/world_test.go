package runbook

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

// world is the smallest outside that the procedure can be played against. It
// answers queries and does actions at once; its faults are plain fields.
type world struct {
	now     time.Time
	spec    migration.Spec
	zones   map[string][]server
	cluster map[migration.Env]migration.ClusterFacts
	count   map[migration.Side]analysis.Counters
	errors  map[migration.Side]float64 // share of failed requests
	rate    float64                    // requests a second
	resets  int                        // how often the pods' names have changed
	owed    float64                    // of errors, less than one

	clusterErr  string
	metricsErr  string
	baselineErr string
	probeErr    map[migration.Side]string // cannot be probed
	probeBad    map[migration.Side]string // does not answer
	fates       map[string]fate           // of changes of records, by zone
	smokeFails  int
	machine     func(inventory.Target, time.Time) inventory.Facts // what a probe finds
	away        map[string]bool                                   // machines that cannot be reached
	untaken     string                                            // why no facts can be taken at all
	base        string                                            // of every image
	owner       bool                                              // somebody's controller undoes every change of replicas
	drilled     map[migration.StagingDrill]migration.DrillResult  // what a drill shows; none is that all is well
	trialFails  string                                            // why no load comes through the return path
	undrillable string                                            // why no drill can be begun
	isolation   migration.IsolationFacts
	unisolated  string // why nobody can tell what staging reaches
}

// fate is what becomes of a change of records that was sent.
type fate string

const (
	fateGood    fate = ""
	fateLost    fate = "lost"     // never arrives, and nobody says so
	fateDoubt   fate = "in doubt" // arrives, and nobody says so
	fateRefused fate = "refused"
)

// server is one authoritative server; the first of a zone is the primary.
type server struct {
	serial uint32
	sets   []migration.RRset
	silent bool
	lags   bool
}

func newWorld(spec migration.Spec, ttl uint32) *world {
	w := &world{
		now: t0, spec: spec, rate: 100,
		zones:   map[string][]server{},
		cluster: map[migration.Env]migration.ClusterFacts{migration.Staging: {}, migration.Production: {}},
		count:   map[migration.Side]analysis.Counters{},
		errors:  map[migration.Side]float64{migration.OldSide: 0.001, migration.NewSide: 0.0005},
		machine: imagined.Service, away: map[string]bool{}, base: approvedBase + "static:1",
		drilled: map[migration.StagingDrill]migration.DrillResult{},
		isolation: migration.IsolationFacts{Peers: []migration.StagingPeer{
			{Address: "postgres.royal-bank-staging:5432", Kind: "database", Seen: []string{"Secret royal-bank-api-secrets, key BANK_DATABASE"}},
		}},
		probeErr: map[migration.Side]string{}, probeBad: map[migration.Side]string{}, fates: map[string]fate{},
	}
	for _, n := range (State{Spec: spec}).allNames() {
		set := migration.RRset{Name: n.Name, Type: "A", TTL: ttl, Data: spec.OldEntry.Addresses}
		k := migration.ZoneKey(n.Zone, n.View)
		if w.zones[k] == nil {
			w.zones[k] = make([]server, 2)
		}
		for i := range w.zones[k] {
			w.zones[k][i].sets = append(w.zones[k][i].sets, set)
		}
	}
	return w
}

// clone is a world that goes its own way.
func (w *world) clone() *world {
	c := *w
	c.zones, c.cluster, c.count = maps.Clone(w.zones), maps.Clone(w.cluster), maps.Clone(w.count)
	for k := range c.zones {
		c.zones[k] = slices.Clone(c.zones[k])
	}
	c.away, c.drilled = maps.Clone(w.away), maps.Clone(w.drilled)
	c.errors, c.probeErr, c.probeBad, c.fates = maps.Clone(w.errors), maps.Clone(w.probeErr), maps.Clone(w.probeBad), maps.Clone(w.fates)
	return &c
}

// pass lets time go by, with traffic to where the first name leads.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	if d <= 0 || len(w.spec.Names) == 0 {
		return
	}
	side := migration.OldSide
	first := w.zones[migration.ZoneKey(w.spec.Names[0].Zone, w.spec.Names[0].View)][0]
	if !slices.Equal(migration.FindSet(first.sets, w.spec.Names[0].Name, "A").Data, w.spec.OldEntry.Addresses) {
		side = migration.NewSide
	}
	c := w.count[side]
	c.Requests += uint64(w.rate * d.Seconds())
	w.owed += w.rate * d.Seconds() * w.errors[side]
	c.Errors += uint64(w.owed)
	w.owed -= float64(uint64(w.owed))
	w.count[side] = c
}

// answer observes what one query asks for.
func (w *world) answer(f Facts, q Query) Facts {
	switch q.Kind {
	case QueryDNS:
		f.DNS = maps.Clone(f.DNS)
		f.DNS[q.Key()] = observe(w.now, "name servers", w.zoneFacts(q), "")
	case QueryCluster:
		f.Cluster = maps.Clone(f.Cluster)
		f.Cluster[q.Env] = observe(w.now, "cluster", w.clusterFacts(q.Env), w.clusterErr)
	case QueryProbe:
		f.Probe = maps.Clone(f.Probe)
		v, err := w.probe(q.Side)
		f.Probe[q.Side] = observe(w.now, "own probe", v, err)
	case QueryBaseline:
		n := min(w.count[migration.OldSide].Requests, uint64(3600*w.rate))
		b := analysis.Baseline{Requests: n, Errors: uint64(float64(n) * w.errors[migration.OldSide]), Dispersion: 1, At: w.now, Source: "prometheus", Vantage: "application"}
		if w.baselineErr != "" {
			b = analysis.Baseline{}
		}
		f.Baseline = observe(w.now, "prometheus", b, w.baselineErr)
	case QueryInventory:
		f.Inventory = observe(w.now, "machines", w.inventory(), w.untaken)
	case QueryBase:
		f.Bases = map[string]migration.Observed[migration.BaseFacts]{}
		for _, wl := range w.spec.Workloads {
			f.Bases[wl.Name] = observe(w.now, wl.Image, migration.BaseFacts{Workload: wl.Name, From: w.base, By: "label", Source: wl.Image, User: "10001"}, "")
		}
	case QueryIsolation:
		f.Isolation = observe(w.now, "pods of "+w.spec.Target.StagingNamespace, w.isolation, cmp.Or(w.clusterErr, w.unisolated))
	case QuerySample:
		f.Sample = w.sample()
	}
	return f
}

func observe[T any](at time.Time, source string, v T, err string) migration.Observed[T] {
	return migration.Observed[T]{Value: v, At: at, Source: source, Err: err}
}

func (w *world) zoneFacts(q Query) migration.ZoneFacts {
	out := migration.ZoneFacts{Zone: q.Zone, View: q.View}
	for i, s := range w.zones[q.Key()] {
		f := migration.ServerFacts{Server: fmt.Sprintf("ns%d", i+1), Address: fmt.Sprintf("203.0.113.%d:53", i+1)}
		if s.silent {
			f.Err = "i/o timeout"
		} else {
			f.Serial, f.Sets = s.serial, slices.DeleteFunc(slices.Clone(s.sets), func(r migration.RRset) bool { return !slices.Contains(q.Names, r.Name) })
		}
		out.Servers = append(out.Servers, f)
	}
	return out
}

func (w *world) clusterFacts(env migration.Env) migration.ClusterFacts {
	if w.clusterErr != "" {
		return migration.ClusterFacts{}
	}
	c := w.cluster[env]
	c.Namespace = w.spec.Namespace(env)
	c.Exposures = behind(c)
	for _, wl := range w.spec.Workloads {
		for _, m := range wl.Mounts {
			o := migration.ConfigFacts{Kind: "ConfigMap", Name: m.ConfigMap, Exists: true}
			if m.Secret != "" {
				o.Kind, o.Name = "Secret", m.Secret
			}
			c.Config = append(c.Config[:len(c.Config):len(c.Config)], o)
		}
	}
	return c
}

// inventory are the facts of every machine.
func (w *world) inventory() inventory.Report {
	out := inventory.Report{Format: inventory.Format}
	for _, vm := range w.spec.VMs {
		t := inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}
		if w.away[vm.Host] {
			out.Machines = append(out.Machines, inventory.Unreachable(t, w.now, "dial "+vm.Host+": no route to host"))
			continue
		}
		out.Machines = append(out.Machines, w.machine(t, w.now))
	}
	return out
}

func (w *world) probe(side migration.Side) (migration.ProbeFacts, string) {
	p := migration.ProbeFacts{Side: side, OK: w.probeBad[side] == "", Detail: w.probeBad[side]}
	if side == migration.OldSide || w.probeErr[side] != "" {
		return p, w.probeErr[side]
	}
	c := w.cluster[migration.Production]
	if len(c.Exposures) == 0 {
		return p, "the balancer has no address yet"
	}
	for _, wl := range c.Workloads {
		if len(wl.Pods) == 0 {
			p.OK, p.Detail = false, "connection refused"
		}
	}
	return p, ""
}

func (w *world) sample() *analysis.Sample {
	if w.metricsErr != "" {
		return &analysis.Sample{At: w.now, Missing: w.metricsErr}
	}
	return &analysis.Sample{
		At:  w.now,
		New: map[string]analysis.Counters{"pods": w.count[migration.NewSide]},
		Old: map[string]analysis.Counters{"vm": w.count[migration.OldSide]},
	}
}
