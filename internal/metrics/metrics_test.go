package metrics_test

import (
	"math"
	"testing"
	"time"

	"rehome.dev/rehome/internal/metrics"
)

func TestDispersion(t *testing.T) {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	each := func(count func(minute int) float64) []metrics.Burst {
		var all []metrics.Burst
		for i := range 60 {
			all = append(all, metrics.Burst{At: from.Add(time.Duration(i+1) * time.Minute), Count: count(i)})
		}
		return all
	}
	// The variance of n zeros and ones of which k are ones is k(n-k)/(n(n-1)).
	for _, c := range []struct {
		name   string
		bursts []metrics.Burst
		to     time.Duration
		scrape time.Duration
		want   float64
	}{
		{"no errors", nil, time.Hour, time.Second, 1},
		{"the same in each interval", each(func(int) float64 { return 4 }), time.Hour, time.Second, 1},
		{"one burst of sixty", each(func(i int) float64 { return map[bool]float64{true: 60}[i == 17] }), time.Hour, time.Second, 60},
		{"every other interval", each(func(i int) float64 { return float64(i%2) * 20 }), time.Hour, time.Second, 6000. / 59 / 10},
		{"too short to tell", each(func(i int) float64 { return float64(i) * 100 })[:1], time.Minute, 30 * time.Second, 1},
		{"late scrapes are no bursts", each(func(i int) float64 { return float64(i%2) * 2 }), time.Hour, time.Minute, 1},
		{"no time at all", each(func(int) float64 { return 4 }), 0, time.Second, 1},
		{"the last moment counts", []metrics.Burst{{At: from.Add(7 * time.Second), Count: 9}}, 7 * time.Second, time.Second, 9},
		{"what was counted before does not count", []metrics.Burst{{At: from, Count: 1000}}, time.Hour, time.Second, 1},
	} {
		if got := metrics.Dispersion(c.bursts, from, from.Add(c.to), c.scrape); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
