package analysis

import (
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// binomial draws by the gaps between successes, exact and quick for small p.
func binomial(r *rand.Rand, n uint64, p float64) uint64 {
	if p <= 0 {
		return 0
	}
	var x uint64
	for at := 0.0; ; x++ {
		at += math.Floor(math.Log(1-r.Float64())/math.Log1p(-p)) + 1
		if at > float64(n) {
			return x
		}
	}
}

// burstyErrors draws errors at rate p in bursts of geometric length with the given mean.
func burstyErrors(r *rand.Rand, n uint64, p, mean float64) uint64 {
	var x uint64
	for range binomial(r, n, p/mean) {
		x += 1 + uint64(math.Log(1-r.Float64())/math.Log(1-1/mean))
	}
	return min(x, n)
}

// A world is a service that is watched.
type world struct {
	rand      *rand.Rand
	perSecond uint64
	every     time.Duration
	history   uint64 // requests in the baseline
	old, new  float64
	burst     float64       // mean length, 0 for none
	onset     time.Duration // until then the new side fails like the old
	cfg       Config
}

func (w world) errors(n uint64, p float64) uint64 {
	if w.burst > 1 {
		return burstyErrors(w.rand, n, p, w.burst)
	}
	return binomial(w.rand, n, p)
}

// watch judges until the verdict is one of until, and tells when.
func (w world) watch(length time.Duration, until ...VerdictKind) (Verdict, time.Duration) {
	base := Baseline{Requests: w.history, Errors: w.errors(w.history, w.old), Dispersion: max(1, 2*w.burst-1)}
	s := Start(w.cfg, base, t0)
	var c Counters
	s, v := Step(s, Sample{At: t0, New: map[string]Counters{"a": c}})
	for at := w.every; at <= length; at += w.every {
		n := uint64(float64(w.perSecond) * w.every.Seconds())
		p := w.new
		if at <= w.onset {
			p = w.old
		}
		c.Requests += n
		c.Errors += w.errors(n, p)
		s, v = Step(s, Sample{At: t0.Add(at), New: map[string]Counters{"a": c}})
		if slices.Contains(until, v.Kind) {
			return v, at
		}
	}
	return v, length
}

func errorsOnly() Config {
	c := DefaultConfig()
	c.LatencyFactor = 0
	return c
}

// The delay of detection is compared with Wald's bound ln(1/α)/KL(p₁‖p₀+δ), the
// least mean number of requests of any sequential test that knows both rates.
func TestDetectionIsNearWaldsBound(t *testing.T) {
	cases := []struct {
		old, new  float64
		perSecond uint64
	}{
		{0.001, 0.005, 100}, {0.001, 0.01, 100}, {0.01, 0.03, 100}, {0.01, 0.05, 100}, {0.05, 0.10, 100},
		{0.001, 0.005, 1000}, {0.001, 0.01, 1000}, {0.01, 0.03, 1000}, {0.01, 0.05, 1000}, {0.05, 0.10, 1000},
	}
	for i, c := range cases {
		w := world{
			rand: rand.New(rand.NewSource(int64(i + 1))), perSecond: c.perSecond, every: time.Second,
			history: c.perSecond * 900, old: c.old, new: c.new, cfg: DefaultConfig(),
		}
		const runs = 201
		delays := make([]float64, runs)
		for k := range delays {
			v, at := w.watch(10*time.Minute, Bad)
			if v.Kind != Bad {
				t.Fatalf("%v: not seen within ten minutes: %+v", c, v)
			}
			delays[k] = at.Seconds()
		}
		slices.Sort(delays)
		bound := max(-math.Log(0.001)/divergence(c.new, c.old+0.001)/float64(c.perSecond), 1)
		ratio := delays[runs/2] / bound
		t.Logf("%.1f → %.1f %% at %4d/s: median %5.1f s, Wald %5.1f s, ratio %.2f, 90 %% %.1f s",
			100*c.old, 100*c.new, c.perSecond, delays[runs/2], bound, ratio, delays[runs*9/10])
		if ratio > 2 {
			t.Errorf("%v: median delay %.1f s is %.2f times the bound %.1f s", c, delays[runs/2], ratio, bound)
		}
	}
}
