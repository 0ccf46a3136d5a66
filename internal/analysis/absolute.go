package analysis

import (
	"math"
	"time"
)

// Failing is the present run of requests that all failed.
type Failing struct {
	// Since is the start of the first interval without any success.
	Since    time.Time `json:"since,omitzero"`
	Requests uint64    `json:"requests,omitempty"`
}

// after extends the run by what was counted between two looks. An interval
// without requests says nothing; one with a success ends the run.
func (f Failing) after(grown Tally, before, at time.Time) Failing {
	switch {
	case grown.Requests == 0:
		return f
	case grown.Errors < grown.Requests:
		return Failing{}
	case f.Requests == 0:
		f.Since = before
		if before.IsZero() {
			f.Since = at
		}
	}
	f.Requests = add(f.Requests, grown.Requests)
	return f
}

// absoluteShare of Alpha is set aside for the absolute limit.
const absoluteShare = 0.1

// allFailing reports whether the absolute limit is reached: every request failed
// for AllFailingFor, and they are enough that this is no chance. Enough is a
// handful, MinRequests, at the error rates that services have; where failing is
// common it is the length k of a run that a healthy service shows among n
// requests with probability at most n·pᵏ, with a share of α that is spent over
// all n as 1/n².
func (s JudgeState) allFailing() bool {
	f := s.Failing
	if f.Requests < s.Config.MinRequests || f.Since.IsZero() || s.At.Sub(f.Since) < s.Config.AllFailingFor {
		return false
	}
	n := float64(s.New.Sum.Requests)
	allowed := absoluteShare * s.Config.Alpha * 6 / (math.Pi * math.Pi * n * n)
	chance := float64(f.Requests) / s.Baseline.Dispersion * math.Log(s.likelyEdge())
	return chance <= math.Log(allowed)
}

// likelyEdge is the baseline's rate with three standard errors and the tolerance
// added. Without a baseline it is zero: a handful then suffices, for there is no
// healthy rate that a run of failures could be compared with.
func (s JudgeState) likelyEdge() float64 {
	if s.Baseline.Requests == 0 {
		return 0
	}
	n, p := float64(s.Baseline.Requests), s.Baseline.rate()
	spread := 3 * math.Sqrt(s.Baseline.Dispersion*(p+1/n)/n)
	return min(p+spread+s.Config.ErrorTolerance, 0.99)
}
