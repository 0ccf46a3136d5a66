package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// salvage gives the records of key after a number, up to the first that is not
// intact, and the damage: cause, or the record at which the chain ends where
// cause names none.
func (s *Store) salvage(ctx context.Context, key string, after uint64, cause error) ([]migration.Record, error) {
	var recs []migration.Record
	err := s.tolerant(ctx, func(t *Store) error {
		// Past the index, in the order of the file: the pages of the table that
		// are left are read one by one.
		rows, err := t.conn.QueryContext(ctx, "SELECT seq, digest, json FROM records NOT INDEXED WHERE migration = ? ORDER BY id", key)
		if err != nil {
			return err
		}
		recs, err = decode(key, migration.Head{}, rows)
		return err
	})
	if cerr := ctx.Err(); cerr != nil {
		return nil, cerr
	}
	var chain *journal.ChainError
	switch {
	case errors.As(cause, &chain):
	case errors.As(err, &chain):
		cause = fmt.Errorf("%w: %w", cause, chain)
	case err != nil:
		cause = fmt.Errorf("%w: %w", cause, &journal.ChainError{Seq: uint64(len(recs)) + 1, Why: "and what follows cannot be read"})
	}
	return recs[min(after, uint64(len(recs))):], cause
}

// salvageNames gives the migrations of which records can still be read.
func (s *Store) salvageNames(ctx context.Context) []string {
	var keys []string
	_ = s.tolerant(ctx, func(t *Store) error {
		var err error
		keys, err = names(ctx, t.conn, "SELECT migration FROM records NOT INDEXED")
		return err
	})
	slices.Sort(keys)
	return slices.Compact(keys)
}

// tolerant opens the file a second time, for reading, in the way in which SQLite
// does not refuse one that is shorter than its header says or whose schema it
// cannot parse whole.
func (s *Store) tolerant(ctx context.Context, f func(*Store) error) error {
	t := newStore(s.path)
	defer func() { t.Close() }()
	if err := t.look(); err != nil {
		return err
	}
	modes := []string{"ro"}
	if settled(s.path) {
		modes = append(modes, "ro&immutable=1") // as in OpenReadOnly
	}
	var err error
	for _, mode := range modes {
		if err = t.connect(ctx, mode, "writable_schema=ON"); err == nil {
			err = t.retry(ctx, func() error { return f(t) })
		}
		if !cannotLog(err) {
			break
		}
		t.Close()
	}
	return err
}
