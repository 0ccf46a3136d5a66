// Package memory keeps journals in the memory of one process: for simulation
// and tests. What it keeps is lost with the process, and cannot be damaged.
//
// It must not know what a record means to the procedure.
package memory

import (
	"context"
	"encoding/json"
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

// ledger is what is kept of one migration. Its records are those that their JSON
// reads back as; nobody gets one into his hands, but a copy.
type ledger struct {
	head    migration.Head
	lease   store.Lease
	records []migration.Record
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
	kept := make([]migration.Record, len(rows))
	for i, b := range rows {
		if err := json.Unmarshal(b, &kept[i]); err != nil {
			return fail(err)
		}
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
	l.records = append(l.records, kept...)
	s.ledgers[key] = l
	return l.head, nil
}

// Read is engine.Journal's.
func (s *Store) Read(ctx context.Context, key string, after uint64) ([]migration.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read the journal of %q: %w", key, err)
	}
	s.mu.Lock()
	kept := s.ledger(key).records
	s.mu.Unlock()
	var out []migration.Record
	for _, r := range kept[min(after, uint64(len(kept))):] {
		r.Reasons, r.Body = slices.Clone(r.Reasons), slices.Clone(r.Body)
		out = append(out, r)
	}
	return out, nil
}

// Len is how many records the journal of key has.
func (s *Store) Len(key string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger(key).head.Seq
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
