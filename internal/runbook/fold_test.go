package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// TestTurn: the direction changes only one way. What is over stays over, a
// rollback is never turned into anything else, and what is live is not aborted.
func TestTurn(t *testing.T) {
	tests := []struct {
		name string
		step migration.Step
		mode migration.Mode
		said migration.RecordKind
		want migration.Mode
	}{
		{"rollback after the switch", migration.StepWatch, migration.ModeForward, migration.KindRollback, migration.ModeRollback},
		{"rollback before it", migration.StepLead, migration.ModeForward, migration.KindRollback, migration.ModeRollback},
		{"abort before the switch", migration.StepLead, migration.ModeForward, migration.KindAbort, migration.ModeAborting},
		{"abort after it", migration.StepWatch, migration.ModeForward, migration.KindAbort, migration.ModeForward},
		{"abort in a rollback", migration.StepWatch, migration.ModeRollback, migration.KindAbort, migration.ModeRollback},
		{"abort of what was rolled back", migration.StepWatch, migration.ModeRolledBack, migration.KindAbort, migration.ModeAborting},
		{"rollback of what was rolled back", migration.StepWatch, migration.ModeRolledBack, migration.KindRollback, migration.ModeRolledBack},
		{"rollback in an abort before the switch", migration.StepLead, migration.ModeAborting, migration.KindRollback, migration.ModeAborting},
		{"rollback in an abort after a switch", migration.StepWatch, migration.ModeAborting, migration.KindRollback, migration.ModeRollback},
		{"rollback of what was aborted", migration.StepWatch, migration.ModeAborted, migration.KindRollback, migration.ModeAborted},
		{"rollback after the retirement", migration.StepWatch, migration.ModeRetired, migration.KindRollback, migration.ModeRollback},
		{"abort after the retirement", migration.StepWatch, migration.ModeRetired, migration.KindAbort, migration.ModeRetired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := standAt(t, tt.step)
			p.s.Mode = tt.mode
			p.s.Pending = []migration.Intent{{ID: "i", Action: migration.Scale{Workload: key}}}
			fence, turned := p.s.Fence, tt.want != tt.mode
			p.says("angua", tt.said, migration.Said{})
			if p.s.Mode != tt.want {
				t.Errorf("%s, want %s", p.s.Mode, tt.want)
			}
			if raised := p.s.Fence > fence; raised != turned {
				t.Errorf("fence raised %t, turned %t", raised, turned)
			}
			if kept := len(p.s.Pending) == 1; kept == turned {
				t.Errorf("pending kept %t, turned %t", kept, turned)
			}
		})
	}
}

// TestAutomaticTurn supersedes what is pending as a person's word does.
func TestAutomaticTurn(t *testing.T) {
	p, i := atIntent(t)
	p.carryOut(Move{To: migration.Position{Attempt: 1, Mode: migration.ModeRollback, Step: migration.StepDNSBack}})
	if len(p.s.Pending) != 0 {
		t.Errorf("%s is still pending in a rollback", i.ID)
	}
	p.record(migration.KindOutcome, migration.Actor, nil, migration.Settled{Intent: i.ID, Outcome: migration.OutcomeDone})
	if _, done := p.s.Done[doneKey(i.Step, i.Action)]; done {
		t.Error("the outcome of a superseded intent was taken")
	}
}

