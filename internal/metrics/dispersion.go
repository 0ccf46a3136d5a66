package metrics

import (
	"fmt"
	"math"
	"time"
)

// Burst is what was counted at one moment.
type Burst struct {
	At    time.Time
	Count float64
}

// A Stretch is what was counted in (From, To], moment by moment. Without Requests
// traffic is taken to be even.
type Stretch struct {
	From, To         time.Time
	Requests, Errors []Burst
}

// Days is how many days before a baseline say how its errors come: the same hours
// of each, since what comes in bursts often comes with the hour.
const Days = 7

// DayBefore is the time so many days of 24 hours before.
func DayBefore(at time.Time, days int) time.Time {
	return at.Add(-time.Duration(days) * 24 * time.Hour)
}

// dispersionIntervals is into how many intervals a baseline is divided.
const dispersionIntervals = 60

// Dispersion is DispersionOf one stretch of errors under even traffic.
func Dispersion(errors []Burst, from, to time.Time, scrape time.Duration) float64 {
	return DispersionOf(scrape, Stretch{From: from, To: to, Errors: errors})
}

// DispersionOf is the variance over the mean of the errors in an interval, at least
// 1: errors that come singly have 1, errors that come in bursts more. The first
// stretch is the baseline's own and sets the length of the intervals: a sixtieth of
// it, but at least two scrapes, since a single late one would look like a burst.
// Stretches too short for two of them are left out.
//
// The estimate is Pearson's X² over its degrees of freedom, with each stretch's own
// error rate and each interval's own share of the answers that were none (McCullagh
// and Nelder 1989, "Generalized Linear Models", 4.5 and 6.2.3): a day that fails more
// than another, or an hour busier than another, is no burst. A stretch without
// errors says nothing about how they come.
//
// Errors that come for longer than an interval, as in an outage of a few minutes,
// add up only in longer ones. So two, four and eight intervals are merged, as long as
// there are fewIntervals left, and the greatest estimate counts. Where one differs from
// 1 by more than chance, its upper limit is taken: few bursts, or bursts of very
// different sizes, tell their mean size badly, and one that did not happen to be seen
// must not roll back a healthy service.
//
// It is never more than if all errors of the busiest stretch had come in one burst:
// bursts of geometric length with mean μ have dispersion 2μ − 1. And it is never less
// than if one burst of unseen more errors had come beside those that were seen: who
// has seen few errors does not know how they come.
func DispersionOf(scrape time.Duration, all ...Stretch) float64 {
	if len(all) == 0 {
		return 1
	}
	width := max(all[0].To.Sub(all[0].From)/dispersionIntervals, 2*scrape, time.Millisecond)
	var cuts []cut
	var most, errors float64
	for _, s := range all {
		c := s.cut(width)
		cuts, most, errors = append(cuts, c), max(most, c.errors), errors+c.errors
	}
	least := 1 + unseen*(unseen-1)/(errors+unseen)
	burst := max(2*most-1, least)
	finest := pearson(cuts, 1)
	if finest.freedom < 1 {
		return burst
	}
	dispersion := max(finest.limit(), least)
	for _, merged := range []int{2, 4, 8} {
		if p := pearson(cuts, merged); p.freedom >= fewIntervals && p.tells() {
			dispersion = max(dispersion, p.limit())
		}
	}
	return min(dispersion, burst)
}

// unseen is the size of a burst that may be among errors that nobody has seen yet.
const unseen = 2

// fewIntervals are the fewest that one length of intervals is judged by.
const fewIntervals = 15

// A cut is a stretch in intervals of one length.
type cut struct {
	failed, fine []float64 // answers by interval: errors, and others
	errors       float64   // all of them
}

// cut divides the stretch into intervals of about the width.
func (s Stretch) cut(width time.Duration) cut {
	length := s.To.Sub(s.From)
	if length <= 0 {
		return cut{}
	}
	n := max(length/width, 1)
	c := cut{failed: make([]float64, n), fine: make([]float64, n)}
	c.errors = s.sum(s.Errors, c.failed)
	if s.sum(s.Requests, c.fine) > c.errors {
		for i := range c.fine {
			c.fine[i] = max(c.fine[i]-c.failed[i], 0)
		}
	} else {
		for i := range c.fine {
			c.fine[i] = 1
		}
	}
	return c
}

