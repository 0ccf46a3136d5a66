package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/storetest"
)

const key = "royal-bank-api"

// written makes a journal of n records of about size bytes each, and closes it.
func written(t *testing.T, n, size int) (path string, recs []migration.Record) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal.db")
	s := opened(t, path, time.Now)
	defer s.Close()
	recs = []migration.Record{storetest.Declare(key)}
	recs = append(recs, storetest.Notes(key, journal.HeadOf(recs[0]), n-1, size)...)
	if _, err := s.Append(t.Context(), key, migration.Head{}, recs...); err != nil {
		t.Fatal(err)
	}
	return path, recs
}

// edit alters the file as a person with the sqlite3 command would.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestARowAlteredByHandIsNamed(t *testing.T) {
	tests := []struct {
		name, statement string
		intact          int
		seq             uint64
	}{
		{"body altered", `UPDATE records SET json = replace(json, 'xxxx', 'yyyy') WHERE seq = 4`, 3, 4},
		{"actor altered", `UPDATE records SET json = replace(json, 'angua', 'nobby') WHERE seq = 1`, 0, 1},
		{"field added", `UPDATE records SET json = replace(json, '{"migration"', '{"seen":true,"migration"') WHERE seq = 4`, 3, 4},
		{"space added", `UPDATE records SET json = json || ' ' WHERE seq = 4`, 3, 4},
		{"not JSON", `UPDATE records SET json = 'xyzzy' WHERE seq = 2`, 1, 2},
		{"digest column altered", `UPDATE records SET digest = 'x' WHERE seq = 3`, 2, 3},
		{"row missing", `DELETE FROM records WHERE seq = 3`, 2, 3},
		{"first row missing", `DELETE FROM records WHERE seq = 1`, 0, 1},
		{"last row missing", `DELETE FROM records WHERE seq = 6`, 5, 6},
		{"every row missing", `DELETE FROM records`, 0, 1},
		{"two rows exchanged", `UPDATE records SET seq = 99 WHERE seq = 3; UPDATE records SET seq = 3 WHERE seq = 4; UPDATE records SET seq = 4 WHERE seq = 99`, 2, 3},
		{"row put under another name", `UPDATE records SET migration = 'mended-drum' WHERE seq = 5`, 4, 5},
		{"head set back", `UPDATE heads SET seq = 5, digest = (SELECT digest FROM records WHERE seq = 5)`, 6, 6},
		{"head's digest altered", `UPDATE heads SET digest = 'x'`, 6, 6},
		{"head missing", `DELETE FROM heads`, 6, 1},
		{"a column that is no number", `UPDATE heads SET fence = -1`, 6, 0},
		{"table missing", `DROP TABLE heads`, 6, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, recs := written(t, 6, 20)
			running := opened(t, path, time.Now) // somebody has read it before
			defer running.Close()
			if _, err := running.Read(t.Context(), key, 0); err != nil {
				t.Fatal(err)
			}
			edit(t, path, tt.statement)
			named(t, running, path, recs, tt.intact, tt.seq)
			refuses(t, running, recs)
			again, err := OpenReadOnly(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			named(t, again, path, recs, tt.intact, tt.seq)
		})
	}
}

// named ends the test unless the damage is named by path and record (seq 0: by
// path), and the records before it are read.
func named(t *testing.T, s *Store, path string, recs []migration.Record, intact int, seq uint64) {
	t.Helper()
	for _, after := range []uint64{0, 2, 6} {
		got, err := s.Read(t.Context(), key, after)
		if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("read after %d: %v, want ErrDamaged with the path", after, err)
		}
		var chain *journal.ChainError
		if seq > 0 && (!errors.As(err, &chain) || chain.Seq != seq) {
			t.Errorf("read after %d: %v, want record %d named", after, err, seq)
		}
		same(t, got, recs[min(int(after), intact):intact])
	}
	if n, err := s.Verify(t.Context(), key); n != intact || !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("verify = %d, %v; want %d intact and ErrDamaged", n, err, intact)
	}
}

func same(t *testing.T, got, want []migration.Record) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if len(got) != len(want) || len(got) > 0 && string(g) != string(w) {
		t.Fatalf("read %d records, want %d:\n%.300s\n%.300s", len(got), len(want), g, w)
	}
}

// refuses ends the test unless nothing can be appended.
func refuses(t *testing.T, s *Store, recs []migration.Record) {
	t.Helper()
	for _, at := range []int{len(recs), len(recs) - 1, 3} {
		prev := journal.HeadOf(recs[at-1])
		if _, err := s.Append(t.Context(), key, prev, storetest.Notes(key, prev, 1, 5)...); !errors.Is(err, engine.ErrDamaged) {
			t.Errorf("append behind record %d of a damaged journal: %v, want ErrDamaged", at, err)
		}
	}
}

func TestDamageOfOneJournalLeavesTheOthers(t *testing.T) {
	path, _ := written(t, 3, 20)
	s := opened(t, path, time.Now)
	defer s.Close()
	other := storetest.Declare("mended-drum")
	if _, err := s.Append(t.Context(), "mended-drum", migration.Head{}, other); err != nil {
		t.Fatal(err)
	}
	edit(t, path, `DELETE FROM records WHERE migration = 'royal-bank-api' AND seq = 2`)
	head := journal.HeadOf(other)
	if _, err := s.Append(t.Context(), "mended-drum", head, storetest.Notes("mended-drum", head, 1, 5)...); err != nil {
		t.Errorf("append to the intact one: %v", err)
	}
	if n, err := s.Verify(t.Context(), "mended-drum"); n != 2 || err != nil {
		t.Errorf("verify = %d, %v; want 2", n, err)
	}
}

