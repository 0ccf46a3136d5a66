package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// source is the name under which SQLite opens path. The mode never makes a file.
func source(path, mode string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode}).String()
}

// connect opens the one connection that a Store works with: data_version means
// something on one connection only. Locks are waited for in Go (retry), because
// SQLite's own waiting knows no context; checkpoints are made by write.
func (s *Store) connect(ctx context.Context, mode string, pragmas ...string) error {
	db, err := sql.Open("sqlite", source(s.path, mode))
	if err != nil {
		return err
	}
	s.db = db
	if s.conn, err = db.Conn(ctx); err != nil {
		return err
	}
	for _, p := range append([]string{"busy_timeout=0", "trusted_schema=OFF", "cell_size_check=ON"}, pragmas...) {
		err := s.retry(ctx, func() error {
			_, err := s.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+p)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// identify says whether the open file is a journal that this program knows.
func (s *Store) identify(ctx context.Context) error {
	var id, v int64
	if err := s.conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	switch {
	case id != applicationID:
		return fmt.Errorf("%w: %s is another program's database", ErrNotJournal, s.path)
	case v > version:
		return fmt.Errorf("%w: %s has schema %d, this one knows up to %d; use the newer rehome", ErrNewer, s.path, v, version)
	case v < version:
		return s.damaged(fmt.Errorf("its schema says version %d, which never was", v))
	}
	var mode string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" && !s.readOnly {
		return s.damaged(fmt.Errorf("its journal mode is %q, not wal", mode))
	}
	if err := s.whole(ctx); err != nil {
		return err
	}
	for _, q := range []string{
		"SELECT migration, seq, digest, fence, holder, until FROM heads LIMIT 1",
		"SELECT id, migration, seq, digest, json FROM records LIMIT 1",
	} {
		if _, err := s.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// whole refuses a file that ends within a page: SQLite reads what is missing as
// zeros. While the log holds something a crash may explain it.
func (s *Store) whole(ctx context.Context) error {
	var page int64
	if err := s.conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page); err != nil {
		return err
	}
	st, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if rest := st.Size() % page; rest != 0 && settled(s.path) {
		return s.damaged(fmt.Errorf("the file is cut short: it ends %d bytes into a page of %d", rest, page))
	}
	return nil
}

// retry calls f until no other process' lock is in its way. The waits grow to
// 20 ms: a lock is held for as long as a sync takes.
func (s *Store) retry(ctx context.Context, f func() error) error {
	end := time.Now().Add(s.patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := f()
		if !busy(err) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w for %s: %s: %w", ErrLocked, s.patience, s.path, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for another process' lock on %s: %w", s.path, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// use runs f alone on the connection.
func (s *Store) use(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case s.turn <- struct{}{}:
	}
	defer func() { <-s.turn }()
	if s.conn == nil {
		return fs.ErrClosed
	}
	return f()
}

// read runs f on one unchanging view of the file.
func (s *Store) read(ctx context.Context, f func(context.Context) error) error {
	return s.use(ctx, func() error {
		return s.retry(ctx, func() error { return s.transact(ctx, "BEGIN", f) })
	})
}

// write runs f as the only writer, and commits. An error means that nothing was
// changed. f may be run several times.
func (s *Store) write(ctx context.Context, f func(context.Context) error) error {
	if s.readOnly {
		return ErrReadOnly
	}
	return s.use(ctx, func() error {
		if err := s.retry(ctx, func() error { return s.transact(ctx, "BEGIN IMMEDIATE", f) }); err != nil {
			return err
		}
		// What was committed is safe in the log already. A checkpoint that
		// fails (a reader is at work, the disk is full) is made by the next.
		_, _ = s.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)")
		return nil
	})
}

// transact runs one transaction. Its statements are short, so that they run to
// their end; ctx counts between them, and for the last time before the commit.
func (s *Store) transact(ctx context.Context, begin string, f func(context.Context) error) error {
	whole := context.WithoutCancel(ctx)
	if _, err := s.conn.ExecContext(whole, begin); err != nil {
		return err
	}
	err := f(whole)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = s.conn.ExecContext(whole, "COMMIT")
	}
	if err != nil {
		// SQLite has rolled back by itself after some errors.
		_, _ = s.conn.ExecContext(whole, "ROLLBACK")
	}
	return err
}
