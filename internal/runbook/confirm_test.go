package runbook

import (
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// atIntent is the example at the moment when the switch is journalled and not
// yet sent, with the intent.
func atIntent(t *testing.T) (*play, migration.Intent) {
	t.Helper()
	p := standAt(t, migration.StepSwitch)
	p.crash = true
	p.step()
	if len(p.s.Pending) != 1 {
		t.Fatalf("%d intents are pending", len(p.s.Pending))
	}
	return p, p.s.Pending[0]
}

// TestConfirm looks again right before the switch is sent: whatever spoke for it
// must still do so.
func TestConfirm(t *testing.T) {
	tests := []struct {
		name string
		vary func(*play)
		code migration.Code // "" lets it go ahead
	}{
		{"all is still well", nil, ""},
		{"the window has closed", func(p *play) { p.s.Spec.Windows = []migration.Window{{From: t0, To: p.w.now}} }, migration.CodeWindow},
		{"it has become too late in it", func(p *play) { p.s.Spec.Windows = []migration.Window{{From: t0, To: p.w.now.Add(time.Minute)}} }, migration.CodeNight},
		{"the baseline has become stale", func(p *play) {
			p.s.Baseline = &analysis.Baseline{Requests: 1 << 20, At: p.w.now.Add(-25 * time.Hour)}
		}, migration.CodeStale},
		{"somebody changed the record", record(bank, "A", 60, "203.0.113.9"), migration.CodeForeign},
		{"somebody took the generation away", record(generationName(bank), "TXT", 60), migration.CodeForeign},
		{"a name server fell silent", oneSilent, migration.CodeAllNS},
		{"the cluster went away", unseenCluster, migration.CodeRollout},
		{"the old side fell ill", probes(migration.OldSide, "connection refused", ""), migration.CodeOldSide},
		{"the balancer answers no more", probes(migration.NewSide, "502", ""), migration.CodeLBWarm},
		{"an approval was demanded meanwhile", spec(func(s *migration.Spec) { s.Approvals.Required = 1 }), migration.CodeApproval},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, i := atIntent(t)
			if tt.vary != nil {
				tt.vary(p)
			}
			l := looked(p)
			why := Confirm(p.s, i, l.f, l.now)
			if tt.code == "" && len(why) > 0 {
				t.Errorf("held up: %s", asJSON(why))
			}
			if tt.code != "" && !slices.ContainsFunc(why, func(r migration.Reason) bool { return r.Code == tt.code }) {
				t.Errorf("not held up by %s: %s", tt.code, asJSON(why))
			}
		})
	}
}

// TestConfirmSeesOtherSets: where the name already leads to the new side, the
// guards are content and the sets are no longer those that were decided on.
func TestConfirmSeesOtherSets(t *testing.T) {
	p, i := atIntent(t)
	record(bank, "A", 60, newAddr)(p)
	l := looked(p)
	if why := Confirm(p.s, i, l.f, l.now); len(why) == 0 {
		t.Error("the last look lets a change go ahead whose condition is gone")
	}
}

// TestConfirmNeverHoldsUpTheWayBack: only the switch is looked at again.
func TestConfirmNeverHoldsUpTheWayBack(t *testing.T) {
	p := standAt(t, migration.StepWatch)
	p.rollback("angua")
	p.crash = true
	p.step()
	for _, i := range p.s.Pending {
		if why := Confirm(p.s, i, Facts{}, p.w.now); len(why) > 0 {
			t.Errorf("a rollback is held up: %s", asJSON(why))
		}
		if q := Recheck(p.s, i); len(q) > 0 {
			t.Errorf("a rollback looks again first: %v", q)
		}
	}
	if len(p.s.Pending) == 0 {
		t.Error("no rollback was decided")
	}
}

// TestLedBackByHandNeedsALook: what was seen before the switch says nothing.
func TestLedBackByHandNeedsALook(t *testing.T) {
	p := standAt(t, migration.StepWatch)
	before := standAt(t, migration.StepSwitch)
	before.w.now = p.s.Switched.At.Add(-time.Second)
	stale := looked(before)
	if d := (look{s: p.s, f: stale.f, now: p.w.now}).ledBackByHand(); d != nil {
		t.Errorf("records seen before the switch are taken for a rollback: %s", asJSON(d))
	}
	if d := looked(p).ledBackByHand(); d != nil {
		t.Errorf("a switch that stands is taken for a rollback: %s", asJSON(d))
	}
}

// TestRecheckLooksAtEverythingButTheCounters: they would begin a new judgement.
func TestRecheckLooksAtEverythingButTheCounters(t *testing.T) {
	p, i := atIntent(t)
	kinds := map[QueryKind]bool{}
	for _, q := range Recheck(p.s, i) {
		kinds[q.Kind] = true
		if q.MaxAge != 0 {
			t.Errorf("%s may be %s old", q.Kind, q.MaxAge)
		}
	}
	if !kinds[QueryDNS] || !kinds[QueryCluster] || !kinds[QueryProbe] || kinds[QuerySample] {
		t.Errorf("looked at again: %v", kinds)
	}
}
