package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store"
)

// Append is engine.Journal's. Where the records are both fenced and too late it
// says ErrFenced: to fold again would not help. engine.ErrDamaged: what stands
// before is not intact, and nothing may be built on it. An error means that
// nothing was added, that of a context that has ended too.
func (s *Store) Append(ctx context.Context, key string, prev migration.Head, recs ...migration.Record) (migration.Head, error) {
	rows, err := store.Encode(key, prev, recs)
	if err != nil {
		return migration.Head{}, fmt.Errorf("append to the journal of %q: %w", key, err)
	}
	var next verified
	err = s.write(ctx, func(ctx context.Context) error {
		head, lease, err := s.head(ctx, key)
		if err != nil {
			return err
		}
		if next, err = s.verify(ctx, key, head, lease); err != nil {
			return err
		}
		if lease, err = lease.Admit(recs); err != nil {
			return err
		}
		if head != prev {
			return fmt.Errorf("%w: it ends with record %d, not %d", engine.ErrMoved, head.Seq, prev.Seq)
		}
		for i, r := range recs {
			_, err := s.conn.ExecContext(ctx, "INSERT INTO records (migration, seq, digest, json) VALUES (?, ?, ?, ?)",
				key, r.Seq, r.Digest, string(rows[i]))
			if err != nil {
				return err
			}
		}
		next.head = journal.HeadOf(recs[len(recs)-1])
		return s.setHead(ctx, key, next.head, lease)
	})
	if err != nil {
		return migration.Head{}, fmt.Errorf("append to the journal of %q: %w", key, s.explain(err))
	}
	s.remember(key, next)
	return next.head, nil
}

// Acquire is engine.Journal's.
func (s *Store) Acquire(ctx context.Context, key, holder string, ttl time.Duration) (fence uint64, err error) {
	if key == "" {
		return 0, fmt.Errorf("take a lease: %w", store.ErrKey)
	}
	err = s.write(ctx, func(ctx context.Context) error {
		head, lease, err := s.head(ctx, key)
		if err != nil {
			return err
		}
		if lease, err = lease.Take(holder, ttl, s.now()); err != nil {
			return err
		}
		fence = lease.Fence
		return s.setHead(ctx, key, head, lease)
	})
	if err != nil {
		return 0, fmt.Errorf("take the lease of %q: %w", key, s.explain(err))
	}
	return fence, nil
}

// Release is engine.Journal's.
func (s *Store) Release(ctx context.Context, key, holder string) error {
	err := s.write(ctx, func(ctx context.Context) error {
		head, lease, err := s.head(ctx, key)
		if err != nil {
			return err
		}
		after := lease.Drop(holder)
		if after == lease {
			return nil
		}
		return s.setHead(ctx, key, head, after)
	})
	if err != nil {
		return fmt.Errorf("give the lease of %q back: %w", key, s.explain(err))
	}
	return nil
}

// head reads the end of a journal and its lease; both are zero where there is
// none.
func (s *Store) head(ctx context.Context, key string) (migration.Head, store.Lease, error) {
	var h migration.Head
	var l store.Lease
	var until int64
	err := s.conn.QueryRowContext(ctx, "SELECT seq, digest, fence, holder, until FROM heads WHERE migration = ?", key).
		Scan(&h.Seq, &h.Digest, &l.Fence, &l.Holder, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return h, l, nil
	}
	if err != nil {
		return h, l, s.unreadable(err, "the head and the lease of "+key)
	}
	if until != 0 {
		l.Until = time.Unix(0, until).UTC()
	}
	return h, l, nil
}

func (s *Store) setHead(ctx context.Context, key string, h migration.Head, l store.Lease) error {
	var until int64
	if !l.Until.IsZero() {
		until = l.Until.UnixNano()
	}
	_, err := s.conn.ExecContext(ctx, `INSERT INTO heads (migration, seq, digest, fence, holder, until) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (migration) DO UPDATE SET seq = excluded.seq, digest = excluded.digest,
		fence = excluded.fence, holder = excluded.holder, until = excluded.until`,
		key, h.Seq, h.Digest, l.Fence, l.Holder, until)
	return err
}
