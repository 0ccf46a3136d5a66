package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/storetest"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "re#home?100%")
	path := filepath.Join(dir, "journal.db")
	s := opened(t, path, time.Now)
	if _, err := s.Append(t.Context(), key, migration.Head{}, storetest.Declare(key)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
		dir: 0o700 | fs.ModeDir, filepath.Dir(dir): 0o700 | fs.ModeDir,
	} {
		if st, err := os.Stat(name); err != nil || st.Mode() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, st.Mode(), err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("after Close there is %v, want the one file", left)
	}
	if _, err := s.Read(t.Context(), key, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read of a closed journal: %v, want ErrClosed", err)
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s, err := Open(t.Context(), path, time.Now)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			key := fmt.Sprint("m", i)
			if _, err := s.Append(t.Context(), key, migration.Head{}, storetest.Declare(key)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := opened(t, path, time.Now)
	if keys, err := s.List(t.Context()); len(keys) != 8 || err != nil {
		t.Errorf("list = %v, %v: what some of them wrote is lost", keys, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there is %v, want the one file", left)
	}
}

// TestWhatIsAcknowledgedIsSynced looks at the settings: no test here can cut the
// power.
func TestWhatIsAcknowledgedIsSynced(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "journal.db"), time.Now)
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := s.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// TestContextEndsInTheMiddle ends the context after the statements of an append.
func TestContextEndsInTheMiddle(t *testing.T) {
	path, recs := written(t, 1, 5)
	s := opened(t, path, time.Now)
	defer s.Close()
	head := journal.HeadOf(recs[0])
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, func(ctx context.Context) error {
		_, lease, err := s.head(ctx, key)
		cancel()
		return errors.Join(err, s.setHead(ctx, key, migration.Head{Seq: 7, Digest: "x"}, lease))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v, want Canceled", err)
	}
	if _, err := s.Append(t.Context(), key, head, storetest.Notes(key, head, 1, 5)...); err != nil {
		t.Errorf("what was given up was kept: %v", err)
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	edit(t, other, `CREATE TABLE heads (x)`)
	newer, _ := written(t, 2, 5)
	edit(t, newer, fmt.Sprintf(`PRAGMA user_version=%d`, version+1))
	tests := []struct {
		name, path string
		want       error
	}{
		{"text", text, ErrNotJournal}, {"another program's database", other, ErrNotJournal},
		{"newer", newer, ErrNewer}, {"directory", dir, ErrNotJournal},
	}
	for _, tt := range tests {
		before, _ := os.ReadFile(tt.path)
		for how, open := range opens {
			if _, err := open(t.Context(), tt.path); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("%s, %s: %v, want %v and the path", tt.name, how, err, tt.want)
			}
		}
		if after, _ := os.ReadFile(tt.path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", tt.name)
		}
	}
	if _, err := OpenReadOnly(t.Context(), filepath.Join(dir, "none.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of no file: %v, want ErrNotExist", err)
	}
}

var opens = map[string]func(context.Context, string) (*Store, error){
	"for writing": func(ctx context.Context, path string) (*Store, error) { return Open(ctx, path, time.Now) },
	"for reading": OpenReadOnly,
}

func TestReadOnlyWritesNothing(t *testing.T) {
	path, recs := written(t, 3, 5)
	s, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	head := journal.HeadOf(recs[2])
	_, err = s.Append(t.Context(), key, head, storetest.Notes(key, head, 1, 5)...)
	_, lease := s.Acquire(t.Context(), key, "angua", time.Minute)
	for _, err := range []error{err, lease, s.Release(t.Context(), key, "angua")} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%v, want ErrReadOnly", err)
		}
	}
	// It sees what another process appends meanwhile.
	w := opened(t, path, time.Now)
	defer w.Close()
	more := storetest.Notes(key, head, 2, 5)
	if _, err := w.Append(t.Context(), key, head, more...); err != nil {
		t.Fatal(err)
	}
	got, err := s.Read(t.Context(), key, 3)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, more)
}

