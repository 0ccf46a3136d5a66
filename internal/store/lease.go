package store

import (
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

// Lease is who may act on one migration. Fence counts how often the right to
// act has changed hands; it never falls. Without a Holder nobody may act.
type Lease struct {
	Holder string
	Until  time.Time
	Fence  uint64
}

// ErrLease is a lease that cannot be asked for.
var ErrLease = errors.New("a lease needs a holder and a time above zero")

// Take gives the lease as it is once holder has taken or renewed it at now.
// *engine.HeldError: somebody else holds it, and his time has not ended. A
// holder whose time has ended keeps his fence as long as nobody came between.
// Two processes must not use one name.
func (l Lease) Take(holder string, ttl time.Duration, now time.Time) (Lease, error) {
	if holder == "" || ttl <= 0 {
		return l, ErrLease
	}
	if l.Holder != "" && l.Holder != holder && now.Before(l.Until) {
		return l, &engine.HeldError{Holder: l.Holder, Until: l.Until}
	}
	if l.Holder != holder {
		l.Holder = holder
		l.Fence++
	}
	l.Until = now.Add(ttl).UTC().Round(0)
	return l, nil
}

// Drop gives the lease as it is once holder has given it back. It is unchanged
// if he does not hold it. The fence stays, so that the next one gets a higher.
func (l Lease) Drop(holder string) Lease {
	if holder != "" && l.Holder == holder {
		l.Holder, l.Until = "", time.Time{}
	}
	return l
}

// Admit gives the lease as it is once recs are appended, or engine.ErrFenced.
// The records count in their order: an acting record behind one that raises the
// fence is fenced, in the same append too. That the holder's time has ended
// does not fence him, only that somebody else came, or that he gave it back:
// so a clock that jumps cannot lose an outcome.
func (l Lease) Admit(recs []migration.Record) (Lease, error) {
	for _, r := range recs {
		switch {
		case r.Kind.RaisesFence():
			l = Lease{Fence: l.Fence + 1}
		case !r.Kind.Acting():
		case r.Fence == 0 || r.Fence != l.Fence:
			return l, fmt.Errorf("%w: the fence is %d, record %d was written under %d", engine.ErrFenced, l.Fence, r.Seq, r.Fence)
		case l.Holder == "":
			return l, fmt.Errorf("%w: nobody holds the lease of fence %d any more", engine.ErrFenced, l.Fence)
		}
	}
	return l, nil
}