func TestAJournalFiledUnderAnotherName(t *testing.T) {
	path, _ := written(t, 3, 20)
	edit(t, path, `UPDATE records SET migration = 'mended-drum'; UPDATE heads SET migration = 'mended-drum'`)
	s := opened(t, path, time.Now)
	defer s.Close()
	var chain *journal.ChainError
	if recs, err := s.Read(t.Context(), "mended-drum", 0); len(recs) != 0 || !errors.Is(err, engine.ErrDamaged) || !errors.As(err, &chain) || chain.Seq != 1 {
		t.Errorf("read = %d records, %v; want none and record 1 named", len(recs), err)
	}
}

// TestALostIndex wipes the page by which records are found.
func TestALostIndex(t *testing.T) {
	path, recs := written(t, 6, 700)
	s := opened(t, path, time.Now)
	var page int64
	if err := s.conn.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_records_1'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[(page-1)*4096 : page*4096])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Read(t.Context(), key, 0)
	if !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("read: %v, want ErrDamaged", err)
	}
	same(t, got, recs)
}

func TestTheFenceCannotBeSetBack(t *testing.T) {
	path, recs := written(t, 2, 5)
	s := opened(t, path, time.Now)
	defer s.Close()
	fence, err := s.Acquire(t.Context(), key, "angua", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	head := journal.HeadOf(recs[1])
	if _, err := s.Append(t.Context(), key, head, storetest.Seal(key, head, migration.KindIntent, fence, `{}`)); err != nil {
		t.Fatal(err)
	}
	edit(t, path, `UPDATE heads SET fence = 0, holder = '', until = 0`)
	if _, err := s.Read(t.Context(), key, 0); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("read: %v, want ErrDamaged", err)
	}
}

func TestAFileCutShort(t *testing.T) {
	path, recs := written(t, 60, 700)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for size := len(whole) - 1; size > 0; size -= 2*4096 - 300 {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, time.Now); !errors.Is(err, engine.ErrDamaged) {
			t.Fatalf("open at %d of %d bytes: %v, want ErrDamaged", size, len(whole), err)
		}
		if size < 512 { // less than a page says nothing
			continue
		}
		s, err := OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatalf("open for reading at %d of %d bytes: %v", size, len(whole), err)
		}
		got, err := s.Read(t.Context(), key, 0)
		if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("read at %d of %d bytes: %v, want ErrDamaged", size, len(whole), err)
		}
		same(t, got, recs[:len(got)])
		// Three records fill a page; the first eight pages hold the indices.
		if want := (size/4096 - 8) * 3; len(got) < want {
			t.Errorf("at %d of %d bytes %d records could be read, expected %d or more", size, len(whole), len(got), want)
		}
		if keys, err := s.List(t.Context()); !errors.Is(err, engine.ErrDamaged) || len(got) > 0 && len(keys) != 1 {
			t.Errorf("list at %d bytes: %v, %v", size, keys, err)
		}
		lost = len(recs) - len(got)
		s.Close()
	}
	if lost < len(recs)/2 {
		t.Errorf("only %d records were ever lost: the test has not cut", lost)
	}
}

// TestACopyOfTheOneFileIsWhole copies the main file without its log while it is
// in use.
func TestACopyOfTheOneFileIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := opened(t, path, time.Now)
	defer s.Close()
	recs := []migration.Record{storetest.Declare(key)}
	recs = append(recs, storetest.Notes(key, journal.HeadOf(recs[0]), 9, 500)...)
	prev := migration.Head{}
	for i, r := range recs {
		var err error
		if prev, err = s.Append(t.Context(), key, prev, r); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := OpenReadOnly(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := again.Verify(t.Context(), key); n != i+1 || err != nil {
			t.Errorf("the copy after record %d: verify = %d, %v", i+1, n, err)
		}
		again.Close()
	}
}

func TestAnEmptyFileIsNoNewJournal(t *testing.T) {
	path, _ := written(t, 3, 20)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	log := path + "-wal"
	if err := os.WriteFile(log, []byte("what a crash left"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, time.Now); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("open: %v, want ErrDamaged", err)
	}
	s, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if recs, err := s.Read(t.Context(), key, 0); len(recs) != 0 || !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("read = %d records, %v; want ErrDamaged", len(recs), err)
	}
	if _, err := os.Stat(log); err != nil {
		t.Errorf("the log beside it, which may hold what is lost: %v", err)
	}
}

// TestAlteredBytes alters bytes anywhere in the file. What is read is always a
// prefix of what was written, and where it is not the whole it is ErrDamaged.
func TestAlteredBytes(t *testing.T) {
	path, recs := written(t, 18, 300)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(19, 4))
	detected := 0
	const trials = 80
	for trial := range trials {
		b := append([]byte(nil), whole...)
		at := rng.IntN(len(b))
		for i := range min(1+rng.IntN(16), len(b)-at) {
			b[at+i] ^= byte(1 + rng.IntN(255))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if !altered(t, path, recs) {
			continue
		}
		if detected++; t.Failed() {
			t.Fatalf("trial %d: altered from byte %d of %d", trial, at, len(b))
		}
	}
	// The rest hit the free space of a page.
	if detected < trials/3 {
		t.Errorf("%d of %d alterations were detected", detected, trials)
	}
}

func altered(t *testing.T, path string, recs []migration.Record) (detected bool) {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		if !errors.Is(err, ErrNotJournal) && !errors.Is(err, ErrNewer) {
			t.Errorf("open: %v", err)
		}
		return true
	}
	defer s.Close()
	got, err := s.Read(t.Context(), key, 0)
	same(t, got, recs[:len(got)])
	if err == nil && len(got) != len(recs) {
		t.Errorf("read %d of %d records without an error", len(got), len(recs))
	}
	if err != nil && !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("read: %v, want ErrDamaged", err)
	}
	return err != nil
}
