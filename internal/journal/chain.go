// Package journal holds the rules of the append-only record: how a record is
// chained to the one before it, what may be appended behind what, and how a
// chain is verified.
//
// It is pure. It must not know where records are kept, nor what a record means
// to the procedure.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// Seal completes a record: its sequence number, the digest of the record
// before it, and its own digest, the SHA-256 over the JSON of all other fields.
func Seal(prev migration.Head, r migration.Record) migration.Record {
	r.Seq, r.Prev = prev.Seq+1, prev.Digest
	r.At = r.At.UTC()
	r.Digest = digest(r)
	return r
}

// SealAll chains several records behind prev, in order.
func SealAll(prev migration.Head, recs []migration.Record) []migration.Record {
	out := make([]migration.Record, len(recs))
	for i, r := range recs {
		out[i] = Seal(prev, r)
		prev = HeadOf(out[i])
	}
	return out
}

// HeadOf is the head of a journal that ends with r.
func HeadOf(r migration.Record) migration.Head {
	return migration.Head{Seq: r.Seq, Digest: r.Digest}
}

func digest(r migration.Record) string {
	r.Digest = ""
	b, err := json.Marshal(r)
	if err != nil {
		panic("record without a JSON form: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ChainError names the first record at which a chain does not hold. The records
// before it are intact.
type ChainError struct {
	Seq uint64
	Why string
}

// Error names the record.
func (e *ChainError) Error() string { return fmt.Sprintf("record %d: %s", e.Seq, e.Why) }

// Verify checks that recs are chained behind prev without a gap and that none
// was altered. It gives how many from the start are intact.
func Verify(prev migration.Head, recs []migration.Record) (intact int, err error) {
	for i, r := range recs {
		switch {
		case r.Seq != prev.Seq+1:
			return i, &ChainError{prev.Seq + 1, fmt.Sprintf("is missing; the next one found is %d", r.Seq)}
		case r.Prev != prev.Digest:
			return i, &ChainError{r.Seq, "does not follow the record before it"}
		case r.Digest != digest(r):
			return i, &ChainError{r.Seq, "was altered: its digest does not match"}
		}
		prev = HeadOf(r)
	}
	return len(recs), nil
}

// Errors of CheckAppend.
var (
	ErrNothing = errors.New("no records to append")
	ErrActor   = errors.New("a record needs an actor")
	ErrFirst   = errors.New("the first record of a journal declares the migration")
)

// CheckAppend says whether recs may be appended behind prev: one migration,
// chained, each with an actor and a time, the first of all a declaration.
func CheckAppend(key string, prev migration.Head, recs []migration.Record) error {
	if len(recs) == 0 {
		return ErrNothing
	}
	if prev.Seq == 0 && recs[0].Kind != migration.KindDeclared {
		return ErrFirst
	}
	for _, r := range recs {
		if r.Migration != key {
			return fmt.Errorf("record %d is of migration %q, not %q", r.Seq, r.Migration, key)
		}
		if r.Actor == "" || r.At.IsZero() {
			return fmt.Errorf("record %d: %w and a time", r.Seq, ErrActor)
		}
	}
	_, err := Verify(prev, recs)
	return err
}
