package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"rehome.dev/rehome/internal/store/storetest"
)

func factory(t testing.TB, now func() time.Time) func() storetest.Store {
	path := filepath.Join(t.TempDir(), "journal.db")
	return func() storetest.Store { return opened(t, path, now) }
}

func opened(t testing.TB, path string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) { storetest.Run(t, factory) }

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, factory) }
