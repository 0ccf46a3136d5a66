package analysis

import (
	"cmp"
	"math"
	"slices"
)

// slowShare is the share of requests that are slower than the p99, by its
// definition: a new side whose p99 is within the limit has at most this share
// of requests beyond the limit.
const slowShare = 0.01

// A Limit bounds LatencyFactor × the baseline's p99, in seconds. A histogram
// tells the p99 only to within a bucket, and the baseline is itself a sample: the
// true limit lies in [Low, High]. Zero means that no edge tells that bound.
type Limit struct{ Low, High float64 }

// Edges are the neighbouring bucket edges of a limit: requests above Above are
// surely slower than it, requests up to Below surely are not. Zero where the
// histogram has no such edge, and then nothing can be said from that side.
type Edges struct {
	Above float64 `json:"above,omitempty"`
	Below float64 `json:"below,omitempty"`
}

// latencyLimit finds the p99's bucket with confidence. An edge lies above the
// true p99 when the share beyond it is below slowShare; by Chernoff's bound the
// observed share misleads with probability at most exp(−n·KL), so High is wrong
// with probability at most alphaHigh and Low at most alphaLow. Restricting the
// nuisance parameter to a confidence set and paying for it out of α is due to
// Berger and Boos 1994, "P values maximized over a confidence set for the
// nuisance parameter". No union over edges is needed: cumulative counts are
// nested, so if any edge is misjudged the one next to the p99 is.
func latencyLimit(base Baseline, factor, alphaHigh, alphaLow float64) Limit {
	var l Limit
	if len(base.Buckets) == 0 {
		return l
	}
	total := base.Buckets[len(base.Buckets)-1].Count
	for _, b := range base.Buckets {
		if math.IsInf(b.LE, 1) || b.LE <= 0 {
			continue
		}
		beyond := share(total-b.Count, total)
		doubt := float64(total) * divergence(beyond, slowShare) / base.Dispersion
		if beyond > slowShare && doubt >= -math.Log(alphaLow) {
			l.Low = b.LE * factor
		}
		if beyond < slowShare && doubt >= -math.Log(alphaHigh) {
			l.High = b.LE * factor
			break
		}
	}
	return l
}

// divergence is the Kullback-Leibler divergence of two Bernoulli distributions
// in nats; 0 < q < 1.
func divergence(p, q float64) float64 {
	d := 0.0
	if p > 0 {
		d += p * math.Log(p/q)
	}
	if p < 1 {
		d += (1 - p) * math.Log((1-p)/(1-q))
	}
	return max(d, 0)
}

// tally counts a series' requests against the limit.
func (l Limit) tally(c Counters) (Tally, Edges) {
	t := Tally{Requests: c.Requests, Errors: c.Errors}
	buckets := histogram(c.Buckets)
	if len(buckets) == 0 || (l.Low == 0 && l.High == 0) {
		return t, Edges{}
	}
	t.Timed = buckets[len(buckets)-1].Count
	t.MaybeSlow = t.Timed
	var e Edges
	const rounding = 1e-9 // 1.2 × 0.25 must meet the edge 0.3
	for _, b := range buckets {
		if math.IsInf(b.LE, 1) || b.LE <= 0 {
			continue
		}
		if b.LE <= l.Low*(1+rounding) {
			e.Below, t.MaybeSlow = b.LE, t.Timed-b.Count
		}
		if l.High > 0 && b.LE >= l.High*(1-rounding) {
			e.Above, t.Slow = b.LE, t.Timed-b.Count
			break
		}
	}
	return t, e
}

// histogram returns the buckets by rising edge with counts that never fall. One
// that is already so is returned as it is; NaN edges are dropped.
func histogram(buckets []Bucket) []Bucket {
	clean := true
	for i, b := range buckets {
		if math.IsNaN(b.LE) || (i > 0 && (b.LE <= buckets[i-1].LE || b.Count < buckets[i-1].Count)) {
			clean = false
		}
	}
	if clean {
		return buckets
	}
	out := slices.DeleteFunc(slices.Clone(buckets), func(b Bucket) bool { return math.IsNaN(b.LE) })
	slices.SortFunc(out, func(a, b Bucket) int {
		return cmp.Or(cmp.Compare(a.LE, b.LE), cmp.Compare(b.Count, a.Count))
	})
	out = slices.CompactFunc(out, func(a, b Bucket) bool { return a.LE == b.LE })
	for i := 1; i < len(out); i++ {
		out[i].Count = max(out[i].Count, out[i-1].Count)
	}
	return out
}
