package metrics_test

import (
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
)

var from = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// each is what was counted in every minute of an hour.
func each(count func(minute int) float64) []metrics.Burst {
	var all []metrics.Burst
	for i := range 60 {
		all = append(all, metrics.Burst{At: from.Add(time.Duration(i+1) * time.Minute), Count: count(i)})
	}
	return all
}

func TestDispersion(t *testing.T) {
	// Of 59 degrees of freedom and equal squares the standard error is √(2/59).
	limit59 := 1 + 2*math.Sqrt(2./59)
	for _, c := range []struct {
		name   string
		errors []metrics.Burst
		to     time.Duration
		scrape time.Duration
		want   float64
	}{
		{"no errors: one burst of two may be unseen", nil, time.Hour, time.Second, 2},
		{"one error", each(func(i int) float64 { return map[bool]float64{true: 1}[i == 17] }), time.Hour, time.Second, 1 + 2./3},
		{"the same in each interval", each(func(int) float64 { return 4 }), time.Hour, time.Second, 1 + 2./242},
		{"one burst of sixty tells little of how great they are", each(func(i int) float64 { return map[bool]float64{true: 60}[i == 17] }), time.Hour, time.Second, 119},
		{"every other interval", each(func(i int) float64 { return float64(i%2) * 20 }), time.Hour, time.Second, 600. / 59 * limit59},
		{"too short for intervals", each(func(int) float64 { return 100 })[:1], time.Minute, 30 * time.Second, 199},
		{"late scrapes are no bursts", each(func(i int) float64 { return float64(i%2) * 2 }), time.Hour, time.Minute, 1 + 2./62},
		{"no time at all", each(func(int) float64 { return 4 }), 0, time.Second, 2},
		{"few intervals, and all in one of them", []metrics.Burst{{At: from.Add(7 * time.Second), Count: 9}}, 7 * time.Second, time.Second, 17},
		{"what was counted before does not count", []metrics.Burst{{At: from, Count: 1000}}, time.Hour, time.Second, 2},
	} {
		if got := metrics.Dispersion(c.errors, from, from.Add(c.to), c.scrape); math.Abs(got-c.want) > 0.001*c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An hour that is busier than another is no burst, nor is a day that fails more.
func TestDispersionKnowsTheTraffic(t *testing.T) {
	served := each(func(i int) float64 { return float64(1000 * (1 + i%3)) })
	failed := each(func(i int) float64 { return float64(10 * (1 + i%3)) })
	hour := metrics.Stretch{From: from, To: from.Add(time.Hour), Errors: failed}
	if got := metrics.DispersionOf(time.Second, hour); got < 4 {
		t.Errorf("without the traffic: %v", got)
	}
	hour.Requests = served
	if got := metrics.DispersionOf(time.Second, hour); got > 1.02 {
		t.Errorf("errors follow the traffic: %v", got)
	}
	worse := hour
	worse.Errors = each(func(i int) float64 { return float64(70 * (1 + i%3)) })
	if got := metrics.DispersionOf(time.Second, hour, worse); got > 1.01 {
		t.Errorf("a day that fails more: %v", got)
	}
	// A burst brings its own requests, and is one all the same.
	hour.Errors = []metrics.Burst{{At: from.Add(30 * time.Minute), Count: 400}}
	hour.Requests = append(each(func(int) float64 { return 10 }), hour.Errors...)
	if got := metrics.DispersionOf(time.Second, hour); got < 400 {
		t.Errorf("four hundred at once: %v", got)
	}
	// An outage that lasts for many intervals adds up in longer ones.
	hour = metrics.Stretch{From: from, To: from.Add(time.Hour)}
	hour.Requests = each(func(int) float64 { return 10_000 })
	hour.Errors = each(func(i int) float64 { return 10 + 10*float64(i/4%2) })
	short := 60. / 59 * 25 / 15 * 59 / 45.58
	if got := metrics.DispersionOf(time.Second, hour); got < 1.5*short {
		t.Errorf("spells of four minutes: %v, in single minutes %v", got, short)
	}
	// Nothing but errors, again and again.
	hour.Errors = each(func(i int) float64 { return float64(i/30) * 10 })
	hour.Requests = each(func(int) float64 { return 10 })
	if got := metrics.DispersionOf(time.Second, hour); got < 8 {
		t.Errorf("half an hour of errors alone: %v", got)
	}
}

// Simulated: errors that come singly are called so within a half, and bursts of
// geometric length are seldom underestimated; more days tell it better.
func TestDispersionOfSimulatedErrors(t *testing.T) {
	const mean = 4. // of a burst's length: dispersion 7
	for _, c := range []struct {
		days        int
		bursty      bool
		least, most float64
	}{{1, false, 1, 1.6}, {8, false, 1, 1.2}, {1, true, 6, 20}, {8, true, 7, 15}} {
		r := rand.New(rand.NewSource(7))
		var all []float64
		for range 100 {
			var days []metrics.Stretch
			for range c.days {
				days = append(days, metrics.Stretch{From: from, To: from.Add(time.Hour), Errors: each(func(int) float64 { return errorsOfAMinute(r, c.bursty, mean) })})
			}
			all = append(all, metrics.DispersionOf(time.Second, days...))
		}
		slices.Sort(all)
		low, high := all[len(all)/20], all[len(all)*19/20]
		t.Logf("%d days, bursty: %t: between %.2f and %.2f", c.days, c.bursty, low, high)
		if low < c.least || high > c.most {
			t.Errorf("%d days, bursty: %t: between %.2f and %.2f, want %v to %v", c.days, c.bursty, low, high, c.least, c.most)
		}
		if truth := map[bool]float64{true: 2*mean - 1, false: 1}[c.bursty]; c.bursty && all[len(all)/5] < truth {
			t.Errorf("%d days: a fifth is below %v, the truth", c.days, truth)
		}
	}
}

// errorsOfAMinute draws twelve errors a minute, singly or in bursts.
func errorsOfAMinute(r *rand.Rand, bursty bool, mean float64) float64 {
	events := 12.
	if bursty {
		events /= mean
	}
	n := 0.
	for at := r.ExpFloat64(); at < events; at += r.ExpFloat64() {
		n++
		for bursty && r.Float64() > 1/mean {
			n++
		}
	}
	return n
}

// The same hours of the days before count, other hours do not, and what is silent
// for most of it says nothing.
func TestDispersionOfTheDaysBefore(t *testing.T) {
	at := from.Add(8 * 24 * time.Hour)
	for _, c := range []struct {
		name   string
		failed func(h int, minute int) uint64 // hours before at
		days   int
		bursty bool
	}{
		{"steady", func(int, int) uint64 { return 2 }, 7, false},
		{"bursts in this hour of each day", func(h, minute int) uint64 {
			if h%24 == 0 && h > 0 {
				return uint64(minute/59) * 120
			}
			return 2
		}, 7, true},
		{"bursts in another hour", func(h, minute int) uint64 {
			if h%24 == 12 {
				return uint64(minute/59) * 120
			}
			return 2
		}, 7, false},
	} {
		h := metrics.History{Kept: 30 * 24 * time.Hour}
		var n analysis.Counters
		for hour := 8 * 24; hour >= 0; hour-- {
			for minute := range 60 {
				n.Requests, n.Errors = n.Requests+1000, n.Errors+c.failed(hour, minute)
				h.Set("a", at.Add(time.Duration(minute+1)*time.Minute-time.Duration(hour+1)*time.Hour), n)
			}
		}
		got, days := h.Dispersion(at, time.Hour, time.Minute)
		if days != c.days || (got > 20) != c.bursty || !c.bursty && got > 1.03 {
			t.Errorf("%s: %v of %d days before", c.name, got, days)
		}
		if _, days := h.Dispersion(at.Add(-5*24*time.Hour), time.Hour, time.Minute); days != 3 {
			t.Errorf("%s: %d days, want the three that there are", c.name, days)
		}
	}
}

// A counter's value from long before a time of comparison is no start value: what
// came in between would be counted in.
func TestGrownLooksBackALittle(t *testing.T) {
	for _, c := range []struct {
		before time.Duration // the last scrape ahead of the comparison
		want   uint64
	}{{metrics.LookBefore, 950}, {metrics.LookBefore + time.Second, 50}} {
		h := metrics.History{Kept: 30 * 24 * time.Hour}
		h.Set("a", from.Add(-c.before), analysis.Counters{Requests: 50})
		h.Set("a", from.Add(time.Minute), analysis.Counters{Requests: 950})
		h.Set("a", from.Add(2*time.Minute), analysis.Counters{Requests: 1000})
		if got := h.Grown(from.Add(time.Hour), time.Hour).Requests; got != c.want {
			t.Errorf("%s before: %d requests, want %d", c.before, got, c.want)
		}
	}
}
