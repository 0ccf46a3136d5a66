package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Decision is what to do now. Every decision carries all its reasons.
type Decision interface {
	Why() []migration.Reason
	decision()
}

// Reasons is embedded in every decision.
type Reasons []migration.Reason

// Why gives the reasons.
func (r Reasons) Why() []migration.Reason { return r }

// Act journals the intents and then carries each of them out.
type Act struct {
	Reasons `json:"reasons"`
	Intents []migration.Intent `json:"intents"`
}

// Settle ends a pending intent by what was observed.
type Settle struct {
	Reasons `json:"reasons"`
	Intent  string            `json:"intent"`
	Outcome migration.Outcome `json:"outcome"`
}

// Move changes the position. Incident is set when the move is an automatic
// turn back: it is written before anything else is done.
type Move struct {
	Reasons  `json:"reasons"`
	To       migration.Position   `json:"to"`
	Evidence []migration.Evidence `json:"evidence,omitempty"`
	Incident *migration.Incident  `json:"incident,omitempty"`
}

// Note journals evidence without moving: the hold's clock started again.
type Note struct {
	Reasons  `json:"reasons"`
	Evidence []migration.Evidence `json:"evidence"`
}

// Watch looks again after Every, because something outside is on its way.
// Until is when it is given up, zero for never.
type Watch struct {
	Reasons `json:"reasons"`
	Every   time.Duration `json:"every"`
	Until   time.Time     `json:"until,omitzero"`
	Live    Live          `json:"live,omitzero"`
	Save    bool          `json:"save,omitempty"` // journal Live
}

// Wait does nothing until a time.
type Wait struct {
	Reasons `json:"reasons"`
	Until   time.Time `json:"until"`
	Live    Live      `json:"live,omitzero"`
	Save    bool      `json:"save,omitempty"`
}

// Ask needs a person's word. Every is set while looking must go on meanwhile.
type Ask struct {
	Reasons `json:"reasons"`
	Every   time.Duration `json:"every,omitempty"`
	Live    Live          `json:"live,omitzero"`
	Save    bool          `json:"save,omitempty"`
}

// Block needs something changed before any forward step.
type Block struct {
	Reasons `json:"reasons"`
}

// Finished has nothing left to do.
type Finished struct {
	Reasons `json:"reasons"`
}

func (Act) decision()      {}
func (Settle) decision()   {}
func (Move) decision()     {}
func (Note) decision()     {}
func (Watch) decision()    {}
func (Wait) decision()     {}
func (Ask) decision()      {}
func (Block) decision()    {}
func (Finished) decision() {}

// DecisionName is the decision's kind in one word, for transcripts.
func DecisionName(d Decision) string {
	switch d.(type) {
	case Act:
		return "act"
	case Settle:
		return "settle"
	case Move:
		return "move"
	case Note:
		return "note"
	case Watch:
		return "watch"
	case Wait:
		return "wait"
	case Ask:
		return "ask"
	case Block:
		return "block"
	}
	return "finished"
}
