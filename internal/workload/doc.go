// Package workload decides from the facts of an application whether it is a
// Deployment or a StatefulSet, by the runbook's guide, and what a StatefulSet of it
// is made of. It is pure: what nobody saw is named as unknown.
//
// It must not know how facts are taken, nor what is done with the decision.
package workload

import (
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Rule is the stable name of what speaks for a kind or against it.
type Rule string

// What makes a StatefulSet, by the runbook's guide.
const (
	RuleStorage  Rule = "STABLE-STORAGE"  // each instance keeps data of its own
	RuleIdentity Rule = "STABLE-IDENTITY" // instances are known by name, to each other or in their settings
	RuleOrder    Rule = "ORDERED-START"   // it is a store whose instances begin one after the other
	RuleStore    Rule = "OWN-STORE"       // it is itself a database, a queue or a cache
	RuleSessions Rule = "LOCAL-SESSIONS"  // sessions are files of one instance
)

// What speaks for a Deployment.
const (
	RuleOutside  Rule = "STATE-OUTSIDE"   // a database or queue elsewhere has the state
	RuleScratch  Rule = "SCRATCH-ONLY"    // what it writes are logs and temporary files
	RuleCache    Rule = "SESSIONS-CACHED" // a cache elsewhere can hold the sessions, and no file does
	RuleShared   Rule = "SHARED-FILES"    // its data is on a network file system that all instances have
	RuleTwins    Rule = "TWINS"           // several machines run it and do not know each other
	RuleReadOnly Rule = "WRITES-NOTHING"  // no file was written at all
)

// Finding is one rule that fired, with what was seen.
type Finding struct {
	Rule     Rule       `json:"rule"`
	Text     string     `json:"text"`
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one thing that was seen on one machine.
type Evidence struct {
	Machine string    `json:"machine,omitempty"`
	What    string    `json:"what"`
	Seen    string    `json:"seen,omitempty"` // "41 of 60 samples"
	At      time.Time `json:"at,omitzero"`
}

// String is the evidence for people.
func (e Evidence) String() string { return inventory.Sentence(e.Machine, e.What, e.Seen) }

// Decision is what facts say of one workload.
type Decision struct {
	Workload string         `json:"workload"`
	Declared migration.Kind `json:"declared"`
	// Kind is what the facts say; auto where they cannot say it.
	Kind migration.Kind `json:"kind"`
	// Verdict passes where nothing speaks against what is declared, or auto can be
	// decided; it fails where the facts contradict what is declared, and is unknown
	// where too little was seen to say either.
	Verdict migration.Verdict `json:"verdict"`
	// Thumb is the answer to the runbook's question: would replacing one pod with an
	// identical one from another node lose data, or need a person?
	Thumb   string    `json:"thumb"`
	For     []Finding `json:"for"`     // speaks for a StatefulSet
	Against []Finding `json:"against"` // speaks for a Deployment
	Unknown []string  `json:"unknown"` // what was not seen, or is not known for what it is
	Remedy  string    `json:"remedy,omitempty"`
	// StatefulSet is how one of it is made, where the facts or the declaration want one.
	StatefulSet *StatefulSet `json:"statefulSet,omitempty"`
	Operator    *Operator    `json:"operator,omitempty"`
	// Fix is the declared one to whose drill the proof is owed that a Deployment will do.
	Fix *migration.Fix `json:"fix,omitempty"`
}

// StatefulSet is what a StatefulSet is made of, each with its reason.
type StatefulSet struct {
	Service        string   `json:"service"` // the headless one
	Volumes        []Volume `json:"volumes"`
	PodManagement  string   `json:"podManagement"`
	ManagementWhy  string   `json:"managementWhy"`
	UpdateStrategy string   `json:"updateStrategy"`
	UpdateWhy      string   `json:"updateWhy"`
}

// Volume is one claim of each pod.
type Volume struct {
	migration.Storage
	Declared bool   `json:"declared,omitempty"`
	Why      string `json:"why"`      // how the size was reached
	ClassWhy string `json:"classWhy"` // what its class must be able to do
}

// Operator is a well-kept operator that would serve better than a bare StatefulSet.
type Operator struct {
	Store string `json:"store"`
	Name  string `json:"name"`
	Why   string `json:"why"`
}
