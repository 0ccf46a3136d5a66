// Package metrics holds what every source of metrics must do alike: when a side
// counts as silent, and how bursty its errors are.
//
// It is arithmetic on times and counts. It must not know where they come from,
// nor what is concluded from them.
package metrics

import "time"

// StaleScrapes is how many scrape intervals a side may be silent before it is
// missing: one scrape may fail and the next be late without blinding anybody.
const StaleScrapes = 3

// Burst is what was counted at one moment.
type Burst struct {
	At    time.Time
	Count float64
}

// dispersionIntervals is into how many intervals a baseline is divided.
const dispersionIntervals = 60

// Dispersion is the variance over the mean of the counts per interval in (from,
// to], at least 1: independent events have 1, events that come in bursts more. A
// traffic that rises and falls adds to it, which errs towards fewer alarms.
// Intervals are a sixtieth of the time but hold at least two scrapes, since a
// single late scrape would look like a burst. Fewer than two intervals say 1.
func Dispersion(bursts []Burst, from, to time.Time, scrape time.Duration) float64 {
	atLeast := max(to.Sub(from)/dispersionIntervals, 2*scrape, time.Millisecond)
	counts := make([]float64, max(to.Sub(from)/atLeast, 0))
	if len(counts) < 2 {
		return 1
	}
	width := float64(to.Sub(from)) / float64(len(counts))
	for _, b := range bursts {
		if b.At.After(from) && !b.At.After(to) {
			i := int(float64(b.At.Sub(from)-1) / width)
			counts[min(i, len(counts)-1)] += b.Count
		}
	}
	var sum, squares float64
	for _, c := range counts {
		sum += c
	}
	if sum == 0 {
		return 1
	}
	mean := sum / float64(len(counts))
	for _, c := range counts {
		squares += (c - mean) * (c - mean)
	}
	return max(squares/float64(len(counts)-1)/mean, 1)
}
