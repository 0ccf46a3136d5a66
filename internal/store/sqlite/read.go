package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store"
)

// Read is engine.Journal's. Damage anywhere in key's journal is ErrDamaged, also
// before after; it wraps the *journal.ChainError that names the record, or
// SQLite's error.
func (s *Store) Read(ctx context.Context, key string, after uint64) ([]migration.Record, error) {
	var recs []migration.Record
	var next verified
	err := s.damage
	if err == nil {
		err = s.read(ctx, func(ctx context.Context) error {
			head, lease, err := s.head(ctx, key)
			if err != nil {
				return err
			}
			if next, err = s.verify(ctx, key, head, lease); err != nil || after >= head.Seq {
				return err
			}
			prev := migration.Head{Seq: after}
			if after > 0 {
				err = s.conn.QueryRowContext(ctx, "SELECT digest FROM records WHERE migration = ? AND seq = ?", key, after).Scan(&prev.Digest)
				if err != nil {
					return s.unreadable(err, fmt.Sprintf("record %d", after))
				}
			}
			recs, err = s.records(ctx, key, prev)
			return err
		})
	}
	err = s.explain(err)
	switch {
	case errors.Is(err, engine.ErrDamaged):
		recs, err = s.salvage(ctx, key, after, err)
	case err == nil:
		s.remember(key, next)
	default:
		recs = nil
	}
	if err != nil {
		return recs, fmt.Errorf("read the journal of %q: %w", key, err)
	}
	return recs, nil
}

// Verify reads the whole journal of key from the file and gives how many
// records from its start are intact.
func (s *Store) Verify(ctx context.Context, key string) (int, error) {
	if err := s.use(ctx, func() error { delete(s.seen, key); return nil }); err != nil {
		return 0, fmt.Errorf("verify the journal of %q: %w", key, err)
	}
	recs, err := s.Read(ctx, key, 0)
	return len(recs), err
}

// List is engine.Journal's. engine.ErrDamaged comes with the names that can
// still be read.
func (s *Store) List(ctx context.Context) ([]string, error) {
	var keys []string
	err := s.damage
	if err == nil {
		err = s.read(ctx, func(ctx context.Context) error {
			var err error
			keys, err = names(ctx, s.conn, "SELECT migration FROM heads WHERE seq > 0 UNION SELECT migration FROM records ORDER BY 1")
			return err
		})
		err = s.explain(err)
	}
	if errors.Is(err, engine.ErrDamaged) {
		keys = s.salvageNames(ctx)
	}
	if err != nil {
		return keys, fmt.Errorf("list the migrations: %w", err)
	}
	return keys, nil
}

// names gives the rows of a query for names, up to the first error.
func names(ctx context.Context, conn *sql.Conn, query string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return out, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// verify makes sure that every record up to head is intact, and that no record
// stands behind it. What was verified before is not read again unless another
// connection has changed the file.
func (s *Store) verify(ctx context.Context, key string, head migration.Head, lease store.Lease) (verified, error) {
	v := verified{head: head}
	if err := s.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v.version); err != nil {
		return v, err
	}
	if s.seen[key] == v {
		return v, nil
	}
	recs, err := s.records(ctx, key, migration.Head{})
	if err != nil {
		return v, err
	}
	return v, check(recs, head, lease)
}

// check compares an intact chain with the head and the fence that were kept
// beside it.
func check(recs []migration.Record, head migration.Head, lease store.Lease) error {
	var last migration.Head
	var fence uint64
	for _, r := range recs {
		if last = journal.HeadOf(r); r.Kind.Acting() {
			fence = max(fence, r.Fence)
		}
	}
	switch {
	case last.Seq < head.Seq:
		return &journal.ChainError{Seq: last.Seq + 1, Why: fmt.Sprintf("is missing; the journal had %d records", head.Seq)}
	case last.Seq > head.Seq:
		return &journal.ChainError{Seq: head.Seq + 1, Why: "stands behind the end of the journal"}
	case last.Digest != head.Digest:
		return &journal.ChainError{Seq: head.Seq, Why: "is not the one with which the journal ended"}
	case fence > lease.Fence:
		return &journal.ChainError{Seq: head.Seq, Why: fmt.Sprintf("is in order, but the fence was set back from %d to %d", fence, lease.Fence)}
	}
	return nil
}

// records reads what follows prev, and verifies it. Beside an error it gives
// the records before the damage.
func (s *Store) records(ctx context.Context, key string, prev migration.Head) ([]migration.Record, error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT seq, digest, json FROM records WHERE migration = ? AND seq > ? ORDER BY seq", key, prev.Seq)
	if err != nil {
		return nil, err
	}
	return decode(key, prev, rows)
}

func decode(key string, prev migration.Head, rows *sql.Rows) ([]migration.Record, error) {
	defer rows.Close()
	var out []migration.Record
	for rows.Next() {
		var seq uint64
		var digest, text string
		if err := rows.Scan(&seq, &digest, &text); err != nil {
			return out, &journal.ChainError{Seq: prev.Seq + 1, Why: "cannot be read: " + err.Error()}
		}
		r, err := store.Decode(key, prev, []byte(text))
		if err != nil {
			return out, err
		}
		if r.Seq != seq || r.Digest != digest {
			return out, &journal.ChainError{Seq: r.Seq, Why: "was altered: it is filed under another number or digest"}
		}
		out, prev = append(out, r), journal.HeadOf(r)
	}
	return out, rows.Err()
}

// unreadable is the damage of a row that the schema does not allow.
func (s *Store) unreadable(err error, what string) error {
	if code(err) != 0 {
		return err
	}
	return s.damaged(fmt.Errorf("%s cannot be read: %w", what, err))
}

// remember keeps up to where key's journal is verified.
func (s *Store) remember(key string, v verified) {
	s.turn <- struct{}{}
	s.seen[key] = v
	<-s.turn
}
