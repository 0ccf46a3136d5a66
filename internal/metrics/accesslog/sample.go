package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"rehome.dev/rehome/internal/accesslog"
	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Sample gives the counters of both sides by then, each log's generations as series
// of their own. A side is missing, with the reason, when a selector is none, when
// one of its logs cannot be read or is of no known format, or when latencies are
// asked for and the log has none. A log that nobody writes to is no reason: it
// says that nobody asked. A new side's log that does not exist yet is empty.
//
// The first Sample reads the logs whole, which may take several: until then it is
// missing, and goes on where it has stopped.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	oldSide, oldErr := s.side(ctx, migration.OldSide, m.Old, at)
	newSide, newErr := s.side(ctx, migration.NewSide, m.New, at)
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

func (s *Source) side(ctx context.Context, side migration.Side, m migration.SideMetrics, at time.Time) (map[string]analysis.Counters, error) {
	q, err := s.queryOf(side, m)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, q.wrap(err)
	}
	all := map[string]analysis.Counters{}
	for _, p := range q.places {
		l := s.log(p, q)
		err := s.follow(ctx, l)
		if errors.Is(err, fs.ErrNotExist) && side == migration.NewSide && len(l.generations) == 0 {
			continue
		}
		if err == nil {
			err = l.into(all, at, s.edges)
		}
		if err != nil {
			return nil, q.wrap(err)
		}
	}
	if len(all) == 0 && side == migration.OldSide {
		return nil, q.wrap(errors.New("no line of it is from before"))
	}
	return all, nil
}

// log is the one at the place for these selectors.
func (s *Source) log(p place, q query) *log {
	key := strings.Join([]string{p.String(), q.text.Requests, q.text.Errors, q.text.Latency}, "\n")
	if s.logs[key] == nil {
		s.logs[key] = &log{place: p, q: q}
	}
	return s.logs[key]
}

// into adds the log's series by then.
func (l *log) into(all map[string]analysis.Counters, at time.Time, edges []float64) error {
	for _, g := range l.generations {
		if g.begun.IsZero() || g.begun.After(at) {
			continue
		}
		if c := &g.counted; l.q.timed && c.untimed > 0 {
			return fmt.Errorf("latency %s: %s has no time taken in its lines", l.q.text.Latency, l.place)
		}
		if at.Before(g.counted.settled) {
			return fmt.Errorf("what %s had counted by %s is not kept", l.place, at.UTC().Format(time.RFC3339))
		}
		all[fmt.Sprintf("{log=%q,begun=%q,first=%q}", l.place, g.begun.UTC().Format(time.RFC3339), g.head)] = g.counted.upTo(at, edges, l.q.timed)
	}
	return nil
}

// Baseline sums what the old side's logs say of (at-over, at], rotated ones
// included. Where they do not go back that far, Source says what they cover.
// Without a line up to at there is an error.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*s.timeout)
	defer cancel()
	if over <= 0 {
		return analysis.Baseline{}, errors.New("baseline: want a time above zero")
	}
	q, err := s.queryOf(migration.OldSide, m.Old)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	sp := span{q: q, edges: s.edges, start: at.Add(-over), from: at, to: at, sum: second{times: make([]uint64, len(s.edges))}, failed: map[int64]float64{}}
	for _, p := range q.places {
		if err := s.sum(ctx, p, &sp); err != nil {
			return analysis.Baseline{}, fmt.Errorf("baseline: %w", q.wrap(err))
		}
	}
	if sp.from.Before(sp.start) {
		sp.from = sp.start
	}
	if !sp.to.After(sp.from) {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", q.wrap(fmt.Errorf("no line in the last %s", over)))
	}
	c := sp.sum.counters(s.edges, q.timed)
	return analysis.Baseline{
		Requests: c.Requests, Errors: c.Errors, Buckets: c.Buckets, At: at, Vantage: m.Old.Vantage,
		Dispersion: metrics.Dispersion(sp.bursts(), sp.from, sp.to, time.Second),
		Source:     fmt.Sprintf("access log: requests %s, errors %s; covers %s of %s", m.Old.Requests, m.Old.Errors, sp.to.Sub(sp.from).Round(time.Second), over),
	}, nil
}

// span sums lines of the time of comparison.
type span struct {
	q        query
	edges    []float64
	start    time.Time
	from, to time.Time // what is covered
	sum      second
	failed   map[int64]float64 // errors by second
}

func (sp *span) take(e accesslog.Entry) {
	if e.At.After(sp.to) {
		return
	}
	if e.At.Before(sp.from) {
		sp.from = e.At
	}
	if !e.At.After(sp.start) {
		return
	}
	var c counts
	c.take(e, true, sp.q, sp.edges)
	for at, s := range c.by {
		sp.sum.add(s)
		if s.errors > 0 {
			sp.failed[at] += float64(s.errors)
		}
	}
}

func (sp *span) bursts() []metrics.Burst {
	out := make([]metrics.Burst, 0, len(sp.failed))
	for at, n := range sp.failed {
		out = append(out, metrics.Burst{At: time.Unix(at, 0), Count: n})
	}
	return out
}

// sum goes from the newest file back until one begins before the start.
func (s *Source) sum(ctx context.Context, p place, sp *span) error {
	name := p.file
	for i := 0; i <= mostRotated; i++ {
		if i > 0 {
			var err error
			if name, _, err = s.older(ctx, p, i); errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
		}
		g := generation{}
		var lines, strange int
		untimed := false
		err := s.scan(ctx, p, name, &g, func(e accesslog.Entry, ok bool) {
			lines++
			if !ok {
				strange++
				return
			}
			if g.begun.IsZero() {
				g.begun = e.At
			}
			untimed = untimed || sp.q.timed && !e.Timed && sp.q.requests.match(e) && sp.q.latency.match(e)
			sp.take(e)
		})
		switch {
		case err != nil && (i > 0 || lines > 0 || !s.isEmpty(ctx, p)):
			return err
		case strange > 20 && strange > lines/10:
			return fmt.Errorf("%s: %d of %d lines cannot be read", name, strange, lines)
		case untimed:
			return fmt.Errorf("latency %s: %s has no time taken in its lines", sp.q.text.Latency, p)
		case !g.begun.IsZero() && !g.begun.After(sp.start):
			return nil
		}
	}
	return nil
}

// isEmpty says that a log has no line yet, as after its rotation.
func (s *Source) isEmpty(ctx context.Context, p place) bool {
	_, err := s.head(ctx, p, p.file)
	return errors.Is(err, errNotWhole)
}
