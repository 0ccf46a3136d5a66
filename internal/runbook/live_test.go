package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// TestSnapshot: the judgement is journalled at each change of verdict and from
// time to time, never at every look.
func TestSnapshot(t *testing.T) {
	tests := []struct {
		name string
		step migration.Step
		now  analysis.VerdictKind
		ago  time.Duration
		due  bool
	}{
		{"the same, just saved", migration.StepWatch, analysis.Good, time.Second, false},
		{"the same, a while ago", migration.StepWatch, analysis.Good, saveEvery, true},
		{"another verdict", migration.StepWatch, analysis.Blind, time.Second, true},
		{"the same in the hold", migration.StepHold, analysis.Good, saveEvery, false},
		{"the same in the hold, long ago", migration.StepHold, analysis.Good, saveHoldEvery, true},
		{"before the switch", migration.StepGo, analysis.Blind, time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := standAt(t, tt.step)
			p.s.Live = Live{Judging: true, Saved: analysis.Good, SavedAt: p.w.now.Add(-tt.ago), Judge: analysis.JudgeState{Verdict: analysis.Verdict{Kind: tt.now}}}
			ev, due := Snapshot(p.s, p.w.now)
			if due != tt.due {
				t.Fatalf("due %t", due)
			}
			if !due {
				return
			}
			p.record(migration.KindEvidence, migration.Actor, nil, ev)
			if _, again := Snapshot(p.s, p.w.now); again {
				t.Error("due again at once")
			}
		})
	}
}

func TestTrafficLook(t *testing.T) {
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	type counts = map[string]analysis.Counters
	tests := []struct {
		name  string
		looks []counts
		seen  uint64
		quiet time.Duration
	}{
		{"the first look only remembers", []counts{{"a": {Requests: 900}}}, 0, 0},
		{"standing still", []counts{{"a": {Requests: 900}}, {"a": {Requests: 900}}, {"a": {Requests: 900}}}, 0, 2 * time.Second},
		{"one request", []counts{{"a": {Requests: 900}}, {"a": {Requests: 901}}, {"a": {Requests: 901}}}, 1, 0},
		{"a new series has counted from zero", []counts{{"a": {Requests: 9}}, {"a": {Requests: 9}, "b": {Requests: 3}}}, 3, 0},
		{"a reset has counted from zero", []counts{{"a": {Requests: 9}}, {"a": {Requests: 2}}}, 2, 0},
		{"a series that is gone", []counts{{"a": {Requests: 9}}, {}}, 0, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tr Traffic
			for i, c := range tt.looks {
				tr = tr.Look(c, at(i))
				if again := tr.Look(counts{"z": {Requests: 99}}, at(i)); again.Seen != tr.Seen {
					t.Error("a look that is not newer was counted")
				}
			}
			if tr.Seen != tt.seen || tr.Quiet.For() != tt.quiet {
				t.Errorf("seen %d, quiet for %s, want %d and %s", tr.Seen, tr.Quiet.For(), tt.seen, tt.quiet)
			}
		})
	}
}

func TestStreak(t *testing.T) {
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	s := Streak{}.Keep(true, at(0), time.Minute).Keep(true, at(60), time.Minute)
	if s.For() != time.Minute {
		t.Errorf("unbroken for %s", s.For())
	}
	if g := s.Keep(true, at(121), time.Minute); g.For() != 0 {
		t.Errorf("a gap of 61 s was not noticed: %s", g.For())
	}
	if g := s.Keep(true, at(3600), 0); g.For() != time.Hour {
		t.Errorf("without a gap %s", g.For())
	}
	if g := s.Keep(false, at(61), 0); g.For() != 0 || !g.Since.IsZero() {
		t.Errorf("a broken streak goes on: %+v", g)
	}
}
