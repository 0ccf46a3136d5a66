package migration

import (
	"encoding/json"
	"time"
)

// Head identifies the last record of a journal: its sequence number and digest.
// The zero Head is an empty journal.
type Head struct {
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"`
}

// RecordKind says what a record's body holds.
type RecordKind string

// The kinds of records. What a person says is accepted from any process; the
// others need the lease.
const (
	KindDeclared RecordKind = "declared" // Declared
	KindMoved    RecordKind = "moved"    // Moved
	KindIntent   RecordKind = "intent"   // Intent
	KindOutcome  RecordKind = "outcome"  // Settled
	KindEvidence RecordKind = "evidence" // Evidence
	KindWaived   RecordKind = "waived"   // Waiver
	KindApproved RecordKind = "approved" // Approval
	KindRollback RecordKind = "rollback" // Said
	KindAbort    RecordKind = "abort"    // Said
	KindIncident RecordKind = "incident" // Incident
	KindRCA      RecordKind = "rca"      // RCA
	KindOver     RecordKind = "over"     // Over
	KindNote     RecordKind = "note"     // Said
	KindMeasured RecordKind = "measured" // runbook.Measured
	KindAgain    RecordKind = "again"    // Said: the drills that did not pass are to be made again
)

// Acting says whether a record of this kind is written by whoever drives the
// procedure, and therefore needs the current fence.
func (k RecordKind) Acting() bool {
	switch k {
	case KindMoved, KindIntent, KindOutcome, KindEvidence:
		return true
	}
	return false
}

// RaisesFence says whether a record of this kind takes the lease from whoever
// holds it: after it nobody acts on what he decided before.
func (k RecordKind) RaisesFence() bool { return k == KindRollback || k == KindAbort }

// Record is one entry of the journal. Seq counts from 1; Prev is the digest of
// the record before it, and Digest covers every other field.
type Record struct {
	Migration string          `json:"migration"`
	Seq       uint64          `json:"seq"`
	At        time.Time       `json:"at"`
	Kind      RecordKind      `json:"kind"`
	Actor     string          `json:"actor"`
	Fence     uint64          `json:"fence,omitempty"`
	Position  Position        `json:"position"`
	Reasons   []Reason        `json:"reasons,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
	Prev      string          `json:"prev"`
	Digest    string          `json:"digest"`
}

// Declared is the body of a record that declares or edits the migration. File
// and Checksum say which file it was read from.
type Declared struct {
	Spec   Spec     `json:"spec"`
	Policy Policy   `json:"policy"`
	File   string   `json:"file,omitempty"`
	Change []string `json:"change,omitempty"` // fields that were edited
}

// Moved is the body of a record that changes the position.
type Moved struct {
	From     Position   `json:"from"`
	To       Position   `json:"to"`
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Settled is the body of a record that ends an intent, or says that its outcome
// is not known yet.
type Settled struct {
	Intent  string  `json:"intent"`
	Outcome Outcome `json:"outcome"`
	Result  Result  `json:"result,omitzero"`
}

// Said is what a person said: who stands in the record's actor.
type Said struct {
	Text string `json:"text,omitempty"`
}
