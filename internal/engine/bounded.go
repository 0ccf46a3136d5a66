package engine

import (
	"context"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// journalBound is how long one call of the journal may take: longer than a
// store waits for another process, shorter than the lease.
const journalBound = 12 * time.Second

// bounded gives every call of a journal its deadline.
type bounded struct{ Journal }

// Append is Journal's.
func (b bounded) Append(ctx context.Context, key string, prev migration.Head, recs ...migration.Record) (migration.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, journalBound)
	defer cancel()
	return b.Journal.Append(ctx, key, prev, recs...)
}

// Read is Journal's.
func (b bounded) Read(ctx context.Context, key string, after uint64) ([]migration.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, journalBound)
	defer cancel()
	return b.Journal.Read(ctx, key, after)
}

// Acquire is Journal's.
func (b bounded) Acquire(ctx context.Context, key, holder string, ttl time.Duration) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, journalBound)
	defer cancel()
	return b.Journal.Acquire(ctx, key, holder, ttl)
}

// Release is Journal's.
func (b bounded) Release(ctx context.Context, key, holder string) error {
	ctx, cancel := context.WithTimeout(ctx, journalBound)
	defer cancel()
	return b.Journal.Release(ctx, key, holder)
}
