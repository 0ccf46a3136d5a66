// Package memory keeps journals in the memory of one process: for simulation
// and tests. What it keeps is lost with the process, and cannot be damaged.
//
// It must not know what a record means to the procedure.
package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store"
)

// Store is a Journal. It must be made by New.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	ledgers map[string]*ledger
}

// ledger is what is kept of one migration. Records are kept as their JSON, so
// that nobody who has one in his hands can alter what was appended.
type ledger struct {
	head    migration.Head
	lease   store.Lease
	records [][]byte
	heads   []migration.Head // by record
}

var _ engine.Journal = (*Store)(nil)

// New gives an empty journal whose leases end by now.
func New(now func() time.Time) *Store {
	return &Store{now: now, ledgers: map[string]*ledger{}}
}

// Append is engine.Journal's. Where the records are both fenced and too late it
// says ErrFenced: to fold again would not help.
func (s *Store) Append(ctx context.Context, key string, prev migration.Head, recs ...migration.Record) (migration.Head, error) {
	fail := func(err error) (migration.Head, error) {
		return migration.Head{}, fmt.Errorf("append to the journal of %q: %w", key, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	rows, err := store.Encode(key, prev, recs)
	if err != nil {
		return fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledger(key)
	lease, err := l.lease.Admit(recs)
	if err != nil {
		return fail(err)
	}
	if l.head != prev {
		return fail(fmt.Errorf("%w: it ends with record %d, not %d", engine.ErrMoved, l.head.Seq, prev.Seq))
	}
	l.head, l.lease = journal.HeadOf(recs[len(recs)-1]), lease
	l.records = append(l.records, rows...)
	for _, r := range recs {
		l.heads = append(l.heads, journal.HeadOf(r))
	}
	s.ledgers[key] = l
	return l.head, nil
}

// Read is engine.Journal's.
func (s *Store) Read(ctx context.Context, key string, after uint64) ([]migration.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read the journal of %q: %w", key, err)
	}
	s.mu.Lock()
	rows, heads := s.ledger(key).records, s.ledger(key).heads
	s.mu.Unlock()
	var prev migration.Head
	if after > 0 && after <= uint64(len(rows)) {
		rows, prev = rows[after:], heads[after-1] // what was read before cannot have changed
	}
	var out []migration.Record
	for _, b := range rows {
		r, err := store.Decode(key, prev, b)
		if err != nil {
			return out, fmt.Errorf("read the journal of %q: %w: %w", key, engine.ErrDamaged, err)
		}
		if prev = journal.HeadOf(r); r.Seq > after {
			out = append(out, r)
		}
	}
	return out, nil
}

// Verify gives how many records from the start of key's journal are intact.
func (s *Store) Verify(ctx context.Context, key string) (int, error) {
	recs, err := s.Read(ctx, key, 0)
	return len(recs), err
}

// List is engine.Journal's.
func (s *Store) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, key := range slices.Sorted(maps.Keys(s.ledgers)) {
		if s.ledgers[key].head.Seq > 0 {
			out = append(out, key)
		}
	}
	return out, nil
}

// Acquire is engine.Journal's.
func (s *Store) Acquire(ctx context.Context, key, holder string, ttl time.Duration) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("take the lease of %q: %w", key, err)
	}
	if key == "" {
		return 0, fmt.Errorf("take a lease: %w", store.ErrKey)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledger(key)
	lease, err := l.lease.Take(holder, ttl, s.now())
	if err != nil {
		return 0, fmt.Errorf("take the lease of %q: %w", key, err)
	}
	l.lease = lease
	s.ledgers[key] = l
	return lease.Fence, nil
}

// Release is engine.Journal's.
func (s *Store) Release(ctx context.Context, key, holder string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("give the lease of %q back: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledger(key)
	l.lease = l.lease.Drop(holder)
	return nil
}

// Close keeps everything: the records live as long as the Store.
func (s *Store) Close() error { return nil }

// ledger finds what is kept of key, or an empty one that is not kept yet.
func (s *Store) ledger(key string) *ledger {
	if l := s.ledgers[key]; l != nil {
		return l
	}
	return &ledger{}
}
