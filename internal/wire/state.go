package wire

import (
	"context"
	"path/filepath"
	"time"

	"rehome.dev/rehome/internal/archive"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/store/sqlite"
)

// journalFile and archiveDir are what a state directory holds.
const (
	journalFile = "journal.db"
	archiveDir  = "archive"
)

// Journal is a journal that can also be verified from its file.
type Journal interface {
	engine.Journal
	// Verify gives how many records of key are intact, from the start.
	Verify(ctx context.Context, key string) (int, error)
}

// JournalPath is the journal's file in a state directory.
func JournalPath(dir string) string { return filepath.Join(dir, journalFile) }

// OpenJournal opens the journal of a state directory for writing, and makes it
// where there is none.
func OpenJournal(ctx context.Context, dir string, now func() time.Time) (Journal, error) {
	s, err := sqlite.Open(ctx, JournalPath(dir), now)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ReadJournal opens it for reading. fs.ErrNotExist: there is none.
func ReadJournal(ctx context.Context, dir string) (Journal, error) {
	s, err := sqlite.OpenReadOnly(ctx, JournalPath(dir))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Archive is where a state directory keeps files for people.
func Archive(dir string) engine.Archive {
	return archive.Directory{Root: filepath.Join(dir, archiveDir)}
}
