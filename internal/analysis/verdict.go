package analysis

import "time"

// VerdictKind is the judgement in a word. The empty kind is none of the four
// and passes nothing.
type VerdictKind string

const (
	// Good is certified: the new side is within tolerance on every judged metric.
	Good VerdictKind = "good"
	// Bad is proven or the absolute limit; a judgement that was once bad stays so.
	Bad VerdictKind = "bad"
	// Unresolved means that what was seen does not suffice for good or bad.
	Unresolved VerdictKind = "unresolved"
	// Blind means that nothing is seen at present.
	Blind VerdictKind = "blind"
)

// The metrics that a verdict may name.
const (
	ErrorRate  = "error_rate"
	LatencyP99 = "latency_p99"
	AllFailing = "all_failing"
)

// A Verdict is what the samples so far amount to, with the numbers behind it.
type Verdict struct {
	Kind VerdictKind `json:"kind"`
	// Metric decided the verdict: the proven one when bad, the weakest when good,
	// the one furthest from certainty when unresolved. Empty when blind.
	Metric string `json:"metric,omitempty"`
	// EValue is the evidence for good when good, against the new side otherwise.
	EValue float64 `json:"eValue"`
	// Needed estimates how many more requests at the baseline's rate would
	// certify an unresolved metric; zero where no number would.
	Needed   uint64 `json:"needed,omitempty"`
	Requests uint64 `json:"requests"`
	// Errors are those of the new side; when Metric is LatencyP99 the requests
	// surely slower than the limit, and the rates are shares of slow requests.
	Errors       uint64  `json:"errors"`
	Rate         float64 `json:"rate"`
	BaselineRate float64 `json:"baselineRate"`
	// Since is, for blind, when the new side was last seen; for bad, when the
	// verdict fell.
	Since time.Time `json:"since,omitzero"`
	// Source is who counted what it rests on last, where there are several who can.
	Source string `json:"source,omitempty"`
	Why    string `json:"why"`
	// ErrorRateGood says that the error rate is certified by itself, whatever
	// the verdict over all metrics waits for.
	ErrorRateGood bool `json:"errorRateGood,omitempty"`
}
