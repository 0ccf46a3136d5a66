package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Attempt is one try, from its first step to its end.
type Attempt struct {
	Number  int            `json:"number"`
	Mode    migration.Mode `json:"mode"` // how it ended, or moves
	Began   time.Time      `json:"began"`
	Ended   time.Time      `json:"ended,omitzero"`
	Took    Span           `json:"tookSeconds"`
	Acting  Span           `json:"actingSeconds"`
	Waiting Span           `json:"waitingSeconds"`
	Images  []string       `json:"images"`
	Stays   []Stay         `json:"steps"`
	Words   []Word         `json:"words"`
}

// Stay is one visit to one step. Acting is the time in which an action of it
// was under way; the rest is spent waiting for the cluster, the clock or a person.
type Stay struct {
	Step     migration.Step `json:"step"`
	Title    string         `json:"title"`
	Mode     migration.Mode `json:"mode"`
	Entered  time.Time      `json:"entered"`
	Left     time.Time      `json:"left,omitzero"` // zero while it stands there
	Took     Span           `json:"tookSeconds"`
	Acting   Span           `json:"actingSeconds"`
	Waiting  Span           `json:"waitingSeconds"`
	Actions  []Deed         `json:"actions,omitempty"`
	Evidence []Evidence     `json:"evidence,omitempty"`
}

// Evidence is one reason as it was journalled, and in which record. Where the
// guard gave no time of its own, At is the record's.
type Evidence struct {
	migration.Reason
	At     time.Time `json:"at"`
	Record uint64    `json:"record"`
}

// Deed is an action that was carried out, or begun.
type Deed struct {
	Intent  string            `json:"intent"`
	What    string            `json:"what"`
	At      time.Time         `json:"at"`
	Settled time.Time         `json:"settled,omitzero"`
	Took    Span              `json:"tookSeconds"`
	Outcome migration.Outcome `json:"outcome"`
	Detail  string            `json:"detail,omitempty"`
}

// Word is what a person said.
type Word struct {
	At     time.Time            `json:"at"`
	By     string               `json:"by"`
	Kind   migration.RecordKind `json:"kind"`
	Text   string               `json:"text"`
	Record uint64               `json:"record"`
}

// teller folds the journal as the procedure does, and remembers beside it what
// the fold forgets.
type teller struct {
	now         time.Time
	state       runbook.State
	began       time.Time
	last        time.Time
	attempts    []*attempt
	changes     []*Change
	deeds       map[string]place       // by intent
	files       map[string][]string    // by incident
	saves       map[string]string      // incident of a save-logs intent
	swaps       map[string]*Change     // by intent
	used        map[migration.Code]use // waivers that let something pass
	assessments []Assessment
	drills      []Drill
	shortened   []string
	left        []Left
}

// attempt is an Attempt while it is told.
type attempt struct {
	Attempt
	judge Judgement
}

type place struct {
	attempt    *attempt
	stay, deed int
}

func (t *teller) take(r migration.Record) error {
	before := t.state
	after, err := runbook.Apply(before, r)
	if err != nil {
		return err
	}
	if before.Head.Seq == 0 {
		t.began = r.At
		t.deeds, t.files, t.saves = map[string]place{}, map[string][]string{}, map[string]string{}
		t.swaps, t.used = map[string]*Change{}, map[migration.Code]use{}
		t.open(after, r)
	}
	t.last = r.At
	t.state = after
	turned := before.Head.Seq > 0 && (before.Position != after.Position || !before.Since.Equal(after.Since))
	// What opens an attempt, or a step after an end, belongs to what it opens;
	// anything else to the step in which it was said.
	opens := turned && (r.Kind == migration.KindDeclared || over(before.Mode))
	if opens {
		t.turn(before, after, r)
	}
	t.reasons(r)
	if err := t.body(before, r); err != nil {
		return fmt.Errorf("record %d (%s): %w", r.Seq, r.Kind, err)
	}
	if turned && !opens {
		t.turn(before, after, r)
	}
	return nil
}

// turn closes the step that was left and opens the one that was entered.
func (t *teller) turn(before, after runbook.State, r migration.Record) {
	t.close(r.At)
	if after.Attempt != before.Attempt {
		t.open(after, r)
		return
	}
	a := t.here()
	a.Mode = after.Mode
	if over(after.Mode) {
		a.Ended = r.At
	} else {
		a.Ended = time.Time{}
		a.Stays = append(a.Stays, stay(after))
	}
	t.markTurn(before, after, r)
}

