package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// Chain is what verifying the journal's hash chain found.
type Chain struct {
	Verified bool           `json:"verified"`
	Records  int            `json:"records"`
	Intact   int            `json:"intact"`
	Head     migration.Head `json:"head"` // of the intact part
	Broken   string         `json:"broken,omitempty"`
	BrokenAt uint64         `json:"brokenAt,omitempty"`
}

// verify gives the intact records from the start. A record that cannot even be
// written as JSON has no digest and breaks the chain like an altered one.
func verify(recs []migration.Record) (Chain, []migration.Record) {
	c := Chain{Records: len(recs)}
	legible := recs
	var unreadable error
	for i, r := range recs {
		if !hasJSON(r) {
			legible, unreadable = recs[:i], &journal.ChainError{Seq: r.Seq, Why: "is not legible"}
			break
		}
	}
	n, err := journal.Verify(migration.Head{}, legible)
	if err == nil {
		err = unreadable
	}
	intact := legible[:n]
	c.Intact, c.Verified = n, err == nil
	if n > 0 {
		c.Head = journal.HeadOf(intact[n-1])
	}
	if err != nil {
		c.Broken = err.Error()
		if at := (*journal.ChainError)(nil); errors.As(err, &at) {
			c.BrokenAt = at.Seq
		}
	}
	return c, intact
}

// hasJSON says whether a record can be written at all: its body is JSON and its
// times are within the years that RFC 3339 knows.
func hasJSON(r migration.Record) bool {
	known := func(t time.Time) bool { y := t.UTC().Year(); return y >= 0 && y <= 9999 }
	for _, why := range r.Reasons {
		if !known(why.At) || !known(why.Until) {
			return false
		}
	}
	return known(r.At) && (len(r.Body) == 0 || json.Valid(r.Body))
}

// text is the chain in a sentence.
func (c Chain) text() string {
	if c.Verified {
		return fmt.Sprintf("The journal's chain is whole: %d records, head %s.", c.Records, c.Head.Digest)
	}
	return fmt.Sprintf("The journal is broken: %s. This report tells the %d intact records of %d before it, head %s.", c.Broken, c.Intact, c.Records, c.Head.Digest)
}
