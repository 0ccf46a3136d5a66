package prometheus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// pastChunk is how much of the past is asked for at once.
const pastChunk = 2 * time.Hour

// Past reads what the old side counted in (From, To], by the rules of Baseline: a
// counter that falls has begun again from zero, a series that is new on an instance
// already seen starts from zero, an instance that is itself new with its first
// scrape. All instances are added up.
//
// It is an error when a query fails or its answer may not be whole, when the side
// was never scraped in all that time, and when a declared histogram does not exist.
// Hours in which nothing was scraped are none: they show as gaps.
func (s *Source) Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error) {
	p, err := s.past(ctx, m.Old, span)
	if err != nil {
		return nil, fmt.Errorf("past: %w", err)
	}
	return p, nil
}

func (s *Source) past(ctx context.Context, m migration.SideMetrics, span metrics.Span) (*metrics.Past, error) {
	span.Every = max(span.Every, s.scrape)
	if !span.To.After(span.From) {
		return nil, errors.New("want a time that ends after it begins")
	}
	if span.LatencyFrom.Before(span.From) {
		span.LatencyFrom = span.From
	}
	r := newReading(span)
	for from := span.From; from.Before(span.To); {
		to := from.Add(pastChunk)
		if from.Before(span.LatencyFrom) && to.After(span.LatencyFrom) {
			to = span.LatencyFrom
		}
		if to.After(span.To) {
			to = span.To
		}
		if err := s.readChunk(ctx, m, r, from, to); err != nil {
			return nil, err
		}
		if from = to; span.Told != nil {
			span.Told(to)
		}
	}
	if len(r.begins) == 0 {
		return nil, fmt.Errorf("old side: requests %s: no series from %s to %s", m.Requests, span.From.UTC().Format(time.RFC3339), span.To.UTC().Format(time.RFC3339))
	}
	if m.Latency != "" && len(r.edges) == 0 {
		return nil, fmt.Errorf("old side: latency %s: %w", m.Latency, errNoHistogram)
	}
	p := metrics.NewPast(s.scrape, m.Vantage, fmt.Sprintf("Prometheus %s: requests %s, errors %s", s.address, m.Requests, m.Errors))
	r.into(p)
	return p, nil
}

// errNoHistogram is what a declared histogram without series is told.
var errNoHistogram = errors.New("no series: correct the selector, or leave it out if latency is not measured")

func (s *Source) readChunk(ctx context.Context, m migration.SideMetrics, r *reading, from, to time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	q := query{side: migration.OldSide, what: "requests", selector: m.Requests, at: to, window: to.Sub(from)}
	requests, err := s.read(ctx, q)
	if err != nil {
		return err
	}
	r.begin(r.begins, requests)
	r.scraped(requests)
	r.take(q.what, requests, r.begins, func(_ *series, step int, grown float64) { r.requests[step] += grown })
	q.what, q.selector = "errors", m.Errors
	failed, err := s.readOf(ctx, q, r.begins)
	if err != nil {
		return err
	}
	r.take(q.what, failed, r.begins, func(_ *series, step int, grown float64) { r.errors[step] += grown })
	if m.Latency == "" || from.Before(r.span.LatencyFrom) {
		return nil
	}
	q.what, q.selector = "latency", m.Latency
	timed, err := s.readOf(ctx, q, r.begins)
	if err != nil {
		return err
	}
	if err := r.commonEdges(timed); err != nil {
		return fmt.Errorf("old side: latency %s: %w", m.Latency, err)
	}
	r.begin(r.timedBegins, timed)
	r.take(q.what, timed, r.timedBegins, func(one *series, step int, grown float64) {
		if r.timed[one.le] == nil {
			r.timed[one.le] = make([]float64, len(r.requests))
		}
		r.timed[one.le][step] += grown
	})
	return nil
}

