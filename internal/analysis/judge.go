package analysis

import (
	"fmt"
	"math"
)

// A finding is what the samples say of one metric, as log evidence.
type finding struct {
	metric    string
	bad, good float64 // log e-values
	// badAt and goodAt are the log e-values from which the finding is proven.
	badAt, goodAt float64
	// doubted is set while there is evidence of the opposite of good, see doubts.
	doubted  bool
	needed   uint64
	seen     count
	baseline float64
	unclear  string // why the metric can be told neither good nor bad, or not good
}

// judge weighs all metrics. Bad is proven on any of them, each with its share of
// α (a union bound); good needs all of them, which takes no share (an
// intersection-union test, Berger 1982).
//
// A certificate is held until the evidence for it is gone, lest the verdict flicker
// around the limit: what was once certified at a stopping time is certified. Any
// evidence of the opposite suspends it, for a long healthy past says nothing about
// a regression that has just begun.
func (s *JudgeState) judge() {
	findings := s.findings()
	if s.allFailing() {
		s.Verdict = s.absolute()
		return
	}
	worst, weakest := findings[0], findings[0]
	holds, proven := true, true
	for _, f := range findings {
		if f.bad-f.badAt > worst.bad-worst.badAt {
			worst = f
		}
		if f.good-f.goodAt < weakest.good-weakest.goodAt {
			weakest = f
		}
		proven = proven && f.certain()
		holds = holds && f.good >= 0 && !f.doubted
	}
	s.Certified = proven || s.Certified && holds
	switch {
	case worst.bad >= worst.badAt:
		s.Verdict = worst.verdict(Bad, worst.bad, worst.proof())
		s.Verdict.Since = s.At
	case s.Certified:
		s.Verdict = weakest.verdict(Good, weakest.good, weakest.clearance())
	default:
		s.Verdict = weakest.verdict(Unresolved, weakest.bad, weakest.lack())
		s.Verdict.Needed = weakest.needed
	}
	s.Verdict.ErrorRateGood = findings[0].certain()
}

// certain says that the metric by itself is proven good.
func (f finding) certain() bool { return f.good >= f.goodAt && !f.doubted }

// findings are those of the judged metrics, the error rate first.
func (s *JudgeState) findings() []finding {
	if s.Config.LatencyFactor == 0 {
		return []finding{s.errorRate()}
	}
	return []finding{s.errorRate(), s.latency()}
}

// badAt is the log e-value that proves a metric bad: α less what the absolute
// limit takes, shared by the metrics that the baseline lets be judged.
func (s JudgeState) badAt() float64 { return -math.Log(s.metricAlpha()) }

func (s JudgeState) metricAlpha() float64 {
	alpha := s.Config.Alpha * (1 - absoluteShare)
	if s.latencyUnclear() == "" {
		alpha /= 2
	}
	return alpha
}

// shifted is the evidence from which the control is taken to have left its
// history: 1/0.05. It guards against blaming the new side for what both sides
// suffer, can only lower the evidence against it and so costs no α.
var shifted = math.Log(20)

// errorRate weighs the error rate against history and control together. Where
// the control, served at the same time, has itself become worse than its history,
// the new side must also be worse than the control alone.
func (s *JudgeState) errorRate() finding {
	base, tolerance := s.Baseline, s.Config.ErrorTolerance
	history := nuisance{
		count: counted(base.Requests, base.Errors), dispersion: base.Dispersion,
		scale: math.Max(float64(base.Requests), 1000),
	}
	control := errorsOf(s.Control.Sum)
	both := history
	both.n, both.x = both.n+control.n, both.x+control.x

	var buf [maxSegments + 1]segment
	segments := s.segments(buf[:0], errorsOf)
	f := finding{
		metric: ErrorRate, seen: errorsOf(s.New.Sum), baseline: base.rate(),
		badAt: s.badAt(), goodAt: -math.Log(s.Config.AlphaGood),
	}
	f.bad = both.risen(segments, tolerance)
	if control.n > 0 && history.risen([]segment{{count: control}}, tolerance) >= shifted {
		alone := history
		alone.count = control
		f.bad = min(f.bad, alone.risen(segments, tolerance))
	}
	down := both.downwards(1 - tolerance)
	f.good = down.fallen(f.seen, tolerance)
	f.doubted = f.good >= 0 && both.risen(doubts(segments), tolerance) >= 0
	if f.good < f.goodAt {
		f.needed = down.needed(f.seen, tolerance, f.goodAt)
	}
	switch {
	case both.n == 0:
		f.unclear = "there is no baseline to compare with"
	case f.good < f.goodAt && f.needed == 0:
		f.unclear = "the baseline is too small to certify the tolerance with any number of requests"
	}
	return f
}

func (f finding) verdict(kind VerdictKind, logEvidence float64, why string) Verdict {
	return Verdict{
		Kind: kind, Metric: f.metric, EValue: evalue(logEvidence), Why: why,
		Requests: uint64(f.seen.n), Errors: uint64(f.seen.x), Rate: f.rate(), BaselineRate: f.baseline,
	}
}

// evalue returns to the linear scale, finite because JSON knows no infinity.
func evalue(log float64) float64 { return math.Exp(min(log, 700)) }

func (f finding) rate() float64 {
	if f.seen.n == 0 {
		return 0
	}
	return f.seen.x / f.seen.n
}

// absolute is the verdict of the absolute limit.
func (s JudgeState) absolute() Verdict {
	sum := s.New.Sum
	return Verdict{
		Kind: Bad, Metric: AllFailing, Since: s.At, Requests: sum.Requests, Errors: sum.Errors,
		Rate: share(sum.Errors, sum.Requests), BaselineRate: s.Baseline.rate(),
		Why: fmt.Sprintf("every one of %d requests failed since %s", s.Failing.Requests, s.Failing.Since.Format("15:04:05Z07:00")),
	}
}

func (f finding) what() string {
	if f.metric == LatencyP99 {
		return "share of requests beyond the p99 limit"
	}
	return "error rate"
}

func (f finding) proof() string {
	return fmt.Sprintf("%s %.3g %% of %.0f requests is proven beyond tolerance of the baseline's %.3g %% (e-value %.3g, limit %.3g)",
		f.what(), 100*f.rate(), f.seen.n, 100*f.baseline, evalue(f.bad), evalue(f.badAt))
}

func (f finding) clearance() string {
	return fmt.Sprintf("%s %.3g %% of %.0f requests is certified within tolerance of the baseline's %.3g %% (e-value %.3g, limit %.3g)",
		f.what(), 100*f.rate(), f.seen.n, 100*f.baseline, evalue(f.good), evalue(f.goodAt))
}

func (f finding) lack() string {
	switch {
	case f.unclear != "":
		return fmt.Sprintf("%s: %s", f.what(), f.unclear)
	case f.seen.n == 0:
		return fmt.Sprintf("%s: no request has been counted yet; about %d are needed", f.what(), f.needed)
	}
	return fmt.Sprintf("%s %.3g %% of %.0f requests settles nothing yet; about %d more are needed at the baseline's rate",
		f.what(), 100*f.rate(), f.seen.n, f.needed)
}