// TestDiskFull lets SQLite refuse to grow the file; the lab's test fills a real one.
func TestDiskFull(t *testing.T) {
	path, recs := written(t, 1, 5)
	s := opened(t, path, time.Now)
	defer s.Close()
	var pages int
	if err := s.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if _, err := s.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count=%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 2)
	head := journal.HeadOf(recs[0])
	big := storetest.Notes(key, head, 3, 9000)
	if _, err := s.Append(t.Context(), key, head, big...); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Fatalf("append to a full disk: %v, want ErrFull with the directory", err)
	}
	got, err := s.Read(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, recs)
	limit(pages + 1000)
	if _, err := s.Append(t.Context(), key, head, big...); err != nil {
		t.Errorf("append once there is room: %v", err)
	}
	if n, err := s.Verify(t.Context(), key); n != 4 || err != nil {
		t.Errorf("verify = %d, %v; want 4", n, err)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	path, recs := written(t, 1, 5)
	s := opened(t, path, time.Now)
	defer s.Close()
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	head := journal.HeadOf(recs[0])
	note := storetest.Notes(key, head, 1, 5)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Append(ctx, key, head, note...); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "lock") {
		t.Errorf("append with a deadline: %v, want DeadlineExceeded and the lock named", err)
	}
	if took := time.Since(start); took > patience/2 {
		t.Errorf("the deadline of 50ms was honoured after %v", took)
	}
	s.patience = 30 * time.Millisecond
	if _, err := s.Append(t.Context(), key, head, note...); !errors.Is(err, ErrLocked) {
		t.Errorf("append without a deadline: %v, want ErrLocked", err)
	}
	if got, err := s.Read(t.Context(), key, 0); err != nil || len(got) != 1 {
		t.Errorf("a writer keeps a reader out: %d records, %v", len(got), err)
	}
	s.patience = patience
	done := make(chan error, 1)
	go func() { _, err := s.Append(t.Context(), key, head, note...); done <- err }()
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("append once the lock is gone: %v", err)
	}
}

// TestNoPermission runs in a process without root's rights, which pass everything.
func TestNoPermission(t *testing.T) {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "journal.db")
	s := opened(t, path, time.Now)
	if _, err := s.Append(t.Context(), key, migration.Head{}, storetest.Declare(key)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name      string
		dir, file fs.FileMode
		says      string
	}{
		{"directory and file may be read", 0o555, 0o444, "open permission, read 1 <nil>, new permission"},
		{"only the directory may not be written", 0o555, 0o666, "open permission, read 1 <nil>, new permission"},
		{"the file may not be read", 0o777, 0, "open permission, read permission, new <nil>"},
	}
	for _, step := range steps {
		if err := errors.Join(os.Chmod(path, step.file), os.Chmod(dir, step.dir)); err != nil {
			t.Fatal(err)
		}
		t.Run(step.name, func(t *testing.T) { start(t, "nobody", path).says("", step.says) })
	}
}

// playNobody tries the journal without rights, and says what came of it.
func playNobody(ctx context.Context, path string) error {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			return err
		}
	}
	open := func(path string) string {
		s, err := Open(ctx, path, time.Now)
		if err == nil {
			s.Close()
		}
		return kind(err)
	}
	first, read := open(path), ""
	s, err := OpenReadOnly(ctx, path)
	if err == nil {
		n, err := s.Verify(ctx, key)
		read = fmt.Sprint(n, " ", err)
		s.Close()
	} else {
		read = kind(err)
	}
	fmt.Printf("open %s, read %s, new %s\n", first, read, open(filepath.Join(filepath.Dir(path), "deep", "new.db")))
	return nil
}

func kind(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	case errors.Is(err, engine.ErrDamaged):
		return "damaged"
	}
	return fmt.Sprint(err)
}
