package analysis

import (
	"math/rand"
	"testing"
	"time"
)

// A pace is how long requests take: the share of them beyond each edge.
type pace struct{ edges, beyond []float64 }

var (
	// usual has its p99 at the edge of 0.25 s exactly: the limit of 0.3 s is one too.
	usual = pace{[]float64{0.1, 0.25, 0.3, 0.36, 0.5}, []float64{0.1, 0.01, 0.005, 0.003, 0.001}}
	// allowed is slower by the whole of the tolerance: its p99 lies at 0.3 s.
	allowed = pace{usual.edges, []float64{0.15, 0.02, 0.01, 0.006, 0.002}}
	slower  = pace{usual.edges, []float64{0.2, 0.06, 0.05, 0.04, 0.02}}
)

// draw adds n requests to a histogram.
func (p pace) draw(r *rand.Rand, buckets []Bucket, n uint64) []Bucket {
	out := make([]Bucket, len(p.edges)+1)
	copy(out, buckets)
	beyond, share := n, 1.0
	for i, edge := range p.edges {
		beyond = binomial(r, beyond, p.beyond[i]/share)
		share = p.beyond[i]
		out[i].LE, out[i].Count = edge, out[i].Count+n-beyond
	}
	last := len(p.edges)
	out[last].LE, out[last].Count = inf, out[last].Count+n
	return out
}

// watch judges windows of a new side's pace and counts those called bad for it,
// with the sum of the delays.
func (p pace) watch(t *testing.T, seed int64, runs, looks int, alpha float64) (bad int, delay time.Duration) {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	cfg := DefaultConfig()
	cfg.Alpha = alpha
	for range runs {
		base := Baseline{Requests: 90_000, Errors: 90, Buckets: usual.draw(r, nil, 90_000)}
		s := Start(cfg, base, t0)
		c := Counters{Buckets: p.draw(r, nil, 0)}
		s, v := Step(s, Sample{At: t0, New: map[string]Counters{"a": c}})
		for look := 1; look <= looks && v.Kind != Bad; look++ {
			at := time.Duration(look) * cfg.SampleEvery
			c.Requests += 500
			c.Buckets = p.draw(r, c.Buckets, 500)
			s, v = Step(s, Sample{At: t0.Add(at), New: map[string]Counters{"a": c}})
			if v.Kind == Bad {
				bad++
				delay += at
				if v.Metric != LatencyP99 {
					t.Errorf("bad for %s: %s", v.Metric, v.Why)
				}
			}
		}
	}
	return bad, delay
}

// A new side as fast as the old, or slower by no more than the tolerance, is hardly
// ever called slow, over all looks; one beyond is, within a few samples.
func TestHealthyLatencyIsHardlyEverBad(t *testing.T) {
	t.Parallel()
	const runs = 250
	if bad, _ := usual.watch(t, 11, runs, 60, 0.1); bad > 2 {
		t.Errorf("%d of %d windows as fast as before are bad at α = 0.1", bad, runs)
	}
	if bad, _ := allowed.watch(t, 12, runs, 60, 0.1); bad > 12 {
		t.Errorf("%d of %d windows at the limit are bad at α = 0.1, of which half is the latency's", bad, runs)
	}
	bad, delay := slower.watch(t, 13, 50, 60, 0.001)
	if bad != 50 || delay/50 > 15*time.Second {
		t.Errorf("%d of 50 slower windows are bad, after %v in the mean", bad, delay/50)
	}
}
