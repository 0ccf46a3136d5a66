package edge

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Sample scrapes the endpoints of both sides now, and gives each series of counters
// as it stands. A time up to the newest scrape is answered from what was scraped then.
//
// A side is missing, with the reason, when a selector is none, when any of its
// endpoints cannot be read whole, when several processes answer in turn at one address,
// and when the old side shows no series. A new side without a series is empty: nobody
// has come through it yet.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, missing := map[migration.Side]map[string]analysis.Counters{}, []string(nil)
	var err error
	for i, got := range s.look(ctx, m, at) {
		if got.err == nil {
			all[sides[i]], err = got.known(at)
		} else {
			err = got.err
		}
		if err != nil {
			missing = append(missing, err.Error())
		}
	}
	if len(missing) > 0 {
		return analysis.Sample{At: at, Missing: strings.Join(missing, "; ")}
	}
	return analysis.Sample{At: at, Old: all[migration.OldSide], New: all[migration.NewSide]}
}

var sides = []migration.Side{migration.OldSide, migration.NewSide}

// seen is one side as it was looked at.
type seen struct {
	selectors metrics.Selectors
	history   *history
	timed     bool
	now       map[string]analysis.Counters // nil where the past is asked for
	of        map[string]string            // by series: the endpoint that showed it
	old       bool
	within    time.Duration
	err       error
}

// known is what the side shows by then.
func (v seen) known(at time.Time) (map[string]analysis.Counters, error) {
	all := v.now
	if all == nil {
		all, _ = v.history.UpTo(at, v.within)
	}
	if len(all) == 0 && v.old {
		return nil, v.selectors.Wrap(errSilent)
	}
	if !v.timed {
		for key, c := range all {
			c.Buckets = nil
			all[key] = c
		}
	}
	return all, nil
}

// look scrapes both sides, the old one first in the answer, unless at is not after
// the newest scrape. Where one of them fails nothing is remembered of that side.
func (s *Source) look(ctx context.Context, m migration.Metrics, at time.Time) []seen {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out := make([]seen, len(sides))
	names := []string{startMetric}
	for i, side := range sides {
		v := seen{old: side == migration.OldSide, within: metrics.StaleScrapes * s.scrape}
		of := map[migration.Side]migration.SideMetrics{migration.OldSide: m.Old, migration.NewSide: m.New}[side]
		v.timed = strings.TrimSpace(of.Latency) != ""
		v.selectors, v.err = metrics.SelectorsOf(side, of)
		v.history = s.history(side, of)
		if v.err == nil {
			names = append(names, v.selectors.Names()...)
		}
		out[i] = v
	}
	if !at.After(s.at) {
		for i, side := range sides {
			if out[i].err == nil && at.Equal(s.at) {
				out[i].err = s.failed[side]
			}
		}
		return out
	}
	got := s.scrapeAll(ctx, names)
	for i, side := range sides {
		v := &out[i]
		if v.err == nil {
			v.now, v.of, v.err = s.count(side, v.selectors, got)
		}
		s.remember(v, at)
		s.failed[side] = v.err
	}
	for _, v := range out {
		for _, endpoint := range v.of {
			s.known[endpoint] = at
		}
	}
	s.at = at
	return out
}

// remember takes a look into the history. What is new at an endpoint that was looked
// at before has counted from zero.
func (s *Source) remember(v *seen, at time.Time) {
	for key, c := range v.now {
		before, looked := s.known[v.of[key]]
		if _, had := v.history.known[key]; looked && !had {
			v.history.Set(key, before, analysis.Counters{})
		}
		v.history.known[key] = struct{}{}
		v.history.Set(key, at, c)
	}
}

// history is what was scraped of a side under the same selectors.
type history struct {
	metrics.History
	known map[string]struct{} // series
}

func (s *Source) history(side migration.Side, m migration.SideMetrics) *history {
	key := strings.Join([]string{string(side), m.Requests, m.Errors}, "\n")
	if s.sides[key] == nil {
		s.sides[key] = &history{History: metrics.History{Kept: kept}, known: map[string]struct{}{}}
	}
	return s.sides[key]
}

// scrapeAll reads every endpoint once, whichever sides it is of.
func (s *Source) scrapeAll(ctx context.Context, names []string) map[string][]page {
	out := map[string][]page{}
	var todo []*url.URL
	for _, side := range sides {
		for _, u := range s.endpoints[side] {
			if _, asked := out[u.String()]; !asked {
				out[u.String()] = nil
				todo = append(todo, u)
			}
		}
	}
	type answer struct {
		of    string
		pages []page
	}
	answers := make(chan answer, len(todo))
	for _, u := range todo {
		go func() { answers <- answer{u.String(), s.pages(ctx, []*url.URL{u}, names)} }()
	}
	for range todo {
		a := <-answers
		for i, p := range a.pages {
			if p.err == nil && !p.pod { // a pod's name is one process's
				a.pages[i].err = s.sameProcess(p)
			}
		}
		out[a.of] = a.pages
	}
	return out
}

