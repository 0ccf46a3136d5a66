package analysis

import (
	"math"
	"time"
)

// Config holds the limits of a judgement. The zero value of a field stands for
// its default except where the field says otherwise.
type Config struct {
	// Alpha bounds the chance of ever calling a healthy new side bad, over all
	// looks and all metrics together. Default 0.001.
	Alpha float64 `json:"alpha"`
	// AlphaGood bounds the chance of ever calling a new side good that is beyond
	// the tolerance. Default 0.05.
	AlphaGood float64 `json:"alphaGood"`
	// ErrorTolerance is the rise of the error rate that is still healthy, as a
	// share: 0.001 is 0.1 percentage points, the default.
	ErrorTolerance float64 `json:"errorTolerance"`
	// LatencyFactor is the rise of the p99 that is still healthy: 1.2 is 20 %.
	// Zero leaves latency unjudged, and good then speaks of errors alone;
	// DefaultConfig has 1.2.
	LatencyFactor float64 `json:"latencyFactor"`
	// MinRequests is the least number of failing requests that the absolute limit
	// acts on. Default 5.
	MinRequests uint64 `json:"minRequests"`
	// AllFailingFor is the absolute limit: when every request has failed for this
	// long the new side is bad whatever the statistics. Default 3 s.
	AllFailingFor time.Duration `json:"allFailingFor"`
	// WarmUp excludes the latency (never the errors) of a series' first moments.
	// Zero means none.
	WarmUp time.Duration `json:"warmUp"`
	// BlindAfter is how long samples may be missing before the verdict is blind;
	// until then it is unresolved. Zero means at the first missing sample.
	BlindAfter time.Duration `json:"blindAfter"`
	// SampleEvery is the intended distance of two samples. Default 5 s.
	SampleEvery time.Duration `json:"sampleEvery"`
	// Vantage names the kind of point at which the new side is measured, such as
	// "probe" or "balancer". Where it differs from the baseline's, p99 stays
	// unresolved.
	Vantage string `json:"vantage,omitempty"`
}

// DefaultConfig has the limits of the procedure: 0.1 percentage points, 20 %.
func DefaultConfig() Config {
	return Config{
		Alpha: 0.001, AlphaGood: 0.05, ErrorTolerance: 0.001, LatencyFactor: 1.2,
		MinRequests: 5, AllFailingFor: 3 * time.Second, SampleEvery: 5 * time.Second,
	}
}

// orDefaults replaces what is unset or makes no sense, so that every function
// after it is total.
func (c Config) orDefaults() Config {
	d := DefaultConfig()
	c.Alpha = within(c.Alpha, 1e-12, 0.5, d.Alpha)
	c.AlphaGood = within(c.AlphaGood, 1e-12, 0.5, d.AlphaGood)
	c.ErrorTolerance = within(c.ErrorTolerance, 1e-9, 0.5, d.ErrorTolerance)
	c.LatencyFactor = within(c.LatencyFactor, 1, 1e6, 0)
	if c.MinRequests == 0 {
		c.MinRequests = d.MinRequests
	}
	if c.AllFailingFor <= 0 {
		c.AllFailingFor = d.AllFailingFor
	}
	if c.SampleEvery <= 0 {
		c.SampleEvery = d.SampleEvery
	}
	c.WarmUp, c.BlindAfter = max(c.WarmUp, 0), max(c.BlindAfter, 0)
	return c
}

// within returns v where it lies in [lo, hi], otherwise the fallback; NaN lies nowhere.
func within(v, lo, hi, fallback float64) float64 {
	if v >= lo && v <= hi {
		return v
	}
	return fallback
}

// A Baseline is what the old side counted over the time of comparison.
type Baseline struct {
	Requests uint64   `json:"requests"`
	Errors   uint64   `json:"errors"`
	Buckets  []Bucket `json:"buckets,omitempty"`
	// Dispersion is the variance over the mean of the errors per interval; 1 for
	// independent errors, more where they come in bursts. Less than 1 counts as 1.
	Dispersion float64   `json:"dispersion"`
	At         time.Time `json:"at,omitzero"`
	Source     string    `json:"source,omitempty"`
	Vantage    string    `json:"vantage,omitempty"`
}

// orSane returns the baseline with every number usable: at most as many errors
// as requests, a dispersion of at least one, buckets as histogram leaves them.
func (b Baseline) orSane() Baseline {
	b.Errors = min(b.Errors, b.Requests)
	if math.IsNaN(b.Dispersion) || b.Dispersion < 1 {
		b.Dispersion = 1
	}
	b.Dispersion = min(b.Dispersion, 1e6)
	b.Buckets = histogram(b.Buckets)
	b.At = instant(b.At)
	return b
}

// rate is the baseline's share of failed requests, zero without any.
func (b Baseline) rate() float64 { return share(b.Errors, b.Requests) }

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// instant strips what JSON does not carry (the monotonic clock, the location),
// so that a state equals itself after a round trip.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
