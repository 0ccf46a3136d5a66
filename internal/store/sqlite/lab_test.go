//go:build lab

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/storetest"
)

// TestRealDiskFull fills a small file system of its own, which needs root.
func TestRealDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatalf("mount a tmpfs (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	s := opened(t, filepath.Join(dir, "journal.db"), time.Now)
	defer s.Close()
	kept := []migration.Record{storetest.Declare(key)}
	head, err := s.Append(t.Context(), key, migration.Head{}, kept...)
	for i := 0; err == nil && i < 1000; i++ {
		next := storetest.Notes(key, head, 1, 3000)
		if head, err = s.Append(t.Context(), key, head, next...); err == nil {
			kept = append(kept, next...)
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d records: %v, want ErrFull", len(kept), err)
	}
	got, err := s.Read(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, kept)

	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the file system is not full")
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "second.db"), time.Now); !errors.Is(err, ErrFull) && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a new journal on a full disk: %v, want it called full", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	head = journal.HeadOf(kept[len(kept)-1])
	if _, err := s.Append(t.Context(), key, head, storetest.Notes(key, head, 1, 3000)...); err != nil {
		t.Errorf("append once there is room: %v", err)
	}
	if n, err := s.Verify(t.Context(), key); n != len(kept)+1 || err != nil {
		t.Errorf("verify = %d, %v; want %d", n, err, len(kept)+1)
	}
}
