package migration

import "time"

// Verdict is what a guard found. The zero value is Unknown, so that nothing
// passes by being forgotten.
type Verdict int

// The verdicts of a guard.
const (
	Unknown Verdict = iota
	Fail
	Pass
	Waived
)

var verdictNames = [...]string{"unknown", "fail", "pass", "waived"}

// String is the verdict in lower case.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText writes the name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a name; an unheard-of one is Unknown, which never passes.
func (v *Verdict) UnmarshalText(b []byte) error {
	*v = Unknown
	for i, n := range verdictNames {
		if n == string(b) {
			*v = Verdict(i)
		}
	}
	return nil
}

// OK says whether the verdict lets a forward step go on.
func (v Verdict) OK() bool { return v == Pass || v == Waived }

// Remedy is who or what must act so that a reason can pass.
type Remedy int

// A reason that does not pass blocks until something changes (the zero value),
// asks a person, waits for a time, or is looked at again soon.
const (
	Blocks Remedy = iota
	Asks
	Waits
	Watches
)

var remedyNames = [...]string{"blocks", "asks", "waits", "watches"}

// String is the remedy in lower case.
func (r Remedy) String() string { return remedyNames[r] }

// MarshalText writes the name.
func (r Remedy) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name; an unheard-of one blocks.
func (r *Remedy) UnmarshalText(b []byte) error {
	*r = Blocks
	for i, n := range remedyNames {
		if n == string(b) {
			*r = Remedy(i)
		}
	}
	return nil
}

// Reason is one guard's finding: what was required, what was observed, when
// and from where, and what would help.
type Reason struct {
	Code     Code      `json:"code"`
	Verdict  Verdict   `json:"verdict"`
	Text     string    `json:"text"`
	Required string    `json:"required,omitempty"`
	Observed string    `json:"observed,omitempty"`
	Source   string    `json:"source,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Remedy   Remedy    `json:"remedy,omitzero"`
	Hint     string    `json:"hint,omitempty"`
	Until    time.Time `json:"until,omitzero"` // when Remedy is Waits
	// Advice says that the reason holds nothing up, whatever its verdict: it is
	// there to be read.
	Advice bool `json:"advice,omitempty"`
}

// OK says whether the reason lets a forward step go on.
func (r Reason) OK() bool { return r.Verdict.OK() || r.Advice }
