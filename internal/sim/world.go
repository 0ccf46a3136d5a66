package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	archive "rehome.dev/rehome/internal/archive/memory"
	cluster "rehome.dev/rehome/internal/cluster/memory"
	dns "rehome.dev/rehome/internal/dns/memory"
	drill "rehome.dev/rehome/internal/drill/memory"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	metrics "rehome.dev/rehome/internal/metrics/memory"
	"rehome.dev/rehome/internal/migration"
	store "rehome.dev/rehome/internal/store/memory"
)

// Options say what kind of world it is.
type Options struct {
	Spec      migration.Spec
	Policy    migration.Policy
	Start     time.Time
	Seed      uint64
	Rate      float64 // requests a second
	Resolvers int
	// Releases says how the pods of an image answer; others answer as the VM.
	Releases map[string]Behaviour
	Old      Behaviour
	TTL      uint32 // of the records, before anything is done
	// Machine is what a probe finds on a machine at that time; nil is the example as
	// it mostly is.
	Machine func(inventory.Target, time.Time) inventory.Facts
	// Clock replaces the virtual one that begins at Start and only sleeping moves.
	Clock engine.Clock
}

// World is everything outside the engine.
type World struct {
	Clock   engine.Clock
	DNS     *dns.Provider
	Cluster *cluster.Cluster
	Metrics *metrics.Source
	Journal *store.Store
	Archive *archive.Archive
	Drills  *drill.Drills
	Old     Behaviour

	machines  *machines
	opts      Options
	rng       *rand.Rand
	resolvers []resolver
	count     Count
	carry     float64
	mu        sync.Mutex // guards what follows: probes are made side by side
	oldDown   bool
	played    time.Time
	tick      map[string]served
	behind    map[string][]cluster.Backend
}

// New makes a world in which the application runs on its VM and nothing has
// been done yet.
func New(o Options) *World {
	w := &World{opts: o, Old: o.Old, rng: rand.New(rand.NewPCG(o.Seed, 0x5eed)), tick: map[string]served{}}
	w.machines = &machines{w: w, away: map[string]bool{}}
	w.count.By = map[migration.Side]uint64{}
	if w.Clock = o.Clock; w.Clock == nil {
		w.Clock = &Clock{now: o.Start}
	}
	w.played = o.Start
	w.DNS = dns.New(dns.Config{Now: w.Clock.Now})
	w.addZones()
	w.Cluster = cluster.New(w.Clock.Now, cluster.Options{
		Release:      func(string) cluster.Release { return cluster.Release{Boot: 3 * time.Second} },
		AddressAfter: 4 * time.Second,
		Terminate:    2 * time.Second,
	})
	for _, wl := range o.Spec.Workloads {
		for _, m := range wl.Mounts {
			for _, env := range []migration.Env{migration.Staging, migration.Production} {
				w.addConfig(o.Spec.Namespace(env), m)
			}
		}
	}
	w.Metrics = metrics.New(o.Policy.SampleEvery)
	w.Journal = store.New(w.Clock.Now)
	w.Archive = &archive.Archive{}
	w.Drills = drill.New(w.Clock.Now)
	w.Drills.Reach(migration.IsolationFacts{Peers: []migration.StagingPeer{{
		Address: "postgres." + o.Spec.Namespace(migration.Staging) + ":5432", Kind: "database", Seen: []string{"a connection of each pod"},
	}}})
	for i := range max(o.Resolvers, 1) {
		w.resolvers = append(w.resolvers, resolver{server: []string{"ns1", "ns2"}[i%2]})
	}
	return w
}

func (w *World) addConfig(namespace string, m migration.Mount) {
	if m.ConfigMap != "" {
		w.Cluster.AddConfig(namespace, "ConfigMap", m.ConfigMap)
	}
	if m.Secret != "" {
		w.Cluster.AddConfig(namespace, "Secret", m.Secret)
	}
}

// addZones lets every name lead to the old entry.
func (w *World) addZones() {
	names := append([]migration.Name{}, w.opts.Spec.Names...)
	if r := w.opts.Spec.Rehearsal; r != nil {
		names = append(names, *r)
	}
	type view struct{ zone, view string }
	sets := map[view][]migration.RRset{}
	for _, n := range names {
		v := view{n.Zone, n.View}
		sets[v] = append(sets[v], migration.RRset{Name: n.Name, Type: "A", TTL: w.opts.TTL, Data: w.opts.Spec.OldEntry.Addresses})
	}
	for v, s := range sets {
		if err := w.DNS.AddZone(v.zone, v.view, s...); err != nil {
			panic(fmt.Sprintf("zone %s: %v", v.zone, err))
		}
	}
}

// Ports are the world as the engine sees it.
func (w *World) Ports() engine.Ports {
	providers := map[string]engine.DNS{}
	for _, c := range w.opts.Policy.DNSProviders {
		providers[c.Name] = zones{w.DNS, w}
	}
	return engine.Ports{
		Journal: w.Journal, DNS: providers, Cluster: cells{w.Cluster, w}, Metrics: counters{w.Metrics, w},
		Machines: w.machines, Images: images{w}, Drills: drills{w.Drills, w}, Prober: prober{w}, Loader: loader{w}, Smoker: smoker{w}, Archive: w.Archive, Clock: w.Clock,
	}
}

// New is how the pods of an image answer.
func (w *World) New(image string) Behaviour {
	if b, ok := w.opts.Releases[image]; ok {
		return b
	}
	return w.Old
}

// Count is what the clients have seen so far.
func (w *World) Count() Count {
	w.catchUp()
	c := w.count
	c.By = map[migration.Side]uint64{migration.OldSide: w.count.By[migration.OldSide], migration.NewSide: w.count.By[migration.NewSide]}
	return c
}

// StopOld makes the old side not answer; StartOld mends it.
func (w *World) StopOld() { w.stopOld(true) }

// StartOld makes the old side answer again.
func (w *World) StartOld() { w.stopOld(false) }

func (w *World) stopOld(down bool) {
	w.catchUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.oldDown = down
}

func (w *World) oldStopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.oldDown
}

// Pass lets virtual time go by, with traffic.
func (w *World) Pass(d time.Duration) {
	_ = w.Clock.Sleep(context.Background(), d)
	w.catchUp()
}

func (w *World) port() int32 { return w.opts.Spec.Workloads[0].Ports[0].Served() }
