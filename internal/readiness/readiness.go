// Package readiness judges from the facts of an application whether it can be
// moved: the nine items of the runbook's containerisation checklist, and what
// beyond them is visible on the machines. It is pure: facts, declarations and
// the time are arguments, and what nobody saw is unknown, which never passes.
//
// It must not know how facts are taken, nor what is done with a finding.
package readiness

import (
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Input is everything that a judgement rests on.
type Input struct {
	Spec   migration.Spec
	Policy migration.Policy
	Report inventory.Report
	// Bases are what the workloads' images stand on, by workload.
	Bases map[string]migration.Observed[migration.BaseFacts]
	// Recorded are experiments that people have put on record, one of each kind for
	// each machine.
	Recorded []Recorded
	Waivers  []migration.Waiver
	Attempt  int
	Now      time.Time
}

// Finding is the judgement of one item over all machines.
type Finding struct {
	Code    migration.Code    `json:"code"`
	Title   string            `json:"title"`
	Verdict migration.Verdict `json:"verdict"`
	// Blocks says whether the migration may not go on because of it.
	Blocks   bool       `json:"blocks"`
	Observed string     `json:"observed"`
	Required string     `json:"required"`
	Evidence []Evidence `json:"evidence"`
	At       time.Time  `json:"at,omitzero"`
	// Command shows the evidence to whoever doubts it.
	Command string            `json:"command,omitempty"`
	Remedy  string            `json:"remedy,omitempty"`
	Fix     *migration.Fix    `json:"fix,omitempty"`
	Waiver  *migration.Waiver `json:"waiver,omitempty"`
}

// Evidence is one thing that was seen, on one machine.
type Evidence struct {
	Machine string    `json:"machine,omitempty"`
	What    string    `json:"what"`
	At      time.Time `json:"at,omitzero"`
	Seen    string    `json:"seen,omitempty"` // "41 of 60 samples"
}

// String is the evidence for people, with its machine and coverage.
func (e Evidence) String() string { return inventory.Sentence(e.Machine, e.What, e.Seen) }

// Effort is the class of work that a move needs.
type Effort string

// The classes of effort: nothing but configuration; work on image and
// manifests; a change of the application's code; not as it is.
const (
	EffortConfigure Effort = "configure"
	EffortPackage   Effort = "package"
	EffortChange    Effort = "change"
	EffortRedesign  Effort = "redesign"
)

// Work is one thing to be done before the move, in the order in which it is
// best done.
type Work struct {
	Codes  []migration.Code `json:"codes"`
	What   string           `json:"what"`
	Effort Effort           `json:"effort"`
}

// Assessment is the answer of assess.
type Assessment struct {
	Ready     bool      `json:"ready"`
	Migration string    `json:"migration"`
	At        time.Time `json:"at"`
	// Oldest is the time of the oldest facts, Expired says that they are older
	// than the policy allows.
	Oldest   time.Time `json:"oldest,omitzero"`
	Expired  bool      `json:"expired,omitempty"`
	Findings []Finding `json:"findings"`
	Effort   Effort    `json:"effort"`
	Work     []Work    `json:"work,omitempty"`
	// Resources are what the profile under load leads to; nil without one.
	Resources *migration.Resources `json:"resources,omitempty"`
}
