package prometheus

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// Sample reads the counters of both sides as they were scraped last before at.
//
// The sample is missing, with the side and the selector named, when a query
// fails, when Prometheus warns that its answer is not whole, when a side has not
// been scraped for three intervals, and when the old side has no requests at all.
// A new side that was never scraped is not missing but empty: before the first
// pod answers there is nothing to count, and what it then brings must be counted
// from zero. An errors selector without any series means no errors, since a
// counter that was never incremented does not exist.
//
// An instance that falls silent while others speak does not blind its side; what
// it had counted stays in the sample until twice that time has passed.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var oldSide, newSide map[string]analysis.Counters
	var oldErr, newErr error
	var both sync.WaitGroup
	both.Go(func() { oldSide, oldErr = s.counters(ctx, migration.OldSide, m.Old, at) })
	both.Go(func() { newSide, newErr = s.counters(ctx, migration.NewSide, m.New, at) })
	both.Wait()
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

// counters takes of each instance what its newest scrape brought, and nothing
// else: after a restart a counter of the former process stays readable for a
// while beside those of the new one.
//
// Requests are asked first. A scrape that arrives between two queries is then in
// the later ones in addition to the one that is looked for.
func (s *Source) counters(ctx context.Context, side migration.Side, m migration.SideMetrics, at time.Time) (map[string]analysis.Counters, error) {
	q := query{side: side, what: "requests", selector: m.Requests, at: at, window: 2 * s.stale()}
	requests, err := s.read(ctx, q)
	if err != nil {
		return nil, err
	}
	scraped := newestScrapes(requests)
	if err := s.fresh(q, scraped); err != nil {
		return nil, err
	}
	if len(scraped) == 0 {
		return map[string]analysis.Counters{}, nil
	}
	q.what, q.selector = "errors", m.Errors
	failed, err := s.readOf(ctx, q, scraped)
	if err != nil {
		return nil, err
	}
	var latency []series
	if m.Latency != "" {
		q.what, q.selector = "latency", m.Latency
		if latency, err = s.readOf(ctx, q, scraped); err != nil {
			return nil, err
		}
	}
	all := make(map[string]analysis.Counters, len(scraped))
	for key, when := range scraped {
		c := analysis.Counters{Requests: total(requests, key, when), Errors: total(failed, key, when)}
		if c.Buckets, err = buckets(of(latency, key), func(b *series) (float64, bool) { return b.at(when) }); err != nil {
			return nil, fmt.Errorf("%s side: latency %s: %w", side, m.Latency, err)
		}
		all[key] = c
	}
	return all, nil
}

// newestScrapes says when each instance was scraped last.
func newestScrapes(all []series) map[string]time.Time {
	newest := map[string]time.Time{}
	for _, s := range all {
		if s.newest().After(newest[s.key]) {
			newest[s.key] = s.newest()
		}
	}
	return newest
}

// fresh demands that at least one instance was scraped lately. Only a new side
// may be without instances.
func (s *Source) fresh(q query, scraped map[string]time.Time) error {
	var newest time.Time
	for _, when := range scraped {
		if when.After(newest) {
			newest = when
		}
	}
	if newest.IsZero() {
		if q.side == migration.NewSide {
			return nil
		}
		return fmt.Errorf("%s side: %s %s: no series in the last %s", q.side, q.what, q.selector, q.window)
	}
	if age := q.at.Sub(newest); age > s.stale() {
		return fmt.Errorf("%s side: %s %s: last scraped %s ago, more than three times %s (is the side down, does %s fit, do the clocks agree?)",
			q.side, q.what, q.selector, age.Round(time.Millisecond), s.scrape, settingScrape)
	}
	return nil
}

// readOf reads series that must belong to the instances that have requests. One
// that does not would be counted nowhere, and its errors would never be seen.
// One that counted nothing before its newest scrape waits for the next sample,
// which loses nothing: its instance may have had its first request since it was
// looked for, and before that has a histogram at zero and no counter by status.
func (s *Source) readOf(ctx context.Context, q query, instances map[string]time.Time) ([]series, error) {
	all, err := s.read(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if _, found := instances[one.key]; !found && one.countedBefore() {
			return nil, fmt.Errorf("%s side: %s %s: %s has no requests under the same labels", q.side, q.what, q.selector, one.key)
		}
		if hasEdge := !math.IsNaN(one.le); hasEdge != (q.what == "latency") {
			return nil, fmt.Errorf("%s side: %s %s: %s", q.side, q.what, q.selector,
				map[bool]string{true: "these are a histogram's buckets", false: "no le label: want a histogram's _bucket series"}[hasEdge])
		}
	}
	return all, nil
}

func of(all []series, key string) []series {
	var out []series
	for _, s := range all {
		if s.key == key {
			out = append(out, s)
		}
	}
	return out
}

func total(all []series, key string, when time.Time) uint64 {
	var sum float64
	for _, s := range all {
		if s.key != key {
			continue
		}
		if value, found := s.at(when); found {
			sum += value
		}
	}
	return count(sum)
}
