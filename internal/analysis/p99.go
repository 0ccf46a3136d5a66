package analysis

import "math"

// boundShare of a metric's α pays for the confidence bound of the baseline's p99.
const boundShare = 0.1

// limit bounds the p99 that is still healthy.
func (s JudgeState) limit() Limit {
	if s.Config.LatencyFactor == 0 {
		return Limit{}
	}
	alpha := s.Config.Alpha * (1 - absoluteShare) / 2
	return latencyLimit(s.Baseline, s.Config.LatencyFactor, boundShare*alpha, boundShare*s.Config.AlphaGood)
}

// latencyUnclear says why the baseline and the vantage leave p99 unjudged.
func (s JudgeState) latencyUnclear() string {
	switch {
	case s.Config.LatencyFactor == 0:
		return "latency is not judged"
	case s.Config.Vantage != s.Baseline.Vantage:
		return "the baseline was measured at " + point(s.Baseline.Vantage) + ", the new side at " + point(s.Config.Vantage)
	case len(s.Baseline.Buckets) == 0:
		return "the baseline has no latency histogram"
	}
	return ""
}

func point(vantage string) string {
	if vantage == "" {
		return "an unnamed point"
	}
	return "the " + vantage
}

// latency weighs the p99. A p99 within the limit means that at most slowShare of
// the requests are slower than it: the error rate's test with a known edge. Only
// requests that a bucket edge shows to be surely slower count as evidence
// against, and only those surely not slower as evidence for.
//
// Where the control, served at the same time, is as slow, the cause is shared and
// nothing is said against the new side.
func (s *JudgeState) latency() finding {
	f := finding{
		metric: LatencyP99, seen: slowOf(s.New.Sum), baseline: slowShare,
		bad: math.Inf(-1), good: math.Inf(-1),
		badAt:  -math.Log(s.metricAlpha() * (1 - boundShare)),
		goodAt: -math.Log(s.Config.AlphaGood * (1 - boundShare)),
	}
	if f.unclear = s.latencyUnclear(); f.unclear != "" {
		return f
	}
	var riseBuf [len(rises)]tilt
	var fallBuf [len(falls)]tilt
	var buf [maxSegments + 1]segment
	up := tilts(riseBuf[:0], rises[:], s.Baseline.Dispersion)
	down := tilts(fallBuf[:0], falls[:], s.Baseline.Dispersion)

	segments := s.segments(buf[:0], slowOf)
	f.bad = mixture(segments, up, slowShare)
	f.doubted = mixture(doubts(segments), up, slowShare) >= 0
	if mixture([]segment{{count: slowOf(s.Control.Sum)}}, up, slowShare) >= shifted {
		f.bad, f.unclear = math.Inf(-1), "the old side is as slow at the same time"
	}
	surely := counted(s.New.Sum.Timed, s.New.Sum.MaybeSlow)
	f.good = mixture([]segment{{count: surely}}, down, slowShare)
	f.needed = rounded(requests(surely, down, slowShare, s.expectedSlow(), f.goodAt))
	if f.unclear == "" {
		f.unclear = s.edgeUnclear(f.needed)
	}
	return f
}

// expectedSlow is the baseline's own share of requests possibly beyond the limit.
func (s JudgeState) expectedSlow() float64 {
	t, _ := s.limit().tally(Counters{Buckets: s.Baseline.Buckets})
	return share(t.MaybeSlow, t.Timed)
}

// edgeUnclear says why the histogram's edges cannot certify the p99.
func (s JudgeState) edgeUnclear(needed uint64) string {
	switch {
	case s.New.Sum.Timed == 0 && s.New.Sum.Requests > 0:
		return "no latency was counted beyond the warm-up"
	case needed == 0:
		return "no bucket edge lies between the baseline's p99 and the limit, so that a p99 within it cannot be told"
	}
	return ""
}