// count gives a side's series, each under the endpoint that showed it. One endpoint
// that cannot be read makes the side missing: its requests would be none.
func (s *Source) count(side migration.Side, selectors metrics.Selectors, got map[string][]page) (out map[string]analysis.Counters, of map[string]string, err error) {
	out, of = map[string]analysis.Counters{}, map[string]string{}
	var faults []error
	for _, u := range s.endpoints[side] {
		for _, p := range got[u.String()] {
			if p.err != nil {
				faults = append(faults, p.err)
				continue
			}
			all, err := selectors.Count(p.key(), p.series)
			if err != nil {
				return nil, nil, fmt.Errorf("%w (at %s)", err, p.endpoint)
			}
			if len(all) > mostSeries {
				return nil, nil, selectors.Wrap(fmt.Errorf("%d series at %s, at most %d: select fewer by their labels", len(all), p.endpoint, mostSeries))
			}
			for key, c := range all {
				out[key], of[key] = c, p.endpoint
			}
		}
	}
	if len(faults) > 0 {
		return nil, nil, selectors.Wrap(errors.Join(faults...))
	}
	return out, of, nil
}

// key names the process: one that begins again is another one, which counts from zero.
func (p page) key() string {
	if p.started.IsZero() {
		return p.endpoint
	}
	return p.endpoint + "@" + strconv.FormatInt(p.started.Unix(), 10)
}

// process is who answered at an endpoint last.
type process struct {
	started time.Time
	seen    time.Time // by its own clock
	several error     // once it was several there, it stays so
}

// clockSlack is how far the clocks of one machine's answers may be apart.
const clockSlack = 3 * time.Second

// sameProcess refuses an address at which several processes answer in turn, as behind
// a balancer: a scrape would see now one's counters, now the other's. A process that
// ran when another one answered there last is such a one; one that began since is the
// same, begun again.
func (s *Source) sameProcess(p page) error {
	now := process{started: p.started, seen: p.at}
	if now.seen.IsZero() {
		now.seen = time.Now()
	}
	last := s.processes[p.endpoint]
	now.several = last.several
	both := !p.started.IsZero() && !last.started.IsZero()
	if both && p.started.Sub(last.started).Abs() >= time.Second && p.started.Before(last.seen.Add(-clockSlack)) {
		now.several = fmt.Errorf("%s: several processes answer there in turn, begun at %s and %s: name each of them, or a name with all their addresses",
			p.endpoint, last.started.UTC().Format(time.RFC3339), p.started.UTC().Format(time.RFC3339))
	}
	s.processes[p.endpoint] = now
	return now.several
}

// Baseline sums what the old side counted in (at-over, at], from what was scraped since
// the source was made: the edge itself remembers nothing. Source says how much that
// covers. With fewer than two scrapes there is an error, and looking again helps.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.baseline(ctx, m, at, over)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	return b, nil
}

func (s *Source) baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	if over <= 0 {
		return analysis.Baseline{}, errors.New("want a time above zero")
	}
	v := s.look(ctx, m, at)[0]
	if v.err != nil {
		return analysis.Baseline{}, v.err
	}
	if _, err := v.known(at); err != nil {
		return analysis.Baseline{}, err
	}
	g := v.history.Grown(at, over)
	if !g.To.After(g.From) {
		return analysis.Baseline{}, v.selectors.Wrap(fmt.Errorf("scraped but once in the last %s: the edge remembers nothing, it is looked at from now on", over))
	}
	if !v.timed {
		g.Buckets = nil
	}
	dispersion, days := v.history.Dispersion(at, over, s.scrape)
	parts := []string{"requests " + m.Old.Requests, "errors " + m.Old.Errors}
	if v.timed {
		parts = append(parts, "latency "+m.Old.Latency)
	}
	return analysis.Baseline{
		Requests: g.Requests, Errors: g.Errors, Buckets: g.Buckets, At: at, Vantage: m.Old.Vantage,
		Dispersion: dispersion,
		Source:     fmt.Sprintf("edge: %s; %s%s", strings.Join(parts, ", "), g.Covers(over), metrics.OfDays(days)),
	}, nil
}
