package prometheus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// lookBefore is how long before the asked time a counter's start value may lie.
const lookBefore = 5 * time.Minute

// Baseline sums what the old side counted in (at-over, at], scrape by scrape: a
// counter that falls has begun again from zero, and a series that is new on an
// instance already seen starts from zero.
//
// An instance that is itself new starts with its first scrape. It may have run
// for months before Prometheus was told of it, and nothing in its counters says
// whether it has; what is lost is at most one interval.
//
// Where less than the asked time was scraped, Source says how much it was.
// Without two scrapes there is an error, and likewise when the side is not
// scraped any more or a declared histogram does not exist.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	b, err := s.baseline(ctx, m.Old, at, over)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	return b, nil
}

func (s *Source) baseline(ctx context.Context, m migration.SideMetrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	if over <= 0 {
		return analysis.Baseline{}, errors.New("want a time above zero")
	}
	q := query{side: migration.OldSide, what: "requests", selector: m.Requests, at: at, window: over + max(lookBefore, s.stale())}
	requests, err := s.read(ctx, q)
	if err != nil {
		return analysis.Baseline{}, err
	}
	ends := newestScrapes(requests)
	if err := s.fresh(q, ends); err != nil {
		return analysis.Baseline{}, err
	}
	span := newSpan(requests, ends, at.Add(-over))
	if !span.to.After(span.from) {
		return analysis.Baseline{}, fmt.Errorf("old side: requests %s: scraped but once in the last %s", m.Requests, over)
	}
	q.what, q.selector = "errors", m.Errors
	failed, err := s.readOf(ctx, q, ends)
	if err != nil {
		return analysis.Baseline{}, err
	}
	b := analysis.Baseline{At: at, Vantage: m.Vantage, Requests: count(sum(span.bursts(requests)))}
	bursts := span.bursts(failed)
	b.Errors = count(sum(bursts))
	b.Dispersion = metrics.Dispersion(bursts, span.from, span.to, s.scrape)
	if b.Buckets, err = s.latency(ctx, q, m.Latency, span); err != nil {
		return analysis.Baseline{}, err
	}
	b.Source = s.describe(m, span, over, len(failed) > 0)
	return b, nil
}

func (s *Source) latency(ctx context.Context, q query, selector string, span span) ([]analysis.Bucket, error) {
	if selector == "" {
		return nil, nil
	}
	q.what, q.selector = "latency", selector
	all, err := s.readOf(ctx, q, span.ends)
	if err != nil {
		return nil, err
	}
	out, err := buckets(all, func(one *series) (float64, bool) { return sum(span.bursts([]series{*one})), true })
	if err == nil && out == nil {
		err = errors.New("no series: correct the selector, or leave it out if latency is not measured")
	}
	if err != nil {
		return nil, fmt.Errorf("old side: latency %s: %w", selector, err)
	}
	return out, nil
}

// span is the time of comparison, for each instance from one scrape to another.
type span struct {
	from, to     time.Time
	begins, ends map[string]time.Time
}

// newSpan begins each instance with its last scrape up to start, or else with
// its first after it.
func newSpan(requests []series, ends map[string]time.Time, start time.Time) span {
	sp := span{begins: map[string]time.Time{}, ends: ends}
	for _, one := range requests {
		for _, p := range one.points {
			begin, found := sp.begins[one.key]
			atStart := !p.at.After(start)
			switch {
			case !found, atStart && (begin.After(start) || p.at.After(begin)), !atStart && p.at.Before(begin):
				sp.begins[one.key] = p.at
			}
		}
	}
	for key, begin := range sp.begins {
		if begin.Before(start) {
			begin = start
		}
		if sp.from.IsZero() || begin.Before(sp.from) {
			sp.from = begin
		}
		if ends[key].After(sp.to) {
			sp.to = ends[key]
		}
	}
	return sp
}

// bursts is by how much the series grew at each scrape of the span.
func (sp span) bursts(all []series) []metrics.Burst {
	var out []metrics.Burst
	for _, one := range all {
		begin, found := sp.begins[one.key]
		if !found {
			continue
		}
		var last float64
		for _, p := range one.points {
			if p.at.Sub(sp.ends[one.key]) > sameScrape {
				break
			}
			grown := p.value - last
			if grown < 0 {
				grown = p.value
			}
			last = p.value
			if p.at.Sub(begin) > sameScrape && grown > 0 {
				out = append(out, metrics.Burst{At: p.at, Count: grown})
			}
		}
	}
	return out
}

func sum(bursts []metrics.Burst) float64 {
	var all float64
	for _, b := range bursts {
		all += b.Count
	}
	return all
}

// describe says where the numbers are from, so that somebody can ask again.
func (s *Source) describe(m migration.SideMetrics, span span, over time.Duration, failed bool) string {
	parts := []string{"requests " + m.Requests, "errors " + m.Errors}
	if !failed {
		parts[1] += " (no series, counted as none)"
	}
	if m.Latency != "" {
		parts = append(parts, "latency "+m.Latency)
	}
	covers := span.to.Sub(span.from)
	return fmt.Sprintf("Prometheus %s: %s; covers %s of %s, from %s to %s", s.address, strings.Join(parts, ", "),
		covers.Round(100*time.Millisecond), over, span.from.UTC().Format(time.RFC3339), span.to.UTC().Format(time.RFC3339))
}
