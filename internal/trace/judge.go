package trace

import (
	"rehome.dev/rehome/internal/analysis"
)

// A Judgement is what a trace amounts to.
type Judgement struct {
	Verdict analysis.Verdict
	// T is when the verdict fell, in seconds from the switch: the first bad sample;
	// the one since which it is good; otherwise the last sample.
	T float64
	// Samples were taken, Missing were not.
	Samples, Missing int
	// FromZero says that the first counters were taken to have begun with the switch.
	FromZero bool
}

// Judge judges a trace from its switch on. It is total: without samples nothing was
// measured.
func Judge(cfg analysis.Config, base analysis.Baseline, samples []analysis.Sample) Judgement {
	s := analysis.Start(cfg, base, origin)
	j := Judgement{Verdict: s.Verdict, FromZero: beginsAtZero(samples)}
	if j.FromZero {
		s, _ = analysis.Step(s, analysis.Sample{At: origin, New: map[string]analysis.Counters{series: {}}})
	}
	kind := analysis.VerdictKind("")
	for _, sample := range samples {
		if sample.Missing == "" {
			j.Samples++
		} else {
			j.Missing++
		}
		s, j.Verdict = analysis.Step(s, sample)
		lasts := j.Verdict.Kind == kind && (kind == analysis.Good || kind == analysis.Bad)
		if kind = j.Verdict.Kind; !lasts {
			j.T = Seconds(sample.At)
		}
	}
	return j
}

// runBefore is how many times what a trace counts from its first sample on its
// counters must stand at there to have run before the switch.
const runBefore = 10

// beginsAtZero says whether the counters of the first sample began with the switch.
// After a switch all series are new, so what they have counted by their first sample
// belongs to the new side (FIRST-SCRAPE). A sample at t = 0 gives starting values
// instead; and so does a first one that has counted more than runBefore times what
// the trace itself goes on to count in the same time: such a counter has run before.
func beginsAtZero(samples []analysis.Sample) bool {
	var first, last analysis.Sample
	var grown, before float64
	for _, s := range samples {
		if s.Missing != "" {
			continue
		}
		now := float64(s.New[series].Requests)
		if first.At.IsZero() {
			first = s
		} else if now < before {
			grown += now
		} else {
			grown += now - before
		}
		last, before = s, now
	}
	began, length := first.At.Sub(origin), last.At.Sub(first.At)
	if first.At.IsZero() || began <= 0 {
		return false
	}
	if length <= 0 || grown == 0 {
		return true
	}
	return float64(first.New[series].Requests) <= runBefore*grown*(began.Seconds()/length.Seconds())+1
}
