// Package report tells one migration from its journal: how it ended, what
// nobody measured, what went wrong, and every step with its evidence. It writes
// Markdown, JSON and one self-contained HTML page.
//
// It is a pure view of records, so that a report can be made when nothing else
// can be reached, and made again by whoever doubts it. It must not know where
// records are kept, and observes nothing.
package report

import (
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Schema names the form of the JSON. A field is added without a new name; one
// that is renamed, removed or means something else gets a new one.
const Schema = "rehome.dev/report/v1"

// Report is one migration as its journal has it. All times are UTC.
type Report struct {
	Schema    string    `json:"schema"`
	Migration string    `json:"migration"`
	Generated time.Time `json:"generated"`
	Outcome   Outcome   `json:"outcome"`
	Waivers   []Waiver  `json:"waivers"`
	Shortened []string  `json:"shortened"` // policy numbers that are weaker than the runbook's
	// Assessments are the judgements of the machines, in the order of their time.
	Assessments []Assessment `json:"assessments"`
	// LeftOut are the drills that the file leaves out, Drills those that were made, in
	// the order of their time.
	LeftOut    []LeftOut   `json:"leftOut"`
	Drills     []Drill     `json:"drills"`
	Incidents  []Incident  `json:"incidents"`
	Attempts   []Attempt   `json:"attempts"`
	Changes    []Change    `json:"changes"` // of DNS records
	Judgements []Judgement `json:"judgements"`
	Lost       *Lost       `json:"lost,omitempty"` // only with a client's count
	Left       []Left      `json:"left"`
	Chain      Chain       `json:"chain"`
}

// Result is how a migration stands, in a word.
type Result string

// The results. A migration waits where only time has to pass.
const (
	Retired     Result = "retired"
	RolledBack  Result = "rolled-back"
	Aborted     Result = "aborted"
	RollingBack Result = "rolling-back"
	Aborting    Result = "aborting"
	Waiting     Result = "waiting"
	UnderWay    Result = "under-way"
)

// Outcome comes first in every report.
type Outcome struct {
	Result   Result         `json:"result"`
	Text     string         `json:"text"`
	Step     migration.Step `json:"step"`
	Attempts int            `json:"attempts"`
	Began    time.Time      `json:"began"`
	Last     time.Time      `json:"last"`           // of the last record
	Until    time.Time      `json:"until,omitzero"` // when Result is Waiting
	Took     Span           `json:"tookSeconds"`
	File     string         `json:"file,omitempty"`
	Names    []string       `json:"names"`
	Images   []string       `json:"images"`
	Policy   string         `json:"policy"`
}

// Incident is a failed attempt with what the pods left behind.
type Incident struct {
	migration.Incident
	Files []string `json:"files,omitempty"`
}

// Left is something that was not done or undone, for a person to see to.
type Left struct {
	Attempt int            `json:"attempt"`
	Step    migration.Step `json:"step"`
	At      time.Time      `json:"at"`
	What    string         `json:"what"`
	Why     string         `json:"why"`
}

// ErrNothing is returned where no intact record is found to tell of.
var ErrNothing = errors.New("the journal has no intact record")

// Build tells the migration that recs, a whole journal from its first record,
// hold. Where the chain breaks, what is told is the intact part and Chain says
// so. An intact record that this version cannot read is an error that names it.
func Build(recs []migration.Record, now time.Time) (Report, error) {
	chain, intact := verify(recs)
	r := Report{Schema: Schema, Generated: now.UTC(), Chain: chain}
	if len(intact) == 0 {
		if chain.Broken != "" {
			return r, fmt.Errorf("report: %w: %s", ErrNothing, chain.Broken)
		}
		return r, fmt.Errorf("report: %w", ErrNothing)
	}
	t := teller{now: r.Generated}
	for _, rec := range intact {
		if err := t.take(rec); err != nil {
			return r, fmt.Errorf("report: %w", err)
		}
	}
	t.finish(&r)
	return r, nil
}

// finish puts what was told in the report's order.
func (t *teller) finish(r *Report) {
	t.closeAll()
	r.Migration = t.state.Key
	r.Outcome = t.outcome()
	r.Waivers = t.waivers()
	r.Shortened = t.shortened
	r.Incidents = t.incidents()
	for _, a := range t.attempts {
		a.Words = listed(a.Words)
		r.Attempts = append(r.Attempts, a.Attempt)
	}
	for _, c := range t.changes {
		r.Changes = append(r.Changes, *c)
	}
	r.Judgements = t.judgements()
	r.Assessments = listed(t.assessments)
	r.LeftOut, r.Drills = listed(t.leftOut()), listed(t.drills)
	r.Waivers, r.Shortened, r.Incidents = listed(r.Waivers), listed(r.Shortened), listed(r.Incidents)
	r.Changes, r.Judgements, r.Left = listed(r.Changes), listed(r.Judgements), listed(t.left)
}

// listed makes an empty list of none, so that programs find a list in the JSON.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (t *teller) outcome() Outcome {
	s := t.state
	o := Outcome{
		Step: s.Step, Attempts: s.Attempt, Began: t.began, Last: t.last, Took: Span(t.last.Sub(t.began)),
		File: s.File, Images: s.Spec.Images(), Policy: s.Policy.Name,
	}
	for _, n := range s.Spec.Names {
		o.Names = append(o.Names, n.Name)
	}
	switch s.Mode {
	case migration.ModeRetired:
		o.Result, o.Text = Retired, fmt.Sprintf("The old side is released; the move is complete, at attempt %d.", s.Attempt)
	case migration.ModeRolledBack:
		o.Result, o.Text = RolledBack, fmt.Sprintf("Attempt %d was rolled back. Every incident has its root cause analysis; the next attempt may begin.", s.Attempt)
		if inc, open := s.OpenIncident(); open {
			o.Text = fmt.Sprintf("Attempt %d was rolled back. No further attempt until incident %s has a root cause analysis.", s.Attempt, inc.ID)
		}
	case migration.ModeAborted:
		o.Result, o.Text = Aborted, fmt.Sprintf("Attempt %d was aborted; what was prepared is undone.", s.Attempt)
	case migration.ModeRollback:
		o.Result, o.Text = RollingBack, fmt.Sprintf("Attempt %d is rolling back: %s.", s.Attempt, runbook.Title(s.Step))
	case migration.ModeAborting:
		o.Result, o.Text = Aborting, fmt.Sprintf("Attempt %d is being undone: %s.", s.Attempt, runbook.Title(s.Step))
	default:
		t.forward(&o)
	}
	if n := len(s.Pending); n > 0 {
		o.Text += fmt.Sprintf(" Begun and without an outcome in the journal: %d.", n)
	}
	return o
}

