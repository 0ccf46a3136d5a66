package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
	"rehome.dev/rehome/internal/sim/faults"
)

// options are a small world with short waits.
func options(clock engine.Clock, start time.Time) sim.Options {
	o := sim.ExampleOptions(sim.GoodImage, start, 1)
	o.Clock, o.Resolvers, o.TTL, o.Old.ErrorRate = clock, 2, 30, 0
	o.Releases = nil
	p := &o.Policy
	p.TTL, p.Lead, p.Watch, p.RestartFree = 10, time.Minute, time.Minute, 30*time.Second
	p.Hold, p.Residual, p.ErrorTolerance = 2*time.Minute, time.Minute, 0.02
	p.BalancerClean, p.BaselineFor, p.BaselineMin = 6*time.Second, 2*time.Minute, 1000
	p.StandingWaivers = sim.Waivers(runbook.State{}, sim.Operator, start.Add(24*time.Hour))
	return o
}

// bench is a declared migration, and processes that may drive it.
type bench struct {
	*testing.T
	world *sim.World
	key   string
	rig   *faults.Rig
	state runbook.State // as the last event told
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sim.Begin(t.Context(), options(faults.BubbleClock{}, faults.BubbleClock{}.Now()), nil)
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{T: t, world: s.World, key: "royal-bank-api", rig: &faults.Rig{Now: s.World.Clock.Now}}
		b.rig.Head = func() uint64 { return uint64(len(b.all())) }
		f(b)
	})
}

// process is an engine of its own; seen may be nil.
func (b *bench) process(holder string, seen func(engine.Event)) *engine.Engine {
	return engine.New(b.rig.Wrap(b.world.Ports()), b.key, holder, func(e engine.Event) {
		b.state = e.State
		b.rig.Stand(e.State.Position)
		if seen != nil {
			seen(e)
		}
	})
}

// until turns e's loop until the step is reached.
func (b *bench) until(e *engine.Engine, step migration.Step) {
	b.Helper()
	for range 500 {
		if b.state.Step == step {
			return
		}
		d := b.step(e)
		switch d := d.(type) {
		case runbook.Watch:
			b.sleep(d.Every)
		case runbook.Wait:
			b.sleep(d.Until.Sub(b.world.Clock.Now()))
		case runbook.Block, runbook.Ask, runbook.Finished:
			b.Fatalf("at %s: %s %v", b.state.Step, runbook.DecisionName(d), d.Why())
		}
	}
	b.Fatalf("%s was not reached, only %s", step, b.state.Step)
}

func (b *bench) step(e *engine.Engine) runbook.Decision {
	b.Helper()
	d, err := e.Step(b.Context())
	if err != nil {
		b.Fatalf("at %s: %v", b.state.Step, err)
	}
	return d
}

func (b *bench) sleep(d time.Duration) {
	if err := b.world.Clock.Sleep(b.Context(), d); err != nil {
		b.Fatal(err)
	}
}

// all is the whole journal.
func (b *bench) all() []migration.Record {
	b.Helper()
	all, err := b.world.Journal.Read(context.WithoutCancel(b.Context()), b.key, 0)
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// records are those of a kind, from the whole journal.
func (b *bench) records(kind migration.RecordKind) []migration.Record {
	b.Helper()
	var out []migration.Record
	for _, r := range b.all() {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

// switches are the changes of records that were sent for the switch.
func (b *bench) switches() []faults.Effect {
	var out []faults.Effect
	for _, e := range b.rig.Effects() {
		if s, ok := e.Action.(migration.SwapRecords); ok && s.Purpose == migration.ForSwitch {
			out = append(out, e)
		}
	}
	return out
}

// atSwitch says whether an event is the intent of the switch being journalled.
func atSwitch(e engine.Event) bool {
	return e.Record != nil && e.Record.Kind == migration.KindIntent && e.State.Step == migration.StepSwitch
}

// served is what the name leads to.
func (b *bench) served() string {
	set, _ := b.world.DNS.Served("ns1", "golemtrust.am.", "", "royal-bank-api.golemtrust.am.", "A")
	return set.Data[0]
}
