package analysis

import (
	"time"
)

// JudgeState is everything that a judgement remembers. It is a value: Step
// returns a new one and leaves its argument as it was. It survives a round trip
// through JSON exactly, and it holds sums and last counters only, so it grows
// with the number of series and not with time.
type JudgeState struct {
	Config   Config    `json:"config"`
	Baseline Baseline  `json:"baseline"`
	Start    time.Time `json:"start"`
	// At is when the last sample was taken or missed, Seen when one was last taken
	// and had a series; zero before the first.
	At   time.Time `json:"at,omitzero"`
	Seen time.Time `json:"seen,omitzero"`

	// Source is who counted the last sample that was taken.
	Source string `json:"source,omitempty"`

	New     Side    `json:"new"`
	Control Side    `json:"control"`
	Epochs  []Epoch `json:"epochs,omitempty"`
	// Begun counts the epochs that were ever begun.
	Begun   uint64  `json:"begun,omitempty"`
	Failing Failing `json:"failing"`
	// Certified is set while the new side is proven good; see judge.
	Certified bool `json:"certified,omitempty"`
	// Verdict is the last one. Once bad it stays as it fell.
	Verdict Verdict `json:"verdict"`
}

// Start opens a judgement at the moment when the new side takes over.
func Start(cfg Config, base Baseline, at time.Time) JudgeState {
	base = base.orSane()
	return JudgeState{
		Config: cfg.orDefaults(), Baseline: base, Start: instant(at),
		Verdict: Verdict{Kind: Unresolved, Metric: ErrorRate, BaselineRate: base.rate(), Why: "nothing has been measured yet"},
	}
}

// Step takes in one sample and judges anew. It is total, and a sample that is
// not newer than the last one changes nothing and repeats the last verdict.
//
// The first sample that is not missing sets the starting values; it is best taken
// at the start itself.
func Step(s JudgeState, sample Sample) (JudgeState, Verdict) {
	at := instant(sample.At)
	if !at.After(s.At) {
		return s, s.Verdict
	}
	s.Config, s.Baseline = s.Config.orDefaults(), s.Baseline.orSane()
	s.At = at
	missing := sample.Missing
	if missing == "" {
		missing = s.take(sample)
	}
	if s.Verdict.Kind == Bad {
		return s, s.Verdict
	}
	if missing != "" {
		s.Verdict = s.unseen(missing)
	} else {
		s.judge()
	}
	s.Verdict.Source = s.Source
	return s, s.Verdict
}

// take adds a sample's counters up. It says what is missing where the new side
// has no series; such a sample still proves that any later series is new.
func (s *JudgeState) take(sample Sample) (missing string) {
	l := look{at: s.At, before: s.Seen, start: s.Start, limit: s.limit(), warmUp: s.Config.WarmUp}
	s.carriedOn(sample, &l)
	if sample.Old != nil {
		s.Control.absorb(sample.Old, l)
	}
	grown := s.New.absorb(sample.New, l)
	if len(sample.New) == 0 {
		return "no series of the new side"
	}
	s.Failing = s.Failing.after(grown, s.Seen, s.At)
	s.Seen = s.At
	s.beginEpoch()
	return ""
}

// unseen is the verdict on a sample that could not be taken. It never repeats a
// good one.
func (s JudgeState) unseen(missing string) Verdict {
	since := s.Seen
	if since.IsZero() {
		since = s.Start
	}
	v := Verdict{
		Kind: Blind, Since: since, Why: "nothing seen of the new side: " + missing,
		Requests: s.New.Sum.Requests, Errors: s.New.Sum.Errors,
		Rate: share(s.New.Sum.Errors, s.New.Sum.Requests), BaselineRate: s.Baseline.rate(),
	}
	if s.Config.BlindAfter > 0 && s.At.Sub(since) <= s.Config.BlindAfter {
		v.Kind, v.Metric = Unresolved, ErrorRate
	}
	return v
}