// TestEdits: an edit goes back to the first step whose ground it changes, and
// what was seen from there on is forgotten.
func TestEdits(t *testing.T) {
	tests := []struct {
		name                        string
		at                          migration.Step
		edit                        func(*migration.Spec, *migration.Policy)
		want                        migration.Step
		ttlLow, rehearsed, baseline bool
	}{
		{"nothing", migration.StepGo, func(*migration.Spec, *migration.Policy) {}, migration.StepGo, true, true, true},
		{"a window", migration.StepBaseline, func(s *migration.Spec, _ *migration.Policy) { s.Windows = []migration.Window{{}} }, migration.StepBaseline, true, true, false},
		{"metrics", migration.StepGo, func(s *migration.Spec, _ *migration.Policy) { s.Metrics.Source = "other" }, migration.StepBaseline, true, true, false},
		{"a name", migration.StepGo, func(s *migration.Spec, _ *migration.Policy) { *s = twoZones(*s) }, migration.StepExpose, false, true, false},
		{"the image", migration.StepGo, func(s *migration.Spec, _ *migration.Policy) {
			w := s.Workloads[0]
			w.Image = image("two")
			s.Workloads = []migration.Workload{w}
		}, migration.StepContainer, true, false, false},
		{"a lower TTL", migration.StepGo, func(_ *migration.Spec, p *migration.Policy) { p.TTL = 30 }, migration.StepLowerTTL, false, true, false},
		{"a higher TTL", migration.StepGo, func(_ *migration.Spec, p *migration.Policy) { p.TTL = 90 }, migration.StepGo, true, true, true},
		{"the image after the switch", migration.StepHold, func(s *migration.Spec, _ *migration.Policy) {
			w := s.Workloads[0]
			w.Image = image("two")
			s.Workloads = []migration.Workload{w}
		}, migration.StepHold, true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := standAt(t, tt.at)
			s, pol := p.s.Spec, p.s.Policy
			tt.edit(&s, &pol)
			p.declare("angua", s, pol)
			if p.s.Step != tt.want {
				t.Errorf("stands at %s, want %s", p.s.Step, tt.want)
			}
			if got := p.s.TTLLow != nil; got != tt.ttlLow {
				t.Errorf("lead kept %t", got)
			}
			if got := p.s.Rehearsal != nil; got != tt.rehearsed {
				t.Errorf("rehearsal kept %t", got)
			}
			if got := p.s.Baseline != nil; got != tt.baseline {
				t.Errorf("baseline kept %t", got)
			}
		})
	}
}

// TestSecondSwitchOfAZone keeps what the first one moved: a rollback must lead
// all of it back.
func TestSecondSwitchOfAZone(t *testing.T) {
	p := standAt(t, migration.StepWatch)
	other := "other." + zoneOne
	swap := migration.SwapRecords{Zone: zoneOne, Provider: "golem-dns", Purpose: migration.ForSwitch,
		Before: []migration.RRset{{Name: other, Type: "A", TTL: 60, Data: []string{oldAddr}}, {Name: generationName(other), Type: "TXT"}},
		After:  []migration.RRset{{Name: other, Type: "A", TTL: 60, Data: []string{newAddr}}, generation(p.s, other)}}
	p.record(migration.KindIntent, migration.Actor, nil, migration.Intent{ID: "x", Attempt: 1, Step: migration.StepSwitch, At: p.w.now, Action: swap})
	names := map[string]bool{}
	for _, z := range p.s.switched() {
		for _, n := range z.Names {
			names[n.Name] = true
		}
	}
	if !names[bank] || !names[other] || len(names) != 2 {
		t.Errorf("led back would be %v", names)
	}
}

// TestSettleNeedsALook: what was seen before an intent says nothing about it.
func TestSettleNeedsALook(t *testing.T) {
	p := standAt(t, migration.StepWatch)
	l := looked(p)
	apply := migration.Apply{Env: migration.Production, Part: migration.PartWorkload, Workload: key, Digest: p.s.Spec.WorkloadDigest(migration.Production, key)}
	for _, a := range []migration.Action{p.s.Swaps[zoneOne], apply} {
		for _, tt := range []struct {
			at   time.Time
			want migration.Outcome
		}{{l.now, migration.OutcomeDone}, {l.now.Add(time.Second), migration.OutcomeUnknown}} {
			if got, r := l.settle(migration.Intent{At: tt.at, Action: a}); got != tt.want {
				t.Errorf("%s decided %s after the look: %s, want %s: %s", migration.ActionName(a), tt.at.Sub(l.now), got, tt.want, r.Text)
			}
		}
	}
}
