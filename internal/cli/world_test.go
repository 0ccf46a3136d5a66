package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim"
	"rehome.dev/rehome/internal/wire"
)

// world is a virtual world behind the registry of a script.
type world struct {
	*sim.World
	spec migration.Spec
}

// badImage is an image that passes its smoke test and fails one request in twenty.
const badImage = "registry.golemtrust.am/royal-bank-api@sha256:bad0000000000000000000000000000000000000000000000000000000000bad"

var worldBegins = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// makeWorld FILE puts a world behind the adapters, in which the application that
// the file declares runs on its machine.
func makeWorld(ts *testscript.TestScript, _ bool, args []string) {
	l, err := config.Load(ts.MkAbs(args[0]), "")
	ts.Check(err)
	s := of(ts)
	var w *sim.World
	s.registry, w = registryOf(l)
	s.world = &world{w, l.Spec}
}

// registryOf is a registry whose adapters all lead into one virtual world.
func registryOf(l config.Loaded) (wire.Registry, *sim.World) {
	w := sim.New(sim.Options{
		Spec: l.Spec, Policy: l.Policy, Start: worldBegins, Seed: 1, Rate: 40, Resolvers: 8, TTL: 300,
		Old:      sim.Behaviour{ErrorRate: 0.001, Latency: 20 * time.Millisecond},
		Releases: map[string]sim.Behaviour{badImage: {ErrorRate: 0.05, Latency: 20 * time.Millisecond}},
	})
	w.Pass(l.Policy.BaselineFor)
	p := w.Ports()
	return wire.Registry{
		DNS:      map[string]func(migration.Connection) (engine.DNS, error){"rfc2136": func(c migration.Connection) (engine.DNS, error) { return p.DNS[c.Name], nil }},
		Cluster:  map[string]func(migration.Connection) (engine.Cluster, error){"kubernetes": func(migration.Connection) (engine.Cluster, error) { return p.Cluster, nil }},
		Metrics:  map[string]func(migration.Connection) (engine.Metrics, error){"prometheus": func(migration.Connection) (engine.Metrics, error) { return p.Metrics, nil }},
		Machines: p.Machines, Images: p.Images, Drills: p.Drills,
		Prober: p.Prober, Loader: p.Loader, Smoker: p.Smoker, Clock: w.Clock,
	}, w
}

// pass DURATION lets virtual time go by, with traffic.
func pass(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	of(ts).world.Pass(d)
}

// foreignRecord ADDRESS is somebody in the provider's console.
func foreignRecord(ts *testscript.TestScript, _ bool, args []string) {
	w := of(ts).world
	n := w.spec.Names[0]
	ts.Check(w.DNS.Set("console", n.Zone, n.View, migration.RRset{Name: n.Name, Type: "A", TTL: 60, Data: []string{args[0]}}))
}

// drill NAME VERDICT TEXT says what an experiment will show; pass needs no text.
func drill(ts *testscript.TestScript, _ bool, args []string) {
	var res migration.DrillResult
	if args[1] != "pass" {
		res = migration.DrillResult{Text: args[2], Remedy: "mend the release"}
		ts.Check(res.Verdict.UnmarshalText([]byte(args[1])))
	}
	of(ts).world.Drills.Show(migration.StagingDrill(args[0]), res)
}

// reaches ADDRESS... is what the pods of staging talk to.
func reaches(ts *testscript.TestScript, _ bool, args []string) {
	var f migration.IsolationFacts
	for _, a := range args {
		f.Peers = append(f.Peers, migration.StagingPeer{Address: a, Seen: []string{"a connection of each pod"}})
	}
	of(ts).world.Drills.Reach(f)
}

// damage OLD NEW alters the journal's file, as somebody with an editor would: the
// first place alone, by a text of the same length.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := wire.JournalPath(ts.Getenv("REHOME_STATE"))
	b, err := os.ReadFile(path)
	ts.Check(err)
	was := bytes.Clone(b)
	b = bytes.Replace(b, []byte(args[0]), []byte(args[1]), 1)
	if len(args[0]) != len(args[1]) || bytes.Equal(b, was) {
		ts.Fatalf("nothing was altered")
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}

// holder is another process that drives a migration: it takes the lease, says
// so, and holds it until it is killed.
func holder() {
	ctx := context.Background()
	j, err := wire.OpenJournal(ctx, os.Args[1], time.Now)
	if err == nil {
		_, err = j.Acquire(ctx, os.Args[2], "vimes@watch-house/7", 24*365*time.Hour)
	}
	if err == nil {
		err = os.WriteFile(os.Args[3], []byte("held\n"), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}
