package analysis

import (
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"
)

// windows counts the bad verdicts among healthy windows of the worst kind: the
// new side fails as often as the tolerance allows.
func windows(t *testing.T, seed int64, runs, looks int, alpha, burst float64, rates ...float64) (bad int) {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	cfg := errorsOnly()
	cfg.Alpha = alpha
	for i := range runs {
		p := rates[i%len(rates)]
		w := world{rand: r, perSecond: 20, every: 5 * time.Second, history: 18_000, old: p, new: p + 0.001, burst: burst, cfg: cfg}
		if v, _ := w.watch(time.Duration(looks)*w.every, Bad); v.Kind == Bad {
			bad++
		}
	}
	return bad
}

// 20,000 windows at the default α: 20 bad ones are allowed on average. Few are
// expected, because the minimum over the unknown baseline is cautious.
func TestHealthyWindowsAreHardlyEverBad(t *testing.T) {
	t.Parallel()
	if bad := windows(t, 1, 20_000, 6, 0.001, 0, 0.0001, 0.001, 0.01, 0.05); bad > 10 {
		t.Errorf("%d of 20,000 healthy windows are bad", bad)
	}
}

// With a generous α and many looks the bound is tested where it binds: an
// ordinary test at each look would be bad in most windows.
func TestManyLooksKeepAlpha(t *testing.T) {
	t.Parallel()
	const runs = 400
	bad := windows(t, 2, runs, 100, 0.3, 0, 0.001, 0.02)
	if share := float64(bad) / runs; share > 0.2 || bad == 0 {
		t.Errorf("%d of %d healthy windows are bad at α = 0.3; want some, at most a fifth", bad, runs)
	}
}

func TestBurstsKeepAlpha(t *testing.T) {
	t.Parallel()
	if bad := windows(t, 3, 2500, 12, 0.02, 6, 0.001, 0.01, 0.05); bad > 25 {
		t.Errorf("%d of 2,500 healthy bursty windows are bad at α = 0.02", bad)
	}
}

// Good is certified with its own α: a new side just beyond the tolerance seldom is.
func TestSickSideIsSeldomGood(t *testing.T) {
	t.Parallel()
	w := world{rand: rand.New(rand.NewSource(4)), perSecond: 200, every: 5 * time.Second, history: 180_000, old: 0.001, new: 0.00201, cfg: errorsOnly()}
	good := 0
	const runs = 400
	for range runs {
		if v, _ := w.watch(5*time.Minute, Good, Bad); v.Kind == Good {
			good++
		}
	}
	if good > runs/20 {
		t.Errorf("%d of %d sick windows were certified at α = 0.05", good, runs)
	}
}

// A healthy side is certified within the watch at ordinary traffic.
func TestHealthySideBecomesGood(t *testing.T) {
	t.Parallel()
	w := world{rand: rand.New(rand.NewSource(5)), perSecond: 100, every: 5 * time.Second, history: 90_000, old: 0.001, new: 0.001, cfg: errorsOnly()}
	good := 0
	for range 100 {
		if v, _ := w.watch(15*time.Minute, Good, Bad); v.Kind == Good {
			good++
		}
	}
	if good < 90 {
		t.Errorf("only %d of 100 healthy windows were certified within a quarter of an hour", good)
	}
}

// A regression after hours of health must not have to outweigh them, nor wait for
// the next of a few moments at which it may have begun. Beside Wald's bound for a
// regression from the start it costs the logarithm of the moments.
func TestLateRegressionIsSeenSoon(t *testing.T) {
	t.Parallel()
	cases := []struct {
		onset     time.Duration
		every     time.Duration
		perSecond uint64
		runs      int
		most      float64 // times Wald's bound
	}{
		{65 * time.Second, time.Second, 100, 31, 3.5},
		{65 * time.Second, time.Second, 1000, 31, 3},
		{607 * time.Second, time.Second, 1000, 15, 4},
		{10 * time.Minute, 5 * time.Second, 100, 15, 4},
		{2 * time.Hour, 15 * time.Second, 100, 2, 6},
		{24 * time.Hour, 15 * time.Second, 100, 2, 6},
	}
	for _, c := range cases {
		w := world{rand: rand.New(rand.NewSource(6)), perSecond: c.perSecond, every: c.every, history: 900 * c.perSecond, old: 0.001, new: 0.01, onset: c.onset, cfg: errorsOnly()}
		delays := make([]float64, c.runs)
		for i := range delays {
			v, at := w.watch(c.onset+30*time.Minute, Bad)
			if v.Kind != Bad || at <= c.onset {
				t.Fatalf("onset at %v: %+v at %v", c.onset, v, at)
			}
			delays[i] = (at - c.onset).Seconds()
		}
		slices.Sort(delays)
		bound := max(-math.Log(0.001)/divergence(w.new, w.old+0.001)/float64(c.perSecond), c.every.Seconds())
		ratio := delays[len(delays)/2] / bound
		t.Logf("onset at %v, %d/s: median %.0f s, %.2f times the bound, at most %.0f s", c.onset, c.perSecond, delays[len(delays)/2], ratio, delays[len(delays)-1])
		if ratio > c.most {
			t.Errorf("onset at %v, %d/s: median delay %.2f times the bound, want at most %.1f", c.onset, c.perSecond, ratio, c.most)
		}
	}
}
