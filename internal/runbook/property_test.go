package runbook

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// history is a random life of a migration from some stand on: what happens
// outside, what people say, crashes and a clock that jumps.
type history struct {
	*play
	t *rapid.T
	// back is the attempt that was last turned back, and by which record.
	back      int
	waitUntil time.Time
	waitShape string
}

func someHistory(rt *rapid.T, t *testing.T, from ...migration.Step) *history {
	step := rapid.SampledFrom(from).Draw(rt, "from")
	h := &history{play: standAt(t, step), t: rt}
	h.heard = h.check
	return h
}

// outsideEvents are what may happen. Each draws what it needs.
var outsideEvents = map[string]func(h *history){
	"metrics": func(h *history) {
		h.w.metricsErr = rapid.SampledFrom([]string{"", "connection refused"}).Draw(h.t, "metrics")
	},
	"baseline": func(h *history) {
		h.w.baselineErr = rapid.SampledFrom([]string{"", "connection refused"}).Draw(h.t, "baseline")
	},
	"cluster": func(h *history) {
		h.w.clusterErr = rapid.SampledFrom([]string{"", "connection refused"}).Draw(h.t, "cluster")
	},
	"probes": func(h *history) {
		side := rapid.SampledFrom([]migration.Side{migration.OldSide, migration.NewSide}).Draw(h.t, "side")
		h.w.probeBad[side] = rapid.SampledFrom([]string{"", "", "502"}).Draw(h.t, "answer")
		h.w.probeErr[side] = rapid.SampledFrom([]string{"", "", "no route"}).Draw(h.t, "seen")
	},
	"errors": func(h *history) {
		h.w.errors[migration.NewSide] = rapid.SampledFrom([]float64{0, 0.0005, 0.02, 0.5, 1}).Draw(h.t, "errors")
	},
	"server": func(h *history) {
		h.w.server(rapid.IntRange(1, 2).Draw(h.t, "server"), rapid.SampledFrom([]string{"well", "silent", "lags"}).Draw(h.t, "state"))
	},
	"fate": func(h *history) {
		h.w.fates[zoneOne] = rapid.SampledFrom([]fate{fateGood, fateLost, fateDoubt, fateRefused}).Draw(h.t, "fate")
	},
	"record": func(h *history) {
		addr := rapid.SampledFrom([]string{oldAddr, newAddr, "203.0.113.66"}).Draw(h.t, "address")
		h.w.write(zoneOne, migration.RRset{Name: bank, Type: "A", TTL: rapid.SampledFrom([]uint32{20, 60, 7200}).Draw(h.t, "ttl"), Data: []string{addr}})
	},
	"pods": func(h *history) {
		h.w.changePods(migration.Production, key, func(f *migration.WorkloadFacts) {
			if len(f.Pods) > 0 && rapid.Bool().Draw(h.t, "restart") {
				f.Pods[0].Restarts++
			} else {
				f.RolledOut = !f.RolledOut
			}
		})
	},
	"drills": func(h *history) {
		d := rapid.SampledFrom(migration.StagingDrills()).Draw(h.t, "drill")
		v := rapid.SampledFrom([]migration.Verdict{migration.Pass, migration.Fail, migration.Unknown}).Draw(h.t, "shows")
		h.w.drilled[d] = migration.DrillResult{Verdict: v, Text: "it is " + v.String()}
		h.w.undrillable = rapid.SampledFrom([]string{"", "", "forbidden"}).Draw(h.t, "begun")
	},
	"isolation": func(h *history) {
		h.w.unisolated = rapid.SampledFrom([]string{"", "", "forbidden"}).Draw(h.t, "seen")
		h.w.isolation.Peers = []migration.StagingPeer{{Address: "mail:25", Seen: []string{"x"}, Production: rapid.Bool().Draw(h.t, "production")}}
	},
	"asks again": func(h *history) { h.says("angua", migration.KindAgain, migration.Said{}) },
	"smoke":      func(h *history) { h.w.smokeFails = rapid.IntRange(0, 1).Draw(h.t, "failing") },
	"late":       func(h *history) { h.late() },
	"crash":      func(h *history) { h.crash = true },
	"restart":    func(h *history) { h.reborn() },
	"asleep": func(h *history) {
		h.w.pass(time.Duration(rapid.IntRange(1, 2000).Draw(h.t, "minutes")) * time.Minute)
	},
	"clock back": func(h *history) {
		h.w.now = h.w.now.Add(-time.Duration(rapid.IntRange(1, 120).Draw(h.t, "seconds")) * time.Second)
	},
	"rolls back": func(h *history) { h.rollback("angua") },
	"aborts":     func(h *history) { h.says("angua", migration.KindAbort, migration.Said{}) },
	"analysis": func(h *history) {
		if inc, open := h.s.OpenIncident(); open {
			h.says("carrot", migration.KindRCA, migration.RCA{Incident: inc.ID, By: "carrot"})
		}
	},
	"allows": func(h *history) {
		h.says("angua", migration.KindOver, migration.Over{Set: migration.RRset{Name: bank, Type: "A", Data: []string{"203.0.113.66"}}})
	},
	"waives": func(h *history) {
		c := rapid.SampledFrom(migration.Codes()).Draw(h.t, "code")
		h.says("angua", migration.KindWaived, migration.Waiver{Code: c, By: "angua", Reason: "?", Until: h.w.now.Add(time.Hour)})
	},
	"measures": func(h *history) {
		r := readiness.Recorded{Host: "vm-bank-1", Unit: key + ".service", By: "angua", At: h.w.now, Made: h.w.now.Add(-time.Duration(rapid.IntRange(-1, 40).Draw(h.t, "hours")) * time.Hour)}
		if rapid.Bool().Draw(h.t, "load") {
			r.Load = &inventory.Load{Valid: true, Requests: 10}
		} else {
			r.Drill = &inventory.Drill{Name: inventory.DrillSIGTERM, Passed: rapid.Bool().Draw(h.t, "passed")}
		}
		h.says("angua", migration.KindMeasured, Measured{Experiments: []readiness.Recorded{r}})
	},
	"edits": func(h *history) {
		s := h.s.Spec
		switch rapid.SampledFrom([]string{"image", "window", "nothing"}).Draw(h.t, "edit") {
		case "image":
			s.Workloads = slices.Clone(s.Workloads)
			s.Workloads[0].Image = image(rapid.SampledFrom([]string{"one", "two"}).Draw(h.t, "image"))
		case "window":
			s.Windows = []migration.Window{{From: h.w.now, To: h.w.now.Add(2 * time.Hour)}}
		}
		h.declare("angua", s, h.s.Policy)
	},
}

