package migration

import (
	"encoding/json"
	"time"
)

// EvidenceKind says what an Evidence holds.
type EvidenceKind string

// The kinds of evidence that the journal keeps.
const (
	EvidenceRehearsal EvidenceKind = "rehearsal" // Rehearsal
	EvidenceTTLLow    EvidenceKind = "ttl-low"   // TTLLow
	EvidenceBaseline  EvidenceKind = "baseline"  // analysis.Baseline
	EvidenceSwitched  EvidenceKind = "switched"  // Switched
	EvidenceJudge     EvidenceKind = "judge"     // analysis.JudgeState
	EvidenceHold      EvidenceKind = "hold"      // Hold
	EvidenceLeft      EvidenceKind = "left"      // Left
	EvidenceGuards    EvidenceKind = "guards"    // reasons only
	EvidenceAssess    EvidenceKind = "assess"    // runbook.Assessed
)

// Evidence is something seen that later decisions rest on.
type Evidence struct {
	Kind EvidenceKind    `json:"kind"`
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Rehearsal is a switch and a rollback of the rehearsal record, made for real.
type Rehearsal struct {
	Images  []string      `json:"images"`
	Forward time.Duration `json:"forward"` // until every name server served it
	Back    time.Duration `json:"back"`
	At      time.Time     `json:"at"`
}

// TTLLow says since when every authoritative server answers with the lowered
// TTL, and what the TTLs were before.
type TTLLow struct {
	Since    time.Time `json:"since"`
	Highest  uint32    `json:"highest"`  // seconds, over every name
	Original []RRset   `json:"original"` // the sets as they were found
}

// Switched says when the last target had been switched on every server, and
// what stood where: the pods' restarts are counted from here.
type Switched struct {
	At       time.Time        `json:"at"`
	Restarts map[string]int32 `json:"restarts,omitempty"` // by pod
}

// Hold is the clock of stable operation. It starts again at a breach.
type Hold struct {
	Since    time.Time        `json:"since"`
	Images   []string         `json:"images"`
	Restarts map[string]int32 `json:"restarts,omitempty"` // by pod
	Breach   string           `json:"breach,omitempty"`   // why it started again
}

// Left is something that could not be undone or done, for a person to see.
type Left struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// NewEvidence seals a body. Only this project's own types are given to it.
func NewEvidence(kind EvidenceKind, at time.Time, body any) Evidence {
	b, err := json.Marshal(body)
	if err != nil {
		panic("evidence that has no JSON form: " + err.Error())
	}
	return Evidence{Kind: kind, At: at, Body: b}
}
