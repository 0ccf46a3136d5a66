package migration

import "time"

// Waiver lets one code pass in one migration until its end. Migration and
// Attempt are empty in a policy's standing waivers, which cover every one.
type Waiver struct {
	Code      Code      `json:"code"`
	Migration string    `json:"migration,omitempty"`
	Attempt   int       `json:"attempt,omitempty"` // 0 covers every attempt
	By        string    `json:"by"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at,omitzero"`
	Until     time.Time `json:"until"`
}

// Covers says whether the waiver holds for that code, attempt and time.
func (w Waiver) Covers(c Code, attempt int, now time.Time) bool {
	return w.Code == c && (w.Attempt == 0 || w.Attempt == attempt) && now.Before(w.Until)
}

// Approval is one person's yes to one attempt of one declared spec.
type Approval struct {
	Migration string    `json:"migration"`
	Attempt   int       `json:"attempt"`
	By        string    `json:"by"`
	Digest    string    `json:"digest"` // Spec.Digest that was approved
	At        time.Time `json:"at"`
	Until     time.Time `json:"until"`
	Reason    string    `json:"reason,omitempty"`
}

// Incident is a failed attempt: what is known the moment the rollback begins.
type Incident struct {
	ID      string    `json:"id"`
	Attempt int       `json:"attempt"`
	Step    Step      `json:"step"`
	At      time.Time `json:"at"`
	By      string    `json:"by"` // a person, or rehome itself
	Cause   []Reason  `json:"cause,omitempty"`
	Summary string    `json:"summary"`
	RCA     *RCA      `json:"rca,omitempty"`
}

// RCA is the written root cause analysis of an incident. The text stays with
// its author; what is journalled is its hash, and the summary that lists show.
type RCA struct {
	Incident string    `json:"incident"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	SHA256   string    `json:"sha256"`
	Bytes    int       `json:"bytes"`
	Summary  string    `json:"summary"`
	File     string    `json:"file,omitempty"`
}

// Over is a person's word that a foreign record set may be overwritten: exactly
// the one that was seen.
type Over struct {
	Set RRset     `json:"set"`
	By  string    `json:"by"`
	At  time.Time `json:"at"`
}

// Actor is who wrote a record when no person did.
const Actor = "rehome"
