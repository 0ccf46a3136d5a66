// Package fallback lets a second source of metrics carry on where the first is blind.
//
// A sample is one source's alone and says whose; nothing is mixed or added up. The
// package must not know what kinds of sources there are.
package fallback

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Port is what each source is: the engine's port of metrics.
type Port interface {
	Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample
	Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error)
}

// Sources are the two of a migration. They are safe for concurrent use if each is.
type Sources struct {
	first, second Port
	// patience bounds the first source's answer while the second waits for its turn.
	patience time.Duration

	mu      sync.Mutex
	carries bool // the second one does
	well    int  // good samples of the first in a row, while the second carries
}

// New makes one source of two. patience bounds how long a sample of the first may
// take before the second is asked.
func New(first, second Port, patience time.Duration) *Sources {
	return &Sources{first: first, second: second, patience: patience}
}

// Past is what a source has that can tell the past.
type Past interface {
	Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error)
}

// Telling is two sources of which one can tell the past.
type Telling struct {
	*Sources
	past Past
	as   func(migration.Metrics) migration.Metrics
}

// Past is that source's.
func (t Telling) Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error) {
	return t.past.Past(ctx, t.as(m), span)
}

// Telling gives the sources with the past of the first that can tell it.
func (s *Sources) Telling() (Telling, bool) {
	if p, ok := s.first.(Past); ok {
		return Telling{s, p, func(m migration.Metrics) migration.Metrics { return m }}, true
	}
	p, ok := s.second.(Past)
	return Telling{s, p, Of}, ok
}

// First is the source that is asked as long as it sees.
func (s *Sources) First() Port { return s.first }

// Second is the one that carries on.
func (s *Sources) Second() Port { return s.second }

// Of says how the second source is asked.
func Of(m migration.Metrics) migration.Metrics {
	return migration.Metrics{Source: m.Fallback.Source, Old: m.Fallback.Old, New: m.Fallback.New}
}

// wellAgain is how many samples in a row the first source must give before it is
// taken again. Each change of the source costs what is counted between two samples:
// one that comes and goes would be taken for silence.
const wellAgain = 10

// Sample is the first source's, or where that is blind the second's; Source says
// whose. The second carries on until the first has seen ten times in a row, or until
// it is blind itself. Where both are the sample is missing, with both reasons.
func (s *Sources) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.carries {
		first := s.ofFirst(ctx, m, at)
		if first.Missing == "" {
			return first
		}
		second := s.ofSecond(ctx, m, at)
		s.carries, s.well = second.Missing == "", 0
		return either(second, first, m)
	}
	var first, second analysis.Sample
	var both sync.WaitGroup
	both.Go(func() { first = s.ofFirst(ctx, m, at) })
	both.Go(func() { second = s.ofSecond(ctx, m, at) })
	both.Wait()
	s.well++
	if first.Missing != "" {
		s.well = 0
	}
	if first.Missing == "" && (second.Missing != "" || s.well >= wellAgain) {
		s.carries = false
		return first
	}
	return either(second, first, m)
}

func (s *Sources) ofFirst(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	return signed(s.first.Sample(ctx, m, at), m.Source)
}

func (s *Sources) ofSecond(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	return signed(s.second.Sample(ctx, Of(m), at), m.Fallback.Source)
}

func signed(s analysis.Sample, source string) analysis.Sample {
	if s.Missing == "" {
		s.Source = source
	}
	return s
}

// either is the second source's sample, with both reasons where it is missing.
func either(second, first analysis.Sample, m migration.Metrics) analysis.Sample {
	if second.Missing != "" {
		second.Missing = strings.Join([]string{m.Source + ": " + first.Missing, m.Fallback.Source + ": " + second.Missing}, "; ")
	}
	return second
}

// Baseline is the first source's, or the second's where that has none. Both are
// measured at the same kind of point; Source says whose it is.
func (s *Sources) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	b, err := s.first.Baseline(ctx, m, at, over)
	if err == nil {
		b.Source = m.Source + ": " + b.Source
		return b, nil
	}
	b, otherwise := s.second.Baseline(ctx, Of(m), at, over)
	if otherwise != nil {
		return analysis.Baseline{}, fmt.Errorf("%s: %w; %s: %w", m.Source, err, m.Fallback.Source, otherwise)
	}
	b.Source = fmt.Sprintf("%s: %s; %s had none: %v", m.Fallback.Source, b.Source, m.Source, err)
	return b, nil
}
