package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// drillOutcomes are the results that were journalled, in order.
func (b *bench) drillOutcomes() []migration.DrillResult {
	b.Helper()
	var out []migration.DrillResult
	for _, r := range b.records(migration.KindOutcome) {
		var s migration.Settled
		if err := json.Unmarshal(r.Body, &s); err != nil {
			b.Fatal(err)
		}
		if s.Result.Drill != nil {
			out = append(out, *s.Result.Drill)
		}
	}
	return out
}

// rests lets the time pass that a decision waits for.
func (b *bench) rests(d runbook.Decision) {
	switch d := d.(type) {
	case runbook.Watch:
		b.sleep(d.Every)
	case runbook.Wait:
		b.sleep(d.Until.Sub(b.world.Clock.Now()))
	}
}

// TestDrillsTakeLonger: a drill lasts longer than the lease. Nobody takes that
// meanwhile, it is told what goes on, and each drill is made once, in order.
func TestDrillsTakeLonger(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.world.Drills.Last(2 * time.Minute)
		var told []string
		var held *engine.HeldError
		asked := false
		e := b.process("one", func(e engine.Event) {
			if !strings.HasPrefix(e.Looking, "the drill ") {
				return
			}
			told = append(told, e.Looking)
			if len(told) == 12 { // half a minute behind the lease that the drill began with
				_, err := b.world.Journal.Acquire(b.Context(), b.key, "another", engine.LeaseTTL)
				asked = errors.As(err, &held)
			}
		})
		b.until(e, migration.StepRehearse)
		if !asked || held.Holder != "one" {
			b.Error("the lease was to be had in the middle of a drill")
		}
		if len(told) < 12 || told[11] != "the drill round-trip of royal-bank-api: 1m0s of at most 10m0s" {
			b.Errorf("told %q", told)
		}
		var order []migration.StagingDrill
		for _, d := range b.world.Drills.Made() {
			order = append(order, d.Drill)
		}
		for i, d := range migration.StagingDrills() {
			if len(order) != len(migration.StagingDrills()) || order[i] != d {
				b.Fatalf("made %v", order)
			}
		}
		for _, res := range b.drillOutcomes() {
			if res.Took != 2*time.Minute || res.Verdict != migration.Pass {
				b.Errorf("%+v", res)
			}
		}
	})
}

// TestDrillThatNeverEnds is ended at its bound, tells nothing, and blocks.
func TestDrillThatNeverEnds(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		b.until(e, migration.StepStage)
		b.world.Drills.Last(time.Hour)
		var d runbook.Decision
		for range 40 {
			d = b.step(e)
			if _, blocked := d.(runbook.Block); blocked {
				break
			}
			b.rests(d)
		}
		if _, blocked := d.(runbook.Block); !blocked {
			b.Fatalf("%s", runbook.DecisionName(d))
		}
		for _, res := range b.drillOutcomes() {
			if res.Verdict != migration.Unknown {
				b.Errorf("%+v", res)
			}
		}
		if n := len(b.drillOutcomes()); n != len(migration.StagingDrills()) {
			b.Errorf("%d results", n)
		}
		if took := b.world.Clock.Now().Sub(b.state.Since); took > 8*10*time.Minute+time.Minute {
			b.Errorf("it took %s", took)
		}
	})
}

// TestAbortDoesNotWaitForADrill: who gives the move up while a drill is made is
// heard at the next renewal of the lease; the drill is ended, and nobody says that
// it showed anything.
func TestAbortDoesNotWaitForADrill(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.world.Drills.Last(9 * time.Minute)
		person := engine.New(b.world.Ports(), b.key, "angua", nil)
		var said time.Time
		e := b.process("one", func(e engine.Event) {
			if !strings.HasPrefix(e.Looking, "the drill ") || !said.IsZero() {
				return
			}
			said = b.world.Clock.Now()
			if err := person.Said(context.WithoutCancel(b.Context()), "angua", func(runbook.State) ([]engine.Saying, error) {
				return []engine.Saying{{Kind: migration.KindAbort, Body: migration.Said{}}}, nil
			}); err != nil {
				b.Error(err)
			}
		})
		b.until(e, migration.StepStage)
		var err error
		for err == nil {
			var d runbook.Decision
			d, err = e.Step(b.Context())
			b.rests(d)
		}
		if !errors.Is(err, engine.ErrFenced) {
			b.Fatal(err)
		}
		if took := b.world.Clock.Now().Sub(said); took > engine.LeaseTTL {
			b.Errorf("the abort was heard after %s", took)
		}
		if n := len(b.drillOutcomes()) + len(b.world.Drills.Made()); n != 0 {
			b.Errorf("%d results of a drill that was ended", n)
		}
		if d, err := e.Run(b.Context(), true); err != nil || b.state.Mode != migration.ModeAborted {
			b.Errorf("ended as %s: %v, %v", b.state.Mode, d, err)
		}
	})
}

