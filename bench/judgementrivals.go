package main

import (
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// A judge says when in a window it rolls back; false where it does not.
type judge struct {
	name  string
	bad   func(window) (time.Duration, bool)
	rival bool
}

// checked is the interval at which Flagger and Argo Rollouts look, and the time
// over which they take the rate.
const checked = time.Minute

// judges are ours and the four rivals, with the least share of successes that these
// want of a window.
func judges(least func(analysis.Baseline) float64) []judge {
	return []judge{
		{name: "rehome", bad: sequential},
		{name: "Flagger 1", rival: true, bad: func(w window) (time.Duration, bool) { return flagger(w, least(w.base), 1) }},
		{name: "Flagger 10", rival: true, bad: func(w window) (time.Duration, bool) { return flagger(w, least(w.base), 10) }},
		{name: "Argo 0", rival: true, bad: func(w window) (time.Duration, bool) { return argo(w, least(w.base), 0) }},
		{name: "Argo 3", rival: true, bad: func(w window) (time.Duration, bool) { return argo(w, least(w.base), 3) }},
	}
}

// documented is the limit of Flagger's own examples.
func documented(analysis.Baseline) float64 { return 0.99 }

// fitted is the limit that a careful operator takes from the baseline: the same
// edge that ours is judged by.
func fitted(b analysis.Baseline) float64 {
	return 1 - float64(b.Errors)/float64(max(b.Requests, 1)) - analysis.DefaultConfig().ErrorTolerance
}

// sequential is the product's judgement with its defaults, sample by sample. The
// latency is not judged, so that all of α is at the errors' disposal: the worst
// case for false alarms.
func sequential(w window) (time.Duration, bool) {
	cfg := analysis.DefaultConfig()
	cfg.LatencyFactor, cfg.SampleEvery = 0, w.every
	start := time.Unix(0, 0)
	var c analysis.Counters
	series := map[string]analysis.Counters{"edge": c}
	s, _ := analysis.Step(analysis.Start(cfg, w.base, start), analysis.Sample{At: start, New: series})
	for i, t := range w.ticks {
		at := time.Duration(i+1) * w.every
		c.Requests, c.Errors = c.Requests+t.requests, c.Errors+t.errors
		series["edge"] = c
		var v analysis.Verdict
		if s, v = analysis.Step(s, analysis.Sample{At: start.Add(at), New: series}); v.Kind == analysis.Bad {
			return at, true
		}
	}
	return 0, false
}

// checks gives for each interval of a minute whether its share of successes is
// below the least. A minute without requests has no share, which fails a check of
// both: Flagger finds no values, and to Argo NaN fulfils no condition of success.
func checks(w window, least float64) []bool {
	var failed []bool
	var sum tick
	per := int(checked / w.every)
	for i, t := range w.ticks {
		sum.requests, sum.errors = sum.requests+t.requests, sum.errors+t.errors
		if (i+1)%per == 0 {
			failed = append(failed, sum.requests == 0 || 1-float64(sum.errors)/float64(sum.requests) < least)
			sum = tick{}
		}
	}
	return failed
}

// flagger counts failed checks, which a success does not take back, and looks at
// the count when an interval begins: it rolls back one interval after the check
// with which the threshold was reached (advanceCanary in fluxcd/flagger,
// pkg/controller/scheduler.go).
func flagger(w window, least float64, threshold int) (time.Duration, bool) {
	count := 0
	for i, failed := range checks(w, least) {
		if count >= threshold {
			return time.Duration(i+1) * checked, true
		}
		if failed {
			count++
		}
	}
	return 0, false
}

// argo fails at once with the measurement that exceeds the failure limit
// (assessMetricStatus in argoproj/argo-rollouts, analysis/analysis.go).
func argo(w window, least float64, failureLimit int) (time.Duration, bool) {
	count := 0
	for i, failed := range checks(w, least) {
		if failed {
			count++
		}
		if count > failureLimit {
			return time.Duration(i+1) * checked, true
		}
	}
	return 0, false
}
