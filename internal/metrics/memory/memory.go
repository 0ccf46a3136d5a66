// Package memory is a source of metrics whose counters are set by whoever plays
// the world: the simulation, or a test. Its time is the time that it is given.
//
// It behaves as a scraped system does, gaps and restarts included. It must not
// know who asks it, nor what is judged.
package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// usualEdges are the edges of the client libraries' default histogram, in seconds.
var usualEdges = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// kept is how much history an instance has, beyond its newest scrape, unless Keep
// says otherwise.
const kept = 2 * time.Hour

// Source is a back end in memory. It is safe for concurrent use.
type Source struct {
	scrape time.Duration
	mu     sync.Mutex
	down   string
	sides  map[migration.Side]*metrics.History
}

// New makes an empty source that is scraped at the interval: a side that nobody
// has set for three of them is missing.
func New(interval time.Duration) *Source {
	return &Source{scrape: interval, sides: map[migration.Side]*metrics.History{
		migration.OldSide: {Kept: kept}, migration.NewSide: {Kept: kept},
	}}
}

// Keep says how much history an instance has from now on, beyond its newest scrape.
func (s *Source) Keep(back time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.sides {
		h.Kept = back
	}
}

// Set says what the instance has counted since it began, as seen at the time.
// Lower counts than before mean that it has begun again. An instance that is not
// set any more falls silent.
func (s *Source) Set(side migration.Side, instance string, at time.Time, c analysis.Counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sides[side].Set(instance, at, c)
}

// Serve lets the instance answer so many requests more, by the time at, each in
// the same time. It counts them in the usual buckets.
func (s *Source) Serve(side migration.Side, instance string, at time.Time, requests, errors uint64, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.sides[side].Last(instance)
	c.Requests, c.Errors = c.Requests+requests, c.Errors+errors
	if len(c.Buckets) == 0 {
		c.Buckets = metrics.EmptyBuckets(usualEdges)
	}
	c.Buckets = slices.Clone(c.Buckets)
	for i := range c.Buckets {
		if latency.Seconds() <= c.Buckets[i].LE {
			c.Buckets[i].Count += requests
		}
	}
	s.sides[side].Set(instance, at, c)
}

// Restart begins the instance's counters again from zero.
func (s *Source) Restart(side migration.Side, instance string, at time.Time) {
	s.Set(side, instance, at, analysis.Counters{Buckets: metrics.EmptyBuckets(usualEdges)})
}

// Down makes every question fail with the reason until Up.
func (s *Source) Down(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = reason
}

// Up ends Down; nothing that was set meanwhile is lost.
func (s *Source) Up() { s.Down("") }

// Sample gives the last counters up to at. What makes it missing is what makes a
// scraped system's missing: the back end is down, a selector is not one, a side
// is silent, or the old side has never been set.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldSide, oldErr := s.counters(ctx, migration.OldSide, m.Old, at)
	newSide, newErr := s.counters(ctx, migration.NewSide, m.New, at)
	var missing []string
	for _, err := range []error{oldErr, newErr} {
		if err != nil {
			missing = append(missing, err.Error())
		}
	}
	if len(missing) > 0 {
		return analysis.Sample{At: at, Missing: strings.Join(missing, "; ")}
	}
	return analysis.Sample{At: at, Old: oldSide, New: newSide}
}

func (s *Source) counters(ctx context.Context, side migration.Side, m migration.SideMetrics, at time.Time) (map[string]analysis.Counters, error) {
	if err := s.readable(ctx, side, m); err != nil {
		return nil, err
	}
	stale := metrics.StaleScrapes * s.scrape
	found, newest := s.sides[side].UpTo(at, 2*stale)
	all := make(map[string]analysis.Counters, len(found))
	for instance, c := range found {
		if m.Latency == "" {
			c.Buckets = nil
		}
		all["{instance="+instance+"}"] = c
	}
	switch age := at.Sub(newest); {
	case newest.IsZero() && side == migration.OldSide:
		return nil, fmt.Errorf("%s side: requests %s: no series", side, m.Requests)
	case !newest.IsZero() && age > stale:
		return nil, fmt.Errorf("%s side: requests %s: last scraped %s ago", side, m.Requests, age)
	}
	return all, nil
}

func (s *Source) readable(ctx context.Context, side migration.Side, m migration.SideMetrics) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s side: requests %s: %w", side, m.Requests, err)
	}
	if s.down != "" {
		return fmt.Errorf("%s side: requests %s: %s", side, m.Requests, s.down)
	}
	for _, q := range [][2]string{{"requests", m.Requests}, {"errors", m.Errors}, {"latency", m.Latency}} {
		what, selector := q[0], q[1]
		if strings.TrimSpace(selector) == "" && what != "latency" {
			return fmt.Errorf("%s side: %s: the migration names no selector", side, what)
		}
		if strings.Count(selector, "{") != strings.Count(selector, "}") || strings.ContainsAny(selector, "()[]") {
			return fmt.Errorf("%s side: %s %s: want a plain selector of counters", side, what, selector)
		}
	}
	return nil
}

// Baseline sums what the old side counted in (at-over, at]. Each instance starts
// with its last scrape up to then, or with its first.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if over <= 0 {
		return analysis.Baseline{}, errors.New("baseline: want a time above zero")
	}
	if _, err := s.counters(ctx, migration.OldSide, m.Old, at); err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	g := s.sides[migration.OldSide].Grown(at, over)
	if !g.To.After(g.From) {
		return analysis.Baseline{}, fmt.Errorf("baseline: old side: requests %s: scraped but once in the last %s", m.Old.Requests, over)
	}
	if m.Old.Latency == "" {
		g.Buckets = nil
	}
	dispersion, days := s.sides[migration.OldSide].Dispersion(at, over, s.scrape)
	return analysis.Baseline{
		Requests: g.Requests, Errors: g.Errors, Buckets: g.Buckets, Dispersion: dispersion, At: at, Vantage: m.Old.Vantage,
		Source: fmt.Sprintf("memory: requests %s, errors %s; %s%s", m.Old.Requests, m.Old.Errors, g.Covers(over), metrics.OfDays(days)),
	}, nil
}

// Past gives what the old side counted, as far as it is kept. It is an error where
// there is nothing of it.
func (s *Source) Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readable(ctx, migration.OldSide, m.Old); err != nil {
		return nil, fmt.Errorf("past: %w", err)
	}
	p := metrics.NewPast(s.scrape, m.Old.Vantage, fmt.Sprintf("memory: requests %s, errors %s", m.Old.Requests, m.Old.Errors))
	p.Take(s.sides[migration.OldSide], span, m.Old.Latency != "")
	if p.Empty() {
		return nil, fmt.Errorf("past: old side: requests %s: no series", m.Old.Requests)
	}
	if span.Told != nil {
		span.Told(span.To)
	}
	return p, nil
}