// TestKilledInADrill: the next process finds a drill that was begun, says that it
// told nothing, and makes it anew; what was made before counts.
func TestKilledInADrill(t *testing.T) {
	for _, f := range []faults.Fault{faults.KillBefore, faults.KillAfter} {
		t.Run(string(f), func(t *testing.T) {
			inWorld(t, func(b *bench) {
				met := false
				b.rig.Choose = func(c faults.Call) faults.Fault {
					if met || c.Op != "drills.drill" || c.What != string(migration.DrillReplace) {
						return faults.None
					}
					met = true
					return f
				}
				e := b.process("one", nil)
				b.until(e, migration.StepStage)
				for !met {
					b.mayDie(e)
					b.sleep(time.Second)
				}
				before := len(b.drillOutcomes())
				b.until(b.process("one", nil), migration.StepRehearse)
				results := b.drillOutcomes()
				if before != 4 || len(results) != len(migration.StagingDrills()) || results[4].Drill != migration.DrillReplace {
					b.Errorf("%d results before, then %d: %+v", before, len(results), results)
				}
			})
		})
	}
}

// stranger is an adapter that says more than it should.
type stranger struct {
	engine.Drills
	canaries []string
}

func (s stranger) Isolation(ctx context.Context, spec migration.Spec, p migration.Policy, m inventory.Report) (migration.IsolationFacts, error) {
	f, err := s.Drills.Isolation(ctx, spec, p, m)
	for _, c := range s.canaries {
		f.Differences = append(f.Differences, "the variable differs: "+c)
		f.Peers = append(f.Peers, migration.StagingPeer{Address: c, Seen: []string{"in " + c}, Production: true})
	}
	return f, err
}

func (s stranger) Drill(ctx context.Context, spec migration.Spec, p migration.Policy, a migration.RunDrill, m inventory.Report) (migration.DrillResult, error) {
	if a.Drill == migration.DrillReadOnly {
		return migration.DrillResult{}, errors.New("exec: " + strings.Join(s.canaries, "; "))
	}
	res, err := s.Drills.Drill(ctx, spec, p, a, m)
	res.Drill, res.Workload, res.Digest, res.Verdict = "another", "another", "", migration.Waived
	res.Text = strings.Join(s.canaries, "\n") + strings.Repeat("é", 1000)
	res.Remedy = "do as " + strings.Join(s.canaries, ", ")
	for range 10 {
		res.Evidence = append(res.Evidence, s.canaries...)
	}
	return res, err
}

// TestNoSecretOfADrillIsJournalled: whatever an adapter says, no cookie, password
// or key of it reaches the journal; and what it may not say is not believed.
func TestNoSecretOfADrillIsJournalled(t *testing.T) {
	const canary = "c4n4ry" // in every value that must not be told
	said := []string{
		"Set-Cookie: SESSION=" + canary + "a; Path=/", "password=" + canary + "b", "postgres://bank:" + canary + "c@postgres:5432/bank",
		"Authorization: Bearer " + canary + "d", `{"api_key": "` + canary + `e"}`, "-----BEGIN PRIVATE KEY-----\n" + canary + "f\n-----END PRIVATE KEY-----\n",
	}
	inWorld(t, func(b *bench) {
		ports := b.world.Ports()
		ports.Drills = stranger{ports.Drills, said}
		e := engine.New(ports, b.key, "one", func(e engine.Event) { b.state = e.State })
		b.until(e, migration.StepStage)
		for range 4 {
			b.step(e) // apply, rollout, smoke, isolation
			b.sleep(2 * time.Second)
		}
		if n := len(b.drillOutcomes()); n > 0 {
			b.Fatalf("%d drills although staging differs", n)
		}
		if err := e.Said(b.Context(), "angua", func(runbook.State) ([]engine.Saying, error) {
			return []engine.Saying{{Kind: migration.KindWaived, Body: migration.Waiver{Code: migration.CodeIsolated, By: "angua", Reason: "x", Until: b.world.Clock.Now().Add(time.Hour)}}}, nil
		}); err != nil {
			b.Fatal(err)
		}
		for range 30 {
			b.step(e)
			b.sleep(6 * time.Second)
		}
		results := b.drillOutcomes()
		if len(results) != len(migration.StagingDrills())-1 {
			b.Errorf("%d results", len(results))
		}
		for i, res := range results {
			if res.Drill != migration.StagingDrills()[i] || res.Workload != "royal-bank-api" || res.Digest != b.state.Spec.WorkloadDigest(migration.Staging, "royal-bank-api") {
				b.Errorf("the journal has a result of %s of %s, %s", res.Drill, res.Workload, res.Digest)
			}
			if res.Verdict != migration.Unknown || len(res.Text) > 450 || !strings.HasSuffix(res.Text, "é…") || len(res.Evidence) > 21 {
				b.Errorf("%s, %d bytes, %d pieces: %q", res.Verdict, len(res.Text), len(res.Evidence), res.Text)
			}
		}
		whole, err := json.Marshal(b.all())
		if err != nil {
			b.Fatal(err)
		}
		if i := strings.Index(string(whole), canary); i >= 0 {
			b.Errorf("the journal holds a secret: …%s…", whole[max(0, i-120):i+20])
		}
		if d := b.step(e); runbook.DecisionName(d) != "block" || strings.Contains(string(mustJSON(b, d)), canary) {
			b.Errorf("%s", mustJSON(b, d))
		}
	})
}

func mustJSON(b *bench, v any) []byte {
	b.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return out
}
