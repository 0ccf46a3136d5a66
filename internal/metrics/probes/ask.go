package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// tally is what was counted of one address.
type tally struct {
	requests uint64
	failed   map[string]uint64 // by status, or by what kept an answer from being whole
	times    []uint64          // by edge, not cumulative
}

// take counts one probe. It is an error unless a whole answer came with a status that
// is fine: a redirect leads elsewhere, and what does not verify was not answered by
// the application. Its time counts however it ended, until that was noticed.
func (s *Source) take(side migration.Side, address string, status int, took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallies[side][address]
	if t == nil {
		t = &tally{failed: map[string]uint64{}, times: make([]uint64, len(s.edges))}
		s.tallies[side][address] = t
	}
	t.requests++
	i, _ := slices.BinarySearch(s.edges, took.Seconds())
	t.times[min(i, len(s.edges)-1)]++
	if code := strconv.Itoa(status); err != nil {
		t.failed[kind(err)]++
	} else if !slices.Contains(s.fine, code) && !slices.Contains(s.fine, code[:1]+"xx") {
		t.failed[code]++
	}
	s.ended[side] = s.now()
}

// kind is what kept an answer from being whole, in a word.
func kind(err error) string {
	var timeout net.Error
	var refused *net.OpError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert):
		return "tls"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &refused) && refused.Op == "dial":
		return "connect"
	}
	return "broken"
}

// series shows what was counted of a side as metrics do.
func (s *Source) series(side migration.Side) []metrics.Series {
	var out []metrics.Series
	for address, t := range s.tallies[side] {
		show := func(name string, value uint64, more ...string) {
			labels := map[string]string{"address": address}
			for i := 0; i < len(more); i += 2 {
				labels[more[i]] = more[i+1]
			}
			out = append(out, metrics.Series{Name: name, Labels: labels, Value: float64(value)})
		}
		show(requestsMetric, t.requests)
		for status, n := range t.failed {
			show(errorsMetric, n, "status", status)
		}
		var all uint64
		for i, le := range s.edges {
			all += t.times[i]
			show(latencyMetric, all, "le", strconv.FormatFloat(le, 'g', -1, 64))
		}
	}
	return out
}

// What is shown. A status of errors is a number, or timeout, tls, connect or broken.
const (
	requestsMetric = "probe_requests_total"
	errorsMetric   = "probe_errors_total"
	latencyMetric  = "probe_duration_seconds_bucket"
)

// awake begins to ask where it is not done already. It ends by itself when nobody has
// looked for a while, and a later look begins it again.
func (s *Source) awake() {
	s.read = s.now()
	if s.begun.IsZero() {
		s.begun = s.read
	}
	if s.stop != nil || s.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	for _, side := range sides {
		go s.keepAsking(ctx, side)
	}
}

// Close ends the probes; a source that is closed sees nothing any more.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.sleep()
}

func (s *Source) sleep() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// keepAsking asks one side at the rate, one address after the other. Probes overlap:
// one that is not answered does not slow the others.
func (s *Source) keepAsking(ctx context.Context, side migration.Side) {
	pace := time.NewTicker(time.Duration(float64(time.Second) / s.rate))
	defer pace.Stop()
	var aimed time.Time
	for n := 0; ; n++ {
		if now := s.now(); now.Sub(aimed) >= aimEvery || s.without(side) {
			s.aim(ctx, side)
			aimed = now
		}
		if t, found := s.next(side, n); found {
			go s.one(ctx, side, t)
		}
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		if s.forgotten(ctx) {
			return
		}
	}
}

// forgotten puts the source to sleep when nobody has looked for a while.
func (s *Source) forgotten(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil && s.now().Sub(s.read) > idle {
		s.sleep()
	}
	return ctx.Err() != nil
}

func (s *Source) without(side migration.Side) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.targets[side].Addresses) == 0
}

func (s *Source) aim(ctx context.Context, side migration.Side) {
	ctx, cancel := context.WithTimeout(ctx, aimEvery)
	defer cancel()
	t, err := s.Aim(ctx, side)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unknown[side] = err
	if err == nil {
		if s.path != "" {
			t.Path = s.path
		}
		s.targets[side] = t
	}
}

func (s *Source) next(side migration.Side, n int) (Targets, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.targets[side]
	if len(t.Addresses) == 0 {
		return t, false
	}
	i := n % len(t.Addresses)
	t.Addresses = t.Addresses[i : i+1]
	return t, true
}

func (s *Source) one(ctx context.Context, side migration.Side, t Targets) {
	asked, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	status, took, err := s.Ask(asked, t.Host, t.Addresses[0], t.Port, t.Path)
	if ctx.Err() == nil { // ended by us, not by the side
		s.take(side, t.Addresses[0], status, took, err)
	}
}

// counters are a side's as they stand.
func (s *Source) counters(selectors metrics.Selectors, side migration.Side) (map[string]analysis.Counters, error) {
	return selectors.Count(fmt.Sprintf("probes@%d", s.begun.Unix()), s.series(side))
}
