package runbook

import (
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// saveEvery is how often the live part is journalled while it changes without a
// change of verdict; in the hold it is saveHoldEvery.
const (
	saveEvery     = 10 * time.Second
	saveHoldEvery = 10 * time.Minute
)

// probeGap is the longest pause between two probes of one unbroken streak.
const probeGap = time.Minute

// Look takes facts into the live part of the state: streaks, traffic and the
// judgement. Looking twice at the same facts changes nothing.
func Look(s State, f Facts, now time.Time) State {
	n := s
	if p := f.Probe[migration.NewSide]; !p.At.IsZero() && p.At.After(s.Live.Warm.Last) {
		n.Live.Warm = s.Live.Warm.Keep(p.Known() && p.Value.OK && !turnedAway(f), p.At, probeGap)
	}
	if p := f.Probe[migration.OldSide]; !p.At.IsZero() && p.At.After(s.Live.OldBad.Last) {
		n.Live.OldBad = s.Live.OldBad.Keep(!p.Known() || !p.Value.OK, p.At, 0)
	}
	if f.Sample == nil {
		return n
	}
	if f.Sample.Missing == "" {
		newQuiet, oldQuiet := s.Live.NewQuiet, s.Live.OldQuiet
		if f.Sample.Source != s.Live.Source {
			n.Live.Source = f.Sample.Source
			newQuiet, oldQuiet = newQuiet.Meet(f.Sample.New), oldQuiet.Meet(f.Sample.Old)
		}
		n.Live.NewQuiet = newQuiet.Look(f.Sample.New, f.Sample.At)
		if f.Sample.Old != nil {
			n.Live.OldQuiet = oldQuiet.Look(f.Sample.Old, f.Sample.At)
		}
	}
	if judged(s) {
		if !s.Live.Judging {
			n.Live.Judging = true
			n.Live.Judge = analysis.Start(JudgeConfig(s.Policy, s.Spec.Metrics.New.Vantage, *s.Baseline), *s.Baseline, now)
		}
		n.Live.Judge, _ = analysis.Step(n.Live.Judge, *f.Sample)
	}
	return n
}

// turnedAway says whether a balancer is known to lead elsewhere than to the new side:
// who answers through it then says nothing of that.
func turnedAway(f Facts) bool {
	return slices.ContainsFunc(f.Cluster[migration.Production].Value.Exposures, func(e migration.ExposureFacts) bool { return e.Leads != migration.NewSide })
}

// Snapshot is the live part as evidence, when it is due to be journalled: at
// each change of verdict, and from time to time.
func Snapshot(s State, now time.Time) (migration.Evidence, bool) {
	if !judged(s) || !s.Live.Judging {
		return migration.Evidence{}, false
	}
	every := saveEvery
	if !s.Step.Before(migration.StepHold) {
		every = saveHoldEvery
	}
	kind := s.Live.Judge.Verdict.Kind
	if kind == s.Live.Saved && now.Sub(s.Live.SavedAt) < every {
		return migration.Evidence{}, false
	}
	live := s.Live
	live.Saved, live.SavedAt = kind, now
	return migration.NewEvidence(migration.EvidenceJudge, now, live), true
}