// forward says where a migration stands that is neither over nor going back.
func (t *teller) forward(o *Outcome) {
	s := t.state
	o.Result, o.Text = UnderWay, fmt.Sprintf("Attempt %d is under way, at %s: %s.", s.Attempt, s.Step, runbook.Title(s.Step))
	switch {
	case s.Step == migration.StepLead && s.TTLLow != nil:
		highest := time.Duration(s.TTLLow.Highest) * time.Second
		o.Until = s.TTLLow.Since.Add(max(s.Policy.Lead, highest))
	case s.Step == migration.StepWatch && s.Switched != nil:
		o.Until = s.Switched.At.Add(s.Policy.Watch)
	case s.Step == migration.StepHold && s.Hold != nil:
		o.Until = s.Hold.Since.Add(s.Policy.Hold)
	}
	if o.Until.After(t.now) {
		o.Result = Waiting
		o.Text = fmt.Sprintf("Attempt %d waits until %s, at %s: %s.", s.Attempt, stamp(o.Until), s.Step, runbook.Title(s.Step))
	}
}

// incidents are those of the state, each with its saved files.
func (t *teller) incidents() []Incident {
	var out []Incident
	for _, inc := range t.state.Incidents {
		out = append(out, Incident{Incident: inc, Files: t.files[inc.ID]})
	}
	return out
}
