// Package storetest is the conformance suite of engine.Journal: every store
// passes it, and is trusted for that.
package storetest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// Store is what the suite tests: the port, and the check that an auditor asks for.
type Store interface {
	engine.Journal
	// Verify gives how many records from the start are intact.
	Verify(ctx context.Context, key string) (int, error)
}

// Factory makes an empty journal whose leases end by now. What it gives opens
// that same journal, each time through a handle of its own where the store has
// handles; the suite closes them.
type Factory func(t testing.TB, now func() time.Time) (open func() Store)

// Run tests a store.
func Run(t *testing.T, factory Factory) {
	for _, group := range []struct {
		name string
		test func(*testing.T, Factory)
	}{
		{"append", testAppend}, {"read", testRead}, {"refused", testRefused}, {"race", testRace},
		{"lease", testLease}, {"fence", testFence}, {"context", testContext}, {"reopen", testReopen},
	} {
		t.Run(group.name, func(t *testing.T) { group.test(t, factory) })
	}
}

// Clock is a time that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a night in Ankh-Morpork.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 14, 22, 0, 0, 0, time.UTC)} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Declare gives the sealed first record of a journal.
func Declare(key string) migration.Record {
	return Seal(key, migration.Head{}, migration.KindDeclared, 0, `{"file":"royal-bank-api.yaml"}`)
}

// Seal gives one sealed record behind prev.
func Seal(key string, prev migration.Head, kind migration.RecordKind, fence uint64, body string) migration.Record {
	return journal.Seal(prev, migration.Record{
		Migration: key, Kind: kind, Fence: fence, Actor: "angua", Body: json.RawMessage(body),
		At:       time.Date(2026, 3, 14, 22, 15, 0, int(prev.Seq), time.UTC),
		Position: migration.Position{Attempt: 1, Mode: migration.ModeForward, Step: migration.StepSwitch},
		Reasons:  []migration.Reason{{Code: migration.CodeForeign, Verdict: migration.Pass, Text: "<A> & \u2028 ok"}},
	})
}

// Notes gives n sealed records behind prev, of about size bytes each.
func Notes(key string, prev migration.Head, n, size int) []migration.Record {
	recs := make([]migration.Record, n)
	for i := range recs {
		recs[i] = Seal(key, prev, migration.KindNote, 0, `{"text":"`+strings.Repeat("x", size)+`"}`)
		prev = journal.HeadOf(recs[i])
	}
	return recs
}

// opened gives one handle of an empty journal, and its clock.
func opened(t *testing.T, factory Factory) (Store, *Clock) {
	t.Helper()
	clock := NewClock()
	return handle(t, factory(t, clock.Now)), clock
}

func handle(t *testing.T, open func() Store) Store {
	t.Helper()
	s := open()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// add appends, or ends the test.
func add(t *testing.T, s Store, key string, prev migration.Head, recs ...migration.Record) migration.Head {
	t.Helper()
	head, err := s.Append(t.Context(), key, prev, recs...)
	if err != nil {
		t.Fatalf("append of record %d: %v", prev.Seq+1, err)
	}
	return head
}

// holds ends the test unless the journal of key is exactly recs.
func holds(t *testing.T, s Store, key string, recs ...migration.Record) {
	t.Helper()
	got, err := s.Read(t.Context(), key, 0)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if g, w := text(t, got), text(t, recs); g != w {
		t.Fatalf("the journal of %s is\n%s\nwant\n%s", key, g, w)
	}
	n, err := s.Verify(t.Context(), key)
	if err != nil || n != len(recs) {
		t.Fatalf("verify %s = %d, %v; want %d", key, n, err, len(recs))
	}
}

func text(t *testing.T, recs []migration.Record) string {
	t.Helper()
	var b strings.Builder
	for _, r := range recs {
		j, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(j, '\n'))
	}
	return b.String()
}