func over(m migration.Mode) bool {
	return m == migration.ModeRetired || m == migration.ModeRolledBack || m == migration.ModeAborted
}

func stay(s runbook.State) Stay {
	return Stay{Step: s.Step, Title: runbook.Title(s.Step), Mode: s.Mode, Entered: s.Since}
}

// open begins an attempt.
func (t *teller) open(s runbook.State, r migration.Record) {
	t.attempts = append(t.attempts, &attempt{Attempt: Attempt{
		Number: s.Attempt, Mode: s.Mode, Began: r.At, Images: s.Spec.Images(), Stays: []Stay{stay(s)},
	}})
}

func (t *teller) here() *attempt { return t.attempts[len(t.attempts)-1] }

// close ends the stay that is open, if one is.
func (t *teller) close(at time.Time) {
	a := t.here()
	s := &a.Stays[len(a.Stays)-1]
	if s.Left.IsZero() {
		s.Left = at
		s.measure(at)
	}
}

// closeAll measures what is still open by the last record.
func (t *teller) closeAll() {
	for _, a := range t.attempts {
		end := a.Ended
		if end.IsZero() {
			end = t.last
		}
		if s := &a.Stays[len(a.Stays)-1]; s.Left.IsZero() {
			s.measure(t.last)
		}
		a.Took = Span(end.Sub(a.Began))
		for _, s := range a.Stays {
			a.Acting += s.Acting
		}
		a.Waiting = a.Took - a.Acting
	}
}

// measure splits the time in a step into acting and waiting. Actions that ran
// side by side count once.
func (s *Stay) measure(end time.Time) {
	s.Took = Span(end.Sub(s.Entered))
	deeds := slices.Clone(s.Actions)
	slices.SortStableFunc(deeds, func(a, b Deed) int { return a.At.Compare(b.At) })
	busy := s.Entered
	for _, d := range deeds {
		to := d.Settled
		if to.IsZero() || to.After(end) {
			to = end
		}
		from := d.At
		if from.Before(busy) {
			from = busy
		}
		if to.After(from) {
			s.Acting += Span(to.Sub(from))
			busy = to
		}
	}
	s.Waiting = s.Took - s.Acting
}

// reasons keeps each distinct finding of a stay once, as it was last found.
func (t *teller) reasons(r migration.Record) {
	a := t.here()
	s := &a.Stays[len(a.Stays)-1]
	for _, why := range r.Reasons {
		e := Evidence{Reason: why, At: why.At, Record: r.Seq}
		if e.At.IsZero() {
			e.At = r.At
		}
		same := func(o Evidence) bool { return o.Code == e.Code && o.Verdict == e.Verdict && o.Text == e.Text }
		if i := slices.IndexFunc(s.Evidence, same); i >= 0 {
			s.Evidence[i] = e
		} else {
			s.Evidence = append(s.Evidence, e)
		}
		if why.Verdict == migration.Waived {
			t.used[why.Code] = t.used[why.Code].at(s.Step)
		}
	}
}

// body takes what a record holds beyond its effect on the state.
func (t *teller) body(before runbook.State, r migration.Record) error {
	switch r.Kind {
	case migration.KindIntent:
		return with(r, t.intent)
	case migration.KindOutcome:
		return with(r, func(b migration.Settled) error { t.settle(b, r); t.drilled(b, r); return nil })
	case migration.KindEvidence:
		return with(r, func(e migration.Evidence) error { return t.evidence(e, r) })
	case migration.KindMoved:
		return with(r, func(b migration.Moved) error {
			for _, e := range b.Evidence {
				if err := t.evidence(e, r); err != nil {
					return err
				}
			}
			return nil
		})
	default:
		return t.word(before, r)
	}
}

func with[B any](r migration.Record, use func(B) error) error {
	var b B
	if err := json.Unmarshal(r.Body, &b); err != nil {
		return err
	}
	return use(b)
}

func (t *teller) evidence(e migration.Evidence, r migration.Record) error {
	switch e.Kind {
	case migration.EvidenceLeft:
		var l migration.Left
		if err := json.Unmarshal(e.Body, &l); err != nil {
			return err
		}
		t.left = append(t.left, Left{Attempt: r.Position.Attempt, Step: r.Position.Step, At: r.At, What: l.What, Why: l.Why})
	case migration.EvidenceAssess:
		return t.assessed(e, r)
	case migration.EvidenceJudge, migration.EvidenceBaseline, migration.EvidenceHold:
		return t.judged(e)
	}
	return nil
}
