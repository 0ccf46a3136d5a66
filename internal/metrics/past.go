package metrics

import (
	"fmt"
	"math"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// A Span is a time of the past that a source is asked for.
type Span struct {
	From, To time.Time
	// LatencyFrom is from when on histograms are wanted, From where it is zero: they
	// are most of what must be read.
	LatencyFrom time.Time
	// Every is the distance of two looks: what was scraped in it may become one.
	Every time.Duration
	// Told hears how far reading is. Nil where nobody listens.
	Told func(done time.Time)
}

// Past is what one side did over a time, to be looked at as if it were now. It is
// not safe for concurrent use.
type Past struct {
	History
	Scrape  time.Duration
	Vantage string
	Source  string // in words
}

// NewPast makes a past without anything in it, of which nothing will be forgotten.
func NewPast(scrape time.Duration, vantage, source string) *Past {
	return &Past{History: History{Kept: math.MaxInt64}, Scrape: scrape, Vantage: vantage, Source: source}
}

// Take takes in what the instances of a history counted in (From, To], their
// histograms only where timed.
func (p *Past) Take(h *History, span Span, timed bool) {
	for instance, all := range h.all {
		for _, sc := range all {
			if !sc.at.After(span.From) || sc.at.After(span.To) {
				continue
			}
			if !timed || sc.at.Before(span.LatencyFrom) {
				sc.Buckets = nil
			}
			p.Set(instance, sc.at, sc.Counters)
		}
	}
}

// Empty says that there is nothing in it.
func (p *Past) Empty() bool { return len(p.all) == 0 }

// Look is the sample that would have been taken then of a new side that does what
// this side did. It is missing where the side had not been scraped lately.
func (p *Past) Look(at time.Time) analysis.Sample {
	all, err := p.fresh(at)
	if err != nil {
		return analysis.Sample{At: at, Missing: err.Error()}
	}
	return analysis.Sample{At: at, New: all}
}

func (p *Past) fresh(at time.Time) (map[string]analysis.Counters, error) {
	all, newest := p.UpTo(at, math.MaxInt64)
	if lately := StaleScrapes * p.Scrape; newest.IsZero() || at.Sub(newest) > lately {
		return nil, fmt.Errorf("not scraped in the last %s", lately)
	}
	return all, nil
}

// Baseline is the one that would have been taken then. There is none of a side that
// had not been scraped lately, or but once.
func (p *Past) Baseline(at time.Time, over time.Duration) (analysis.Baseline, error) {
	if _, err := p.fresh(at); err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	g := p.Grown(at, over)
	if !g.To.After(g.From) {
		return analysis.Baseline{}, fmt.Errorf("baseline: scraped but once in the last %s", over)
	}
	dispersion, days := p.Dispersion(at, over, p.Scrape)
	return analysis.Baseline{
		Requests: g.Requests, Errors: g.Errors, Buckets: g.Buckets, Dispersion: dispersion, At: at, Vantage: p.Vantage,
		Source: p.Source + "; " + g.Covers(over) + OfDays(days),
	}, nil
}
