package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// applicationID marks the file as a rehome journal: "rhmj" in its header.
const applicationID = 0x72686d6a

// version is the schema's, kept in user_version.
const version = 1

// The head of a journal stands beside its records, changed in the same
// transaction: so the last record cannot vanish unseen. Records are numbered in
// the order of the file too, which is how a damaged file is read.
const schema = `
CREATE TABLE heads (
	migration TEXT PRIMARY KEY,
	seq       INTEGER NOT NULL,
	digest    TEXT NOT NULL,
	fence     INTEGER NOT NULL,
	holder    TEXT NOT NULL,
	until     INTEGER NOT NULL -- nanoseconds since 1970, 0: nobody holds the lease
) STRICT;
CREATE TABLE records (
	id        INTEGER PRIMARY KEY,
	migration TEXT NOT NULL,
	seq       INTEGER NOT NULL,
	digest    TEXT NOT NULL,
	json      TEXT NOT NULL,
	UNIQUE (migration, seq)
) STRICT;
CREATE UNIQUE INDEX records_by_digest ON records (digest);
`

// create makes an empty journal at path unless something is there. It is made
// whole under another name first: so a file of length nothing is never a young
// journal, and a crash leaves none that is half made.
func create(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	if err := fill(ctx, f.Name()); err != nil {
		return err
	}
	// A link does not replace what another process has made meanwhile.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

func fill(ctx context.Context, path string) error {
	s := newStore(path)
	defer s.Close()
	if err := s.connect(ctx, "rw", "synchronous=FULL"); err != nil {
		return s.explain(err)
	}
	id := fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", applicationID, version)
	for _, q := range []string{"PRAGMA journal_mode=WAL", id, schema} {
		if _, err := s.conn.ExecContext(ctx, q); err != nil {
			return s.explain(err)
		}
	}
	return s.Close()
}

// syncDir makes the names in a directory survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
