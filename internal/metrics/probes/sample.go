package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Sample gives what the probes of both sides have counted, each address as a series
// of its own. The first one begins to ask and waits for an answer of each side.
//
// A side is missing, with the reason, when a selector is none of the probes', when
// nobody knows whom to ask, and when no probe has ended for a while; a side that does
// not answer is not missing: its probes fail. A new side without an address is empty.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	s.await(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []string
	all := map[migration.Side]map[string]analysis.Counters{}
	for side, of := range map[migration.Side]migration.SideMetrics{migration.OldSide: m.Old, migration.NewSide: m.New} {
		_, c, err := s.look(ctx, side, of, at)
		if err != nil {
			missing = append(missing, err.Error())
		}
		all[side] = c
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		slices.Reverse(missing) // the old side first
		return analysis.Sample{At: at, Missing: strings.Join(missing, "; ")}
	}
	return analysis.Sample{At: at, Old: all[migration.OldSide], New: all[migration.NewSide]}
}

// await begins to ask, and at the beginning waits until each side was asked.
func (s *Source) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout+time.Second)
	defer cancel()
	s.mu.Lock()
	s.awake()
	s.mu.Unlock()
	for !s.asked() && ctx.Err() == nil {
		timer := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// asked says whether of each side there is an answer, or a reason why there is none.
func (s *Source) asked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, side := range sides {
		_, aimed := s.targets[side]
		nobody := aimed && len(s.targets[side].Addresses) == 0
		if s.ended[side].IsZero() && s.unknown[side] == nil && !nobody && !s.closed {
			return false
		}
	}
	return true
}

// look takes what a side has counted into its history and gives what it had by then.
func (s *Source) look(ctx context.Context, side migration.Side, m migration.SideMetrics, at time.Time) (metrics.Selectors, map[string]analysis.Counters, error) {
	selectors, err := metrics.SelectorsOf(side, m)
	if err != nil {
		return selectors, nil, err
	}
	for _, name := range selectors.Names() {
		if !slices.Contains([]string{requestsMetric, errorsMetric, latencyMetric}, name) {
			return selectors, nil, selectors.Wrap(fmt.Errorf("there is no %s: probes count %s, %s and %s", name, requestsMetric, errorsMetric, latencyMetric))
		}
	}
	if err := s.blind(ctx, side, at); err != nil {
		return selectors, nil, selectors.Wrap(err)
	}
	now, err := s.counters(selectors, side)
	if err != nil {
		return selectors, nil, err
	}
	h := s.sides[side]
	if at.After(s.looked[side]) {
		s.looked[side] = at
		for key, c := range now {
			h.Set(key, at, c)
		}
	}
	all, _ := h.UpTo(at, kept)
	if len(all) == 0 && side == migration.OldSide {
		return selectors, nil, selectors.Wrap(errors.New("nobody was asked"))
	}
	if m.Latency == "" {
		for key, c := range all {
			c.Buckets = nil
			all[key] = c
		}
	}
	return selectors, all, nil
}

// blind says why nothing is seen of a side.
func (s *Source) blind(ctx context.Context, side migration.Side, at time.Time) error {
	ended, stale := s.ended[side], s.stale()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed:
		return errors.New("the probes have been stopped")
	case ended.IsZero() && s.unknown[side] != nil:
		return fmt.Errorf("nobody knows whom to ask: %w", s.unknown[side])
	case !ended.IsZero() && len(s.targets[side].Addresses) > 0 && at.Sub(ended) > stale:
		return fmt.Errorf("no probe has ended for %s", at.Sub(ended).Round(time.Millisecond))
	}
	return nil
}

// stale is for how long no probe may end: each ends within its timeout.
func (s *Source) stale() time.Duration {
	return s.timeout + metrics.StaleScrapes*max(time.Duration(float64(time.Second)/s.rate), time.Second)
}

// Baseline sums what the probes of the old side counted in (at-over, at], as far as
// somebody looked. Source says how much that covers. With fewer than two looks there is
// an error, and looking again helps.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	s.await(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if over <= 0 {
		return analysis.Baseline{}, errors.New("baseline: want a time above zero")
	}
	selectors, _, err := s.look(ctx, migration.OldSide, m.Old, at)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	g := s.sides[migration.OldSide].Grown(at, over)
	if !g.To.After(g.From) {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", selectors.Wrap(fmt.Errorf("looked at but once in the last %s: the probes go on from now on", over)))
	}
	if m.Old.Latency == "" {
		g.Buckets = nil
	}
	dispersion, days := s.sides[migration.OldSide].Dispersion(at, over, time.Second)
	return analysis.Baseline{
		Requests: g.Requests, Errors: g.Errors, Buckets: g.Buckets, At: at, Vantage: m.Old.Vantage,
		Dispersion: dispersion,
		Source:     fmt.Sprintf("own probes: requests %s, errors %s; %s%s", m.Old.Requests, m.Old.Errors, g.Covers(over), metrics.OfDays(days)),
	}, nil
}
