package runbook

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// decideAll calls everything pure that takes a state, twice, and demands the
// same answer: no state may make it panic.
func decideAll(t interface{ Fatalf(string, ...any) }, s State, f Facts, now time.Time) {
	looked := Look(s, f, now)
	if !reflect.DeepEqual(looked, Look(s, f, now)) {
		t.Fatalf("looked twice, saw otherwise")
	}
	d := Next(looked, f, now)
	if d == nil {
		t.Fatalf("no decision at %s %s", s.Mode, s.Step)
	}
	if !reflect.DeepEqual(d, Next(looked, f, now)) {
		t.Fatalf("decided twice, otherwise: %s", asJSON(d))
	}
	Needs(s, now)
	PreviewNeeds(s)
	Preview(s, f, now)
	UndoPreview(s, f, now)
	Checksum(s, f)
	Snapshot(looked, now)
	NewIncident(s, now, "angua", "", nil)
	if a, ok := d.(Act); ok {
		for _, i := range a.Intents {
			Recheck(s, i)
			Confirm(s, i, f, now)
		}
	}
	for _, i := range s.Pending {
		Confirm(s, i, f, now)
	}
}

func TestNextIsTotalOnNothing(t *testing.T) {
	decideAll(t, State{}, Facts{}, time.Time{})
	p := standAt(t, migration.StepWatch)
	p.s.Step = "invented"
	if d, ok := Next(p.s, p.facts, p.w.now).(Block); !ok || d.Reasons[0].Code != migration.CodeProcedure {
		t.Errorf("a step of a newer version is decided as %s", asJSON(Next(p.s, p.facts, p.w.now)))
	}
}

// TestNextIsTotal takes states out of order: any step and mode with what any
// other step left, parts missing, facts of another time or none.
func TestNextIsTotal(t *testing.T) {
	steps := append(append(append([]migration.Step{"", "invented"}, migration.Forward...), migration.Back...), migration.Undo...)
	modes := []migration.Mode{"", "invented", migration.ModeForward, migration.ModeRollback, migration.ModeRolledBack, migration.ModeAborting, migration.ModeAborted, migration.ModeRetired}
	rapid.Check(t, func(rt *rapid.T) {
		p := standAt(t, rapid.SampledFrom(migration.Forward).Draw(rt, "left by"))
		f := looked(p).f
		s := p.s
		s.Step = rapid.SampledFrom(steps).Draw(rt, "step")
		s.Mode = rapid.SampledFrom(modes).Draw(rt, "mode")
		drop := func(what string, f func()) {
			if rapid.Bool().Draw(rt, "without "+what) {
				f()
			}
		}
		drop("baseline", func() { s.Baseline = nil })
		drop("switch", func() { s.Switched = nil })
		drop("hold", func() { s.Hold = nil })
		drop("ttl", func() { s.TTLLow = nil })
		drop("rehearsal", func() { s.Rehearsal, s.Spec.Rehearsal = nil, nil })
		drop("rehearsal's workload", func() {
			if s.Spec.Rehearsal != nil {
				n := *s.Spec.Rehearsal
				n.Workload = ""
				s.Spec.Rehearsal = &n
			}
		})
		drop("names", func() { s.Spec.Names = nil })
		drop("workloads", func() { s.Spec.Workloads = nil })
		drop("policy", func() { s.Policy = migration.Policy{} })
		drop("done", func() { s.Done, s.Failed, s.Swaps, s.Smoke, s.Images = nil, nil, nil, nil, nil })
		drop("drills", func() { s.Drills, s.Spec.Drills = nil, migration.Drills{} })
		drop("fixes", func() { s.Spec.Fixes = []migration.Fix{{Code: migration.CodeSIGTERM, Drill: migration.DrillDrain}} })
		drop("judgement", func() { s.Live = Live{Judge: analysis.JudgeState{}} })
		drop("facts", func() { f = Facts{} })
		drop("servers", func() {
			for k, o := range f.DNS {
				o.Value.Servers = nil
				f.DNS[k] = o
			}
		})
		decideAll(rt, s, f, p.w.now.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(rt, "clock"))))
	})
}

// FuzzFold: no journal makes the fold panic. A body that cannot be read is an
// error, and the state before it is given beside it.
func FuzzFold(f *testing.F) {
	p := standAt(f, migration.StepHold)
	for _, r := range p.recs {
		f.Add(string(r.Kind), []byte(r.Body), uint8(len(p.recs)/2))
	}
	f.Add("invented", []byte(`{}`), uint8(0))
	f.Add(string(migration.KindIntent), []byte(`{"kind":"scale"}`), uint8(3))
	states := prefixes(f, p.recs[:min(255, len(p.recs))])
	f.Fuzz(func(t *testing.T, kind string, body []byte, after uint8) {
		if !json.Valid(body) {
			body = []byte(`null`)
		}
		s := states[min(int(after), len(states)-1)]
		r := journal.Seal(s.Head, migration.Record{Migration: key, At: t0, Actor: "x", Kind: migration.RecordKind(kind), Body: body})
		n, err := Apply(s, r)
		if err != nil {
			if !reflect.DeepEqual(n, s) {
				t.Fatalf("an unreadable record has changed the state")
			}
			return
		}
		decideAll(t, n, Facts{}, t0)
		decideAll(t, n, p.facts, p.w.now)
	})
}

// prefixes are the states that each prefix of a journal leads to, from none on.
func prefixes(t testing.TB, recs []migration.Record) []State {
	states := []State{{}}
	for _, r := range recs {
		next, err := Apply(states[len(states)-1], r)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, next)
	}
	return states
}

// TestFoldGarbage is the fuzz target's quick sister: bodies of one kind under
// the name of another, at any place of a journal.
func TestFoldGarbage(t *testing.T) {
	p := standAt(t, migration.StepHold)
	states := prefixes(t, p.recs)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		s := states[rng.IntN(len(states))]
		kind, body := p.recs[rng.IntN(len(p.recs))].Kind, p.recs[rng.IntN(len(p.recs))].Body
		next, err := Apply(s, journal.Seal(s.Head, migration.Record{Migration: key, At: t0, Actor: "x", Kind: kind, Body: body}))
		if err == nil {
			decideAll(t, next, p.facts, p.w.now)
		}
	}
}