// late lets a change that was sent and not seen arrive now, if its condition
// still holds.
func (h *history) late() {
	kept := h.w.fates[zoneOne]
	h.w.fates[zoneOne] = fateGood
	for _, r := range h.recs {
		var i migration.Intent
		if r.Kind == migration.KindIntent && jsonInto(r.Body, &i) == nil {
			if swap, ok := i.Action.(migration.SwapRecords); ok && swap.Purpose == migration.ForSwitch {
				h.w.swap(swap)
			}
		}
	}
	h.w.fates[zoneOne] = kept
}

func (h *history) reborn() {
	if err := h.restart(); err != nil {
		h.t.Fatal(err)
	}
	h.waitUntil = time.Time{}
}

// happen lets one thing happen and the loop run on for a while.
func (h *history) happen(events []string) {
	what := rapid.SampledFrom(events).Draw(h.t, "event")
	outsideEvents[what](h)
	h.waitUntil = time.Time{}
	d := rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Second, 20 * time.Second, 6 * time.Minute}).Draw(h.t, "run")
	h.run(d, nil)
	if h.dead {
		h.reborn()
	}
	if h.err != nil {
		h.t.Fatal(h.err)
	}
}

func allEvents() []string {
	var out []string
	for e := range outsideEvents {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

// check is what must hold of every decision and every record of any history.
func (h *history) check(s State, d Decision, r *migration.Record) {
	if r != nil {
		h.checkRecord(s, *r)
		return
	}
	if again := Next(s, h.facts, h.w.now); !reflect.DeepEqual(d, again) {
		h.t.Fatalf("asked twice, decided otherwise: %s and %s", asJSON(d), asJSON(again))
	}
	if len(d.Why()) == 0 && DecisionName(d) != "act" && s.Mode == migration.ModeForward {
		h.t.Fatalf("%s at %s without a reason", DecisionName(d), s.Step)
	}
	switch d := d.(type) {
	case Move:
		h.checkMove(s, d)
	case Act:
		for _, i := range d.Intents {
			if i.Attempt == h.back && h.back > 0 && !backward(i) {
				h.t.Fatalf("a forward intent after the rollback of attempt %d: %s", h.back, asJSON(i))
			}
		}
	case Block, Ask:
		if a, ask := d.(Ask); s.Mode == migration.ModeForward && s.SwitchBegan() && (!ask || a.Every == 0) {
			h.t.Fatalf("%s: traffic may be on the new side, and nobody looks: %s", s.Step, asJSON(d))
		}
	case Wait:
		h.checkWait(s, d)
	}
}

func (h *history) checkMove(s State, d Move) {
	forward := s.Mode == migration.ModeForward && d.To.Mode == migration.ModeForward
	if forward && s.Step.Before(d.To.Step) {
		if bad := failing(d.Why()); len(bad) > 0 {
			h.t.Fatalf("%s is left with %s", s.Step, asJSON(bad))
		}
		v := s.Live.Judge.Verdict.Kind
		if s.Step == migration.StepWatch && (v == analysis.Blind || v == analysis.Bad || v == "") && !waived(d, migration.CodeBlind, migration.CodeVerdict) {
			h.t.Fatalf("the watch passed with %q", v)
		}
	}
	retires := d.To.Step == migration.StepRetire && s.Step == migration.StepHold || d.To.Mode == migration.ModeRetired
	if retires && (s.Hold == nil || h.w.now.Before(s.Hold.Since.Add(s.Policy.Hold))) {
		h.t.Fatalf("retired before the hold's end: %+v at %s", s.Hold, h.w.now)
	}
	if d.To.Mode == migration.ModeForward && d.To.Attempt == h.back && h.back > 0 {
		h.t.Fatalf("attempt %d goes forward after its rollback", h.back)
	}
	if d.To.Attempt > s.Attempt {
		if _, open := s.OpenIncident(); open {
			h.t.Fatal("another attempt without a root cause analysis")
		}
	}
}

func waived(d Decision, codes ...migration.Code) bool {
	return slices.ContainsFunc(d.Why(), func(r migration.Reason) bool {
		return r.Verdict == migration.Waived && slices.Contains(codes, r.Code)
	})
}

// checkWait: while nothing happens, what is waited for never comes nearer.
func (h *history) checkWait(s State, d Wait) {
	shape := fmt.Sprint(s.Attempt, s.Step, d.Why()[0].Code)
	if shape == h.waitShape && !h.waitUntil.IsZero() && d.Until.Before(h.waitUntil) {
		h.t.Fatalf("the wait at %s was shortened from %s to %s", s.Step, h.waitUntil, d.Until)
	}
	if !d.Until.After(h.w.now) {
		h.t.Fatalf("a wait until %s, which is over at %s", d.Until, h.w.now)
	}
	h.waitShape, h.waitUntil = shape, d.Until
}

func (h *history) checkRecord(s State, r migration.Record) {
	seen := map[migration.Target]bool{}
	var begun migration.Intent
	if r.Kind == migration.KindIntent && jsonInto(r.Body, &begun) == nil {
		if run, ok := begun.Action.(migration.RunDrill); ok && !slices.ContainsFunc(r.Reasons, func(r migration.Reason) bool { return r.Code == migration.CodeIsolated && r.OK() }) {
			h.t.Fatalf("the drill %s is begun although nobody says that staging is apart: %s", run.Drill, asJSON(r.Reasons))
		}
	}
	for _, i := range s.Pending {
		if seen[i.Target()] {
			h.t.Fatalf("two intents are pending for %s", i.Target())
		}
		seen[i.Target()] = true
	}
	if s.Mode == migration.ModeRollback || s.Mode == migration.ModeRolledBack {
		h.back = s.Attempt
	}
	var i migration.Intent
	if r.Kind == migration.KindIntent && jsonInto(r.Body, &i) == nil && h.back > 0 && i.Attempt == h.back && !backward(i) {
		h.t.Fatalf("a forward intent is journalled after the rollback of attempt %d", h.back)
	}
}

// backward says whether an intent may follow a rollback of its attempt.
func backward(i migration.Intent) bool {
	return slices.Contains(migration.Back, i.Step) || slices.Contains(migration.Undo, i.Step)
}

func TestHistories(t *testing.T) {
	t.Parallel()
	events := allEvents()
	rapid.Check(t, func(rt *rapid.T) {
		h := someHistory(rt, t, migration.StepAssess, migration.StepStage, migration.StepRehearse, migration.StepLowerTTL, migration.StepLead, migration.StepGo,
			migration.StepSwitch, migration.StepWatch, migration.StepValidate, migration.StepHold, migration.StepRetire)
		for range rapid.IntRange(1, 8).Draw(rt, "length") {
			h.happen(events)
		}
		h.reborn() // fold(journal) is the live state
		h.comesBack()
	})
}

// comesBack: from wherever a history has led, a person's word ends the attempt
// in bounded time once the world is well: rolled back, aborted, or over already.
func (h *history) comesBack() {
	w := h.w
	w.metricsErr, w.clusterErr, w.smokeFails = "", "", 0
	clear(w.fates)
	clear(w.probeBad)
	clear(w.probeErr)
	w.server(1, "well")
	w.server(2, "well")
	set := migration.FindSet(w.zones[zoneOne][0].sets, bank, "A")
	h.says("angua", migration.KindOver, migration.Over{Set: set, By: "angua"})
	if h.s.SwitchBegan() {
		h.rollback("angua")
	} else {
		h.says("angua", migration.KindAbort, migration.Said{})
	}
	h.run(3*time.Hour, func(s State, _ Decision) bool { return over(s.Mode) })
	if h.err != nil {
		h.t.Fatal(h.err)
	}
	if h.s.Mode != migration.ModeRolledBack && h.s.Mode != migration.ModeAborted {
		h.t.Fatalf("the attempt does not end: %s at %s: %s", h.s.Mode, h.s.Step, asJSON(Next(h.s, h.facts, w.now)))
	}
	if h.s.Mode == migration.ModeRolledBack {
		h.neverForwardAgain()
	}
}

// neverForwardAgain: no packet of the switch that arrives late moves the
// records that were led back (DNS-REPLAY).
func (h *history) neverForwardAgain() {
	before := migration.FindSet(h.w.zones[zoneOne][0].sets, bank, "A")
	h.late()
	if after := migration.FindSet(h.w.zones[zoneOne][0].sets, bank, "A"); !after.SameData(before) {
		h.t.Fatalf("a late packet of the switch moved %s to %s after the rollback", before, after)
	}
}
