package memory

import (
	"maps"
	"math"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
)

// usualEdges are the edges of the client libraries' default histogram, in seconds.
var usualEdges = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func emptyBuckets() []analysis.Bucket {
	var all []analysis.Bucket
	for _, le := range usualEdges {
		all = append(all, analysis.Bucket{LE: le})
	}
	return append(all, analysis.Bucket{LE: math.Inf(1)})
}

// sum adds up scrapes over a time of comparison.
type sum struct {
	analysis.Counters
	start    time.Time
	from, to time.Time
	edges    map[float64]uint64 // nil where latency is not asked for
	bursts   []metrics.Burst
}

func newSum(start time.Time, latency bool) *sum {
	s := &sum{start: start}
	if latency {
		s.edges = map[float64]uint64{}
	}
	return s
}

// add takes in one instance.
func (s *sum) add(all []scrape) {
	if len(all) == 0 {
		return
	}
	first := max(lastUpTo(all, s.start), 0)
	begin := all[first].at
	if begin.Before(s.start) {
		begin = s.start
	}
	if s.from.IsZero() || begin.Before(s.from) {
		s.from = begin
	}
	if end := all[len(all)-1].at; end.After(s.to) {
		s.to = end
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
	s.Requests += now.Requests - before.Requests
	if failed := now.Errors - min(before.Errors, now.Errors); failed > 0 {
		s.Errors += failed
		s.bursts = append(s.bursts, metrics.Burst{At: now.at, Count: float64(failed)})
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

func (s *sum) buckets() []analysis.Bucket {
	var all []analysis.Bucket
	for _, le := range slices.Sorted(maps.Keys(s.edges)) {
		all = append(all, analysis.Bucket{LE: le, Count: s.edges[le]})
	}
	return all
}