// reading adds up, step by step, what series grew by.
type reading struct {
	span             metrics.Span
	requests, errors []float64
	timed            map[float64][]float64 // by edge
	edges            map[float64]bool      // that every histogram has had; nil before the first
	newest           []time.Time           // scrape of the step, zero where there was none
	begins           map[string]time.Time  // instances' first scrapes
	timedBegins      map[string]time.Time  // those that brought a histogram
	last             map[string]float64    // counts of series by what they are
}

func newReading(span metrics.Span) *reading {
	n := int((span.To.Sub(span.From)-1)/span.Every) + 1
	return &reading{
		span: span, requests: make([]float64, n), errors: make([]float64, n), newest: make([]time.Time, n),
		timed: map[float64][]float64{}, begins: map[string]time.Time{}, timedBegins: map[string]time.Time{}, last: map[string]float64{},
	}
}

// step is the one in which a scrape is.
func (r *reading) step(at time.Time) int { return int((at.Sub(r.span.From) - 1) / r.span.Every) }

// begin notes the first scrapes of instances that are new.
func (r *reading) begin(known map[string]time.Time, all []series) {
	fresh := map[string]time.Time{}
	for _, one := range all {
		first := one.points[0].at
		if _, found := known[one.key]; !found && (fresh[one.key].IsZero() || first.Before(fresh[one.key])) {
			fresh[one.key] = first
		}
	}
	maps.Copy(known, fresh)
}

// scraped notes when the side was scraped.
func (r *reading) scraped(all []series) {
	for _, one := range all {
		for _, p := range one.points {
			if at := &r.newest[r.step(p.at)]; p.at.After(*at) {
				*at = p.at
			}
		}
	}
}

// take adds what the series grew by since they were last seen.
func (r *reading) take(what string, all []series, begins map[string]time.Time, add func(one *series, step int, grown float64)) {
	for i := range all {
		one := &all[i]
		begin, known := begins[one.key]
		if !known {
			continue // it waits for its instance's first request
		}
		id := what + one.group + strconv.FormatFloat(one.le, 'g', -1, 64)
		last, seen := r.last[id]
		for _, p := range one.points {
			grown := p.value - last
			if grown < 0 {
				grown = p.value
			}
			if seen || p.at.Sub(begin) > sameScrape {
				add(one, r.step(p.at), grown)
			}
			last, seen = p.value, true
		}
		r.last[id] = last
	}
}

// commonEdges keeps the edges that all histograms have: counts up to an edge may
// only be added where each has it.
func (r *reading) commonEdges(all []series) error {
	groups := map[string]map[float64]bool{}
	for _, one := range all {
		if groups[one.group] == nil {
			groups[one.group] = map[float64]bool{}
		}
		groups[one.group][one.le] = true
	}
	for _, edges := range groups {
		if !edges[math.Inf(1)] {
			return errors.New("a histogram is without its +Inf bucket")
		}
		if r.edges == nil {
			r.edges = edges
			continue
		}
		maps.DeleteFunc(r.edges, func(le float64, _ bool) bool { return !edges[le] })
	}
	return nil
}

// into hands over the sums, as of one instance, called all, scraped once in each step.
func (r *reading) into(p *metrics.Past) {
	edges := slices.Sorted(maps.Keys(r.edges))
	timed := make([]float64, len(edges))
	latencyFrom := r.step(r.span.LatencyFrom.Add(1))
	var requests, failed float64
	for i, at := range r.newest {
		requests += r.requests[i]
		failed += r.errors[i]
		for k, le := range edges {
			if r.timed[le] != nil {
				timed[k] += r.timed[le][i]
			}
		}
		if at.IsZero() {
			continue
		}
		c := analysis.Counters{Requests: count(requests), Errors: count(failed)}
		if i >= latencyFrom {
			for k, le := range edges {
				c.Buckets = append(c.Buckets, analysis.Bucket{LE: le, Count: count(timed[k])})
			}
		}
		p.Set("all", at, c)
	}
}
