package metrics

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// History is what the instances of one side had counted, scrape by scrape, for a
// source whose outside system remembers nothing. It is not safe for concurrent use.
type History struct {
	// Kept bounds how far back an instance's scrapes go behind its newest one.
	Kept time.Duration

	all map[string][]scrape
}

// scrape is what an instance had counted by then. Buckets are never changed in place.
type scrape struct {
	at time.Time
	analysis.Counters
}

// Set says what the instance had counted when it was scraped. Lower counts than
// before mean that it has begun again.
func (h *History) Set(instance string, at time.Time, c analysis.Counters) {
	c.Buckets = slices.Clone(c.Buckets)
	if h.all == nil {
		h.all = map[string][]scrape{}
	}
	all := h.all[instance]
	after, _ := slices.BinarySearchFunc(all, at, scrape.compare)
	all = append(all[:after], scrape{at, c})
	for len(all) > 2 && all[1].at.Before(at.Add(-h.Kept)) {
		all = all[1:]
	}
	h.all[instance] = all
}

func (sc scrape) compare(at time.Time) int { return sc.at.Compare(at) }

// Last is the instance's newest scrape, zero where there is none.
func (h *History) Last(instance string) analysis.Counters {
	all := h.all[instance]
	if len(all) == 0 {
		return analysis.Counters{}
	}
	return all[len(all)-1].Counters
}

// UpTo gives the newest scrape up to at of each instance that has one younger than
// within, and when the youngest of them was.
func (h *History) UpTo(at time.Time, within time.Duration) (all map[string]analysis.Counters, newest time.Time) {
	all = map[string]analysis.Counters{}
	for instance, scrapes := range h.all {
		i := lastUpTo(scrapes, at)
		if i < 0 || !scrapes[i].at.After(at.Add(-within)) {
			continue
		}
		c := scrapes[i].Counters
		c.Buckets = slices.Clone(c.Buckets)
		all[instance] = c
		if scrapes[i].at.After(newest) {
			newest = scrapes[i].at
		}
	}
	return all, newest
}

func lastUpTo(all []scrape, at time.Time) int {
	i, found := slices.BinarySearchFunc(all, at, scrape.compare)
	if found {
		return i
	}
	return i - 1
}

// Grown is what was counted over a time of comparison.
type Grown struct {
	analysis.Counters
	Bursts   []Burst // of errors
	Served   []Burst // requests, failed ones too
	From, To time.Time
}

// Covers says in words how much of the asked time was scraped.
func (g Grown) Covers(over time.Duration) string {
	return fmt.Sprintf("covers %s of %s", g.To.Sub(g.From).Round(100*time.Millisecond), over)
}

// Grown sums what the instances counted in (at-over, at]. Each starts with its last
// scrape up to then, no more than LookBefore earlier, or with its first: it may have
// run for months before it was looked at. What begins again counts from zero. To is not after From where there
// were not two scrapes.
func (h *History) Grown(at time.Time, over time.Duration) Grown {
	s := sum{start: at.Add(-over), edges: map[float64]uint64{}}
	h.each(at, s.add)
	for _, le := range slices.Sorted(maps.Keys(s.edges)) {
		s.Buckets = append(s.Buckets, analysis.Bucket{LE: le, Count: s.edges[le]})
	}
	return s.Grown
}

// stretch is Grown without its histogram.
func (h *History) stretch(at time.Time, over time.Duration) Stretch {
	s := sum{start: at.Add(-over)}
	h.each(at, s.add)
	return Stretch{From: s.From, To: s.To, Requests: s.Served, Errors: s.Bursts}
}

// each gives what every instance had shown up to then.
func (h *History) each(at time.Time, take func([]scrape)) {
	for _, instance := range slices.Sorted(maps.Keys(h.all)) {
		all := h.all[instance]
		take(all[:lastUpTo(all, at)+1])
	}
}

// sum adds up scrapes over a time of comparison.
type sum struct {
	Grown
	start time.Time
	edges map[float64]uint64 // nil where histograms do not matter
}

// add takes in one instance.
func (s *sum) add(all []scrape) {
	if len(all) == 0 {
		return
	}
	first := max(lastUpTo(all, s.start), 0)
	if first < len(all)-1 && s.start.Sub(all[first].at) > LookBefore {
		first++
	}
	begin := all[first].at
	if begin.Before(s.start) {
		begin = s.start
	}
	if s.From.IsZero() || begin.Before(s.From) {
		s.From = begin
	}
	if end := all[len(all)-1].at; end.After(s.To) {
		s.To = end
	}
	for i := first + 1; i < len(all); i++ {
		s.grow(all[i-1].Counters, all[i])
	}
}

// grow counts from zero what has begun again since before.
func (s *sum) grow(before analysis.Counters, now scrape) {
	if now.Requests < before.Requests {
		before = analysis.Counters{}
	}
	if served := now.Requests - before.Requests; served > 0 {
		s.Requests += served
		s.Served = append(s.Served, Burst{At: now.at, Count: float64(served)})
	}
	if failed := now.Errors - min(before.Errors, now.Errors); failed > 0 {
		s.Errors += failed
		s.Bursts = append(s.Bursts, Burst{At: now.at, Count: float64(failed)})
	}
	if s.edges == nil {
		return
	}
	had := map[float64]uint64{}
	for _, b := range before.Buckets {
		had[b.LE] = b.Count
	}
	for _, b := range now.Buckets {
		s.edges[b.LE] += b.Count - min(had[b.LE], b.Count)
	}
}

// EmptyBuckets are buckets at the edges, which rise, +Inf behind them.
func EmptyBuckets(edges []float64) []analysis.Bucket {
	out := make([]analysis.Bucket, 0, len(edges)+1)
	for _, le := range edges {
		out = append(out, analysis.Bucket{LE: le})
	}
	return append(out, analysis.Bucket{LE: math.Inf(1)})
}