// A fit says how far the intervals of one length are from a constant share of errors.
type fit struct {
	squares float64 // X²: the sum of (x−e)²/e
	fourths float64 // the sum of their squares
	inverse float64 // the sum of 1/e
	freedom float64
}

// pearson fits all stretches in so many intervals merged.
func pearson(cuts []cut, merged int) (f fit) {
	for _, c := range cuts {
		failed, fine := merge(c.failed, merged), merge(c.fine, merged)
		errors, others := total(failed), total(fine)
		if len(failed) < 2 || errors == 0 || others == 0 {
			continue
		}
		f.freedom--
		for i, x := range failed {
			expected := errors * fine[i] / others
			if expected == 0 && x > 0 { // nothing but errors
				expected = errors / float64(len(failed))
			}
			if expected > 0 {
				square := (x - expected) * (x - expected) / expected
				f.squares, f.fourths, f.inverse = f.squares+square, f.fourths+square*square, f.inverse+1/expected
				f.freedom++
			}
		}
	}
	return f
}

// tells whether there is more than chance makes of errors that come singly, whose
// squares have mean 1 and variance 2 + 1/e.
func (f fit) tells() bool {
	return f.squares > f.freedom+4*math.Sqrt(2*f.freedom+f.inverse)
}

// limit is the estimate where it does not tell of bursts; where it does, or where few
// intervals can tell nothing, an upper limit of it (two standard errors, or 90 %): by the spread of the
// squares, which is great where a few bursts make up all, and by that of χ².
func (f fit) limit() float64 {
	estimate := f.squares / f.freedom
	if f.freedom < fewIntervals {
		return f.squares / chiSquare10(f.freedom)
	}
	if !f.tells() {
		return estimate
	}
	spread := max(f.fourths/f.freedom-estimate*estimate, 2*estimate*estimate)
	return estimate + 2*math.Sqrt(spread/f.freedom)
}

// merge adds up so many neighbours each; what is left at the end is left out.
func merge(counts []float64, n int) []float64 {
	out := make([]float64, len(counts)/n)
	for i := range out {
		out[i] = total(counts[i*n : (i+1)*n])
	}
	return out
}

func total(counts []float64) float64 {
	all := 0.0
	for _, c := range counts {
		all += c
	}
	return all
}

// sum sorts bursts into intervals, and gives how much they are together.
func (s Stretch) sum(bursts []Burst, into []float64) float64 {
	width := float64(s.To.Sub(s.From)) / float64(len(into))
	all := 0.0
	for _, b := range bursts {
		if b.At.After(s.From) && !b.At.After(s.To) {
			i := int(float64(b.At.Sub(s.From)-1) / width)
			into[min(i, len(into)-1)] += b.Count
			all += b.Count
		}
	}
	return all
}

// chiSquare10 is the value that χ² of k degrees of freedom stays below with
// probability 0.1 (Wilson and Hilferty 1931, "The distribution of chi-square"); for
// one degree, where their cube root is coarse, the exact value.
func chiSquare10(k float64) float64 {
	const z = -1.2815515655446004
	if k <= 1 {
		return 0.015790774093431
	}
	c := 2 / (9 * k)
	return k * math.Pow(max(1-c+z*math.Sqrt(c), 0.05), 3)
}

// Dispersion is that of the baseline over (at-over, at]: from its own stretch, and
// from the same hours of the days before as far as they are kept. days says how many
// those were.
func (h *History) Dispersion(at time.Time, over, scrape time.Duration) (dispersion float64, days int) {
	all := []Stretch{h.stretch(at, over)}
	for d := 1; d <= Days; d++ {
		if s := h.stretch(DayBefore(at, d), over); s.Tells(over) {
			all = append(all, s)
		}
	}
	return DispersionOf(scrape, all...), len(all) - 1
}

// OfDays says in words from how many days before the dispersion comes beside the
// baseline's own time, behind what the baseline covers.
func OfDays(days int) string {
	switch days {
	case 0:
		return ""
	case 1:
		return "; dispersion also of the same hours of the day before"
	}
	return fmt.Sprintf("; dispersion also of the same hours of %d days before", days)
}

// Tells says whether a stretch of a former day covers enough to say anything: half
// of what was asked for.
func (s Stretch) Tells(over time.Duration) bool { return s.To.Sub(s.From) >= over/2 }
