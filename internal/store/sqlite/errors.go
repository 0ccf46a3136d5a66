package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
)

// Errors of this store beside those of engine.Journal. A missing permission is
// fs.ErrPermission.
var (
	ErrNotJournal = errors.New("this is not a journal of rehome")
	ErrNewer      = errors.New("the journal was written by a newer rehome")
	ErrLocked     = errors.New("another process has kept the journal locked")
	ErrFull       = errors.New("the disk is full; nothing was added to the journal")
	ErrReadOnly   = errors.New("the journal was opened for reading only")
)

// code is SQLite's primary result code of err, 0 if it has none.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// cannotLog says whether SQLite could not make or write its files beside the journal.
func cannotLog(err error) bool {
	c := code(err)
	return c == lib.SQLITE_CANTOPEN || c == lib.SQLITE_READONLY
}

func busy(err error) bool {
	c := code(err)
	return c == lib.SQLITE_BUSY || c == lib.SQLITE_LOCKED
}

// broken says whether err means that the file does not hold what was written to
// it. The statements of this package are fixed: one that fails has found another
// schema than the one it was written for.
func broken(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_ERROR, lib.SQLITE_MISMATCH, lib.SQLITE_CONSTRAINT:
		return true
	}
	return e.Code() == lib.SQLITE_IOERR_SHORT_READ
}

// damaged names the file.
func (s *Store) damaged(why error) error {
	return fmt.Errorf("%w: %s: %w", engine.ErrDamaged, s.path, why)
}

// explain says of an error of SQLite what a person can do about it.
func (s *Store) explain(err error) error {
	var chain *journal.ChainError
	switch c := code(err); {
	case err == nil, errors.Is(err, engine.ErrDamaged), errors.Is(err, ErrLocked):
		return err
	case errors.As(err, &chain):
		return s.damaged(err)
	case c == lib.SQLITE_NOTADB:
		return fmt.Errorf("%w, or its beginning was overwritten: %w", ErrNotJournal, s.damaged(err))
	case broken(err):
		return s.damaged(err)
	case c == lib.SQLITE_FULL:
		return fmt.Errorf("%w (%s): %w", ErrFull, filepath.Dir(s.path), err)
	case c == lib.SQLITE_CANTOPEN, c == lib.SQLITE_READONLY, c == lib.SQLITE_PERM, c == lib.SQLITE_IOERR:
		if why := s.refused(); why != nil {
			return fmt.Errorf("%w (%w)", why, err)
		}
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return err
}

// refused asks the system why SQLite cannot work with the file: its own error
// does not say.
func (s *Store) refused() error {
	flag := os.O_RDWR
	if s.readOnly {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(s.path, flag, 0)
	if err != nil {
		return err
	}
	f.Close()
	if s.readOnly {
		return nil
	}
	f, err = os.CreateTemp(filepath.Dir(s.path), ".rehome-*")
	if err != nil {
		return fmt.Errorf("SQLite keeps files beside the journal: %w", err)
	}
	f.Close()
	return os.Remove(f.Name())
}
