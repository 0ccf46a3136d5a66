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

// Baseline sums what the old side counted in (at-over, at], scrape by scrape: a
// counter that falls has begun again from zero, and a series that is new on an
// instance already seen starts from zero.
//
// An instance that is itself new starts with its first scrape. It may have run
// for months before Prometheus was told of it, and nothing in its counters says
// whether it has; what is lost is at most one interval.
//
// How its errors come is told by the same hours of the days before, too, as far as
// they were scraped: they are asked for in a time of their own, and what cannot be
// read of them is left out and said in Source.
//
// Where less than the asked time was scraped, Source says how much it was.
// Without two scrapes there is an error, and likewise when the side is not
// scraped any more or a declared histogram does not exist.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	b, own, err := s.baseline(ctx, m.Old, at, over)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	days, err := s.daysBefore(ctx, m.Old, at, over)
	b.Dispersion = metrics.DispersionOf(s.scrape, append([]metrics.Stretch{own}, days...)...)
	b.Source += metrics.OfDays(len(days))
	if err != nil {
		b.Source += fmt.Sprintf("; days before that could not be read: %v", err)
	}
	return b, nil
}

// baseline is a Baseline without its dispersion, and what that is taken from.
func (s *Source) baseline(ctx context.Context, m migration.SideMetrics, at time.Time, over time.Duration) (analysis.Baseline, metrics.Stretch, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if over <= 0 {
		return analysis.Baseline{}, metrics.Stretch{}, errors.New("want a time above zero")
	}
	c, err := s.comparison(ctx, m, at, over, true)
	if err != nil {
		return analysis.Baseline{}, metrics.Stretch{}, err
	}
	if !c.to.After(c.from) {
		return analysis.Baseline{}, metrics.Stretch{}, fmt.Errorf("old side: requests %s: scraped but once in the last %s", m.Requests, over)
	}
	own := c.stretch()
	b := analysis.Baseline{At: at, Vantage: m.Vantage, Requests: count(sum(own.Requests)), Errors: count(sum(own.Errors))}
	if b.Buckets, err = s.latency(ctx, c.query, m.Latency, c.span); err != nil {
		return analysis.Baseline{}, metrics.Stretch{}, err
	}
	b.Source = s.describe(m, c.span, over, len(c.failed) > 0)
	return b, own, nil
}

// daysBefore is how errors came in the same hours of the days before, of each day
// that was scraped for long enough.
func (s *Source) daysBefore(ctx context.Context, m migration.SideMetrics, at time.Time, over time.Duration) ([]metrics.Stretch, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var all []metrics.Stretch
	for day := 1; day <= metrics.Days; day++ {
		c, err := s.comparison(ctx, m, metrics.DayBefore(at, day), over, false)
		if err != nil {
			return all, err
		}
		if one := c.stretch(); one.Tells(over) {
			all = append(all, one)
		}
	}
	return all, nil
}

// comparison is what was counted over a time of comparison, series by series.
type comparison struct {
	span
	query            query
	requests, failed []series
}

// comparison reads (at-over, at]. Where it is to be fresh, a side that is not scraped
// any more is an error.
func (s *Source) comparison(ctx context.Context, m migration.SideMetrics, at time.Time, over time.Duration, fresh bool) (comparison, error) {
	q := query{side: migration.OldSide, what: "requests", selector: m.Requests, at: at, window: over + max(metrics.LookBefore, s.stale())}
	requests, err := s.read(ctx, q)
	if err != nil {
		return comparison{}, err
	}
	ends := newestScrapes(requests)
	if fresh {
		if err := s.fresh(q, ends); err != nil {
			return comparison{}, err
		}
	}
	c := comparison{span: newSpan(requests, ends, at.Add(-over)), requests: requests, query: q}
	if !c.to.After(c.from) {
		return c, nil
	}
	c.query.what, c.query.selector = "errors", m.Errors
	c.failed, err = s.readOf(ctx, c.query, ends)
	return c, err
}

func (c comparison) stretch() metrics.Stretch {
	return metrics.Stretch{From: c.from, To: c.to, Requests: c.bursts(c.requests), Errors: c.bursts(c.failed)}
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
		err = errNoHistogram
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
