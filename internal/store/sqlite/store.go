// Package sqlite keeps journals in one SQLite file, for several processes at
// once on one machine.
//
// A record that was acknowledged has been synced (WAL, synchronous=FULL) and
// moved into the main file, so that a copy of that one file is a whole copy.
// The file's schema is versioned in user_version. What it guards against:
//
//   - two writers: an append is one transaction that compares the head;
//   - a crash at any point: a record is there whole or not at all;
//   - damage: every record is verified before anything is built on it. A row
//     altered or missing, the last one too, bytes altered and a file cut short
//     are named, and the records before them can still be read.
//
// It cannot see that a journal was replaced by a whole older or rewritten one:
// for that a head has to be kept elsewhere.
//
// It must not know what a record means to the procedure.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

// Store is a Journal in one file. It must be made by Open or OpenReadOnly.
type Store struct {
	path     string
	now      func() time.Time
	readOnly bool
	patience time.Duration // how long another process' lock is waited for
	damage   error         // the file cannot be read in the ordinary way

	turn chan struct{} // holds a token while somebody uses what is below
	db   *sql.DB
	conn *sql.Conn
	seen map[string]verified
}

// verified remembers up to where a journal was verified. It holds as long as no
// other connection has changed the file, which SQLite's data_version tells.
type verified struct {
	version int64
	head    migration.Head
}

var _ engine.Journal = (*Store)(nil)

// patience is how long a lock is waited for when the context allows it. No
// transaction of this package takes longer than a disk's sync.
const patience = 10 * time.Second

// Open opens the journal at path for reading and writing. Where there is none
// it makes one, of mode 0600, and the directories to it, of mode 0700. Leases
// end by now.
//
// ErrNotJournal, ErrNewer: the file is not for this program. engine.ErrDamaged:
// nothing may be appended; OpenReadOnly still reads what is intact.
func Open(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	if err := create(ctx, path); err != nil {
		return nil, fmt.Errorf("make the journal %s: %w", path, err)
	}
	s := newStore(path)
	s.now = now
	err := s.open(ctx, "rw", "synchronous=FULL", "wal_autocheckpoint=0")
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return s, nil
}

// OpenReadOnly opens the journal at path for reading. It changes no record,
// needs no permission to write, and opens a damaged journal too: then Read, List
// and Verify give what is intact, and engine.ErrDamaged beside it.
// fs.ErrNotExist: there is no journal.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	s := newStore(path)
	s.readOnly = true
	err := s.open(ctx, "ro")
	if cannotLog(err) && settled(path) {
		// A log that is not there cannot be made in a directory that may only
		// be read; where nobody writes it is not needed.
		s.Close()
		err = s.open(ctx, "ro&immutable=1")
	}
	switch {
	case errors.Is(err, engine.ErrDamaged) && !errors.Is(err, ErrNotJournal):
		s.damage = err
	case err != nil:
		s.Close()
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return s, nil
}

// open connects to a file that is a journal.
func (s *Store) open(ctx context.Context, mode string, pragmas ...string) error {
	err := s.look()
	if err == nil {
		err = s.connect(ctx, mode, pragmas...)
	}
	if err == nil {
		err = s.retry(ctx, func() error { return s.identify(ctx) })
	}
	return s.explain(err)
}

// look judges the file from outside. SQLite takes an empty file for a new
// database and deletes the log beside it.
func (s *Store) look() error {
	st, err := os.Stat(s.path)
	switch {
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a file", ErrNotJournal, s.path)
	case st.Size() == 0:
		return s.damaged(errors.New("the file is empty, which a journal never is"))
	}
	return nil
}

func newStore(path string) *Store {
	return &Store{
		path: path, now: time.Now, patience: patience,
		turn: make(chan struct{}, 1), seen: map[string]verified{},
	}
}

// settled says whether everything is in the main file.
func settled(path string) bool {
	st, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() == 0
}

// Close ends the use of the file. A Store that is closed answers with
// fs.ErrClosed.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.db == nil {
		return nil
	}
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	err = errors.Join(err, s.db.Close())
	s.db, s.conn = nil, nil
	if err != nil {
		return fmt.Errorf("close the journal %s: %w", s.path, err)
	}
	return nil
}
