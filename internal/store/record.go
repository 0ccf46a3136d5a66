package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// Errors of Encode and Decode.
var (
	ErrForm = errors.New("does not read back as it was written")
	ErrKey  = errors.New("a journal needs the name of a migration")
)

// Encode gives the JSON of each record, once they may be appended behind prev
// (journal.CheckAppend). ErrForm: a record's digest would not hold after its
// way through JSON, as with text that is not UTF-8; kept, it would look altered.
func Encode(key string, prev migration.Head, recs []migration.Record) ([][]byte, error) {
	if key == "" {
		return nil, ErrKey
	}
	if err := journal.CheckAppend(key, prev, recs); err != nil {
		return nil, err
	}
	out := make([][]byte, len(recs))
	for i, r := range recs {
		b, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", r.Seq, err)
		}
		// CheckAppend has seen the digest: it holds again for whatever has the same JSON.
		if _, err := readBack(r.Seq, b); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrForm, err)
		}
		out[i] = b
	}
	return out, nil
}

// Decode reads the record that follows prev in the journal of key. Every error
// is a *journal.ChainError. The bytes must be exactly those that Encode gave: a
// field or a space that was added by hand would escape the digest.
func Decode(key string, prev migration.Head, b []byte) (migration.Record, error) {
	r, err := readBack(prev.Seq+1, b)
	if err != nil {
		return r, err
	}
	if _, err := journal.Verify(prev, []migration.Record{r}); err != nil {
		return r, err
	}
	if r.Migration != key {
		return r, &journal.ChainError{Seq: r.Seq, Why: fmt.Sprintf("belongs to migration %q", r.Migration)}
	}
	return r, nil
}

// readBack reads a record of which these are exactly the bytes.
func readBack(seq uint64, b []byte) (migration.Record, error) {
	var r migration.Record
	if err := json.Unmarshal(b, &r); err != nil {
		return r, &journal.ChainError{Seq: seq, Why: "is not a record: " + err.Error()}
	}
	if again, err := json.Marshal(r); err != nil || !bytes.Equal(again, b) {
		return r, &journal.ChainError{Seq: seq, Why: "was altered: its text is not the one that was written"}
	}
	return r, nil
}
