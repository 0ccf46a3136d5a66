package report

import (
	"encoding/json"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Judgement is how one attempt's new side was measured against the old side.
type Judgement struct {
	Attempt          int       `json:"attempt"`
	BaselineRate     float64   `json:"baselineRate"`
	BaselineRequests uint64    `json:"baselineRequests"`
	BaselineErrors   uint64    `json:"baselineErrors"`
	BaselineAt       time.Time `json:"baselineAt,omitzero"`
	Verdicts         []Verdict `json:"verdicts"` // each change of verdict, and the last one
	Points           []Point   `json:"points"`
	Clients          []Clients `json:"clients,omitempty"` // only with a client's count
	Marks            []Mark    `json:"marks"`
	HoldFrom         time.Time `json:"holdFrom,omitzero"`
}

// Verdict is a judgement as it was journalled.
type Verdict struct {
	At time.Time `json:"at"`
	analysis.Verdict
}

// Point is one journalled look: sums since the judgement began, and the error
// rate since the point before.
type Point struct {
	At       time.Time            `json:"at"`
	Requests uint64               `json:"requests"`
	Errors   uint64               `json:"errors"`
	Rate     float64              `json:"rate"`
	Measured bool                 `json:"measured"` // there was a request since the point before
	Verdict  analysis.VerdictKind `json:"verdict"`
}

// Mark is a moment that a chart shows.
type Mark struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// judged takes what was journalled of the measurement.
func (t *teller) judged(e migration.Evidence) error {
	j := &t.here().judge
	switch e.Kind {
	case migration.EvidenceBaseline:
		var b analysis.Baseline
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		j.BaselineRequests, j.BaselineErrors, j.BaselineAt = b.Requests, b.Errors, b.At
		j.BaselineRate = share(b.Errors, b.Requests)
	case migration.EvidenceHold:
		var h migration.Hold
		if err := json.Unmarshal(e.Body, &h); err != nil {
			return err
		}
		if j.HoldFrom.IsZero() {
			j.HoldFrom = h.Since
		}
		if h.Breach != "" {
			j.mark(h.Since, "the hold starts again: "+h.Breach)
		}
	default:
		var l runbook.Live
		if err := json.Unmarshal(e.Body, &l); err != nil {
			return err
		}
		j.look(l.Judge)
	}
	return nil
}

// look adds a journalled state of the judgement.
func (j *Judgement) look(s analysis.JudgeState) {
	p := Point{At: s.At, Requests: s.New.Sum.Requests, Errors: s.New.Sum.Errors, Verdict: s.Verdict.Kind}
	var before Point
	if n := len(j.Points); n > 0 && j.Points[n-1].Requests <= p.Requests && j.Points[n-1].Errors <= p.Errors {
		before = j.Points[n-1]
	}
	if n := len(j.Points); n == 0 || p.At.After(j.Points[n-1].At) {
		p.Measured = p.Requests > before.Requests
		p.Rate = share(p.Errors-before.Errors, p.Requests-before.Requests)
		j.Points = append(j.Points, p)
	}
	v := Verdict{At: s.At, Verdict: s.Verdict}
	n := len(j.Verdicts)
	if v.Kind == analysis.Bad && (n == 0 || j.Verdicts[n-1].Kind != analysis.Bad) {
		j.mark(v.At, "verdict: bad")
	}
	switch {
	case n == 0 || j.Verdicts[n-1].Kind != v.Kind:
		j.Verdicts = append(j.Verdicts, v)
	case n > 1 && j.Verdicts[n-2].Kind == v.Kind:
		j.Verdicts[n-1] = v // the last look at an unchanged verdict
	default:
		j.Verdicts = append(j.Verdicts, v)
	}
}

func share(part, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

func (j *Judgement) mark(at time.Time, what string) {
	j.Marks = append(j.Marks, Mark{at, what})
}

// markSwap marks when names were led somewhere else, as seen on every server.
func (t *teller) markSwap(a *attempt, c Change) {
	if c.Outcome != migration.OutcomeDone {
		return
	}
	switch c.Purpose {
	case migration.ForSwitch:
		a.judge.mark(c.Settled, "switched: every name server leads to the new side")
	case migration.ForRollback:
		a.judge.mark(c.Settled, "DNS is back: every name server leads to the old side")
	}
}

// markTurn marks the moments at which an attempt changed its course.
func (t *teller) markTurn(before, after runbook.State, r migration.Record) {
	j := &t.here().judge
	switch {
	case after.Mode == migration.ModeRollback && before.Mode != after.Mode:
		what := "rollback begins"
		if r.Kind == migration.KindRollback {
			what += ", ordered by " + r.Actor
		} else if len(r.Reasons) > 0 {
			what += " by itself: " + string(r.Reasons[0].Code)
		}
		j.mark(r.At, what)
	case after.Mode == migration.ModeRolledBack:
		j.mark(r.At, "rolled back")
	case after.Mode == migration.ModeRetired:
		j.mark(r.At, "retired")
	case after.Step == migration.StepHold && after.Mode == migration.ModeForward:
		j.mark(r.At, "the hold begins")
	}
}

// judgements are those of the attempts that were measured at all.
func (t *teller) judgements() []Judgement {
	var out []Judgement
	for _, a := range t.attempts {
		j := a.judge
		if len(j.Points) == 0 {
			continue
		}
		j.Attempt = a.Number
		slices.SortStableFunc(j.Marks, func(a, b Mark) int { return a.At.Compare(b.At) })
		out = append(out, j)
	}
	return out
}
