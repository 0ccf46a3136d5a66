package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

const key = "royal-bank-api"

func testAppend(t *testing.T, factory Factory) {
	s, _ := opened(t, factory)
	holds(t, s, key)
	first := Declare(key)
	head := add(t, s, key, migration.Head{}, first)
	if want := journal.HeadOf(first); head != want {
		t.Errorf("head = %v, want %v", head, want)
	}
	more := Notes(key, head, 3, 10)
	add(t, s, key, head, more...)
	holds(t, s, key, append([]migration.Record{first}, more...)...)

	other := Declare("assassins-guild")
	add(t, s, "assassins-guild", migration.Head{}, other)
	holds(t, s, "assassins-guild", other)
	names, err := s.List(t.Context())
	if want := []string{"assassins-guild", key}; err != nil || !slices.Equal(names, want) {
		t.Errorf("list = %v, %v; want %v", names, err, want)
	}
}

func testRead(t *testing.T, factory Factory) {
	s, _ := opened(t, factory)
	all := []migration.Record{Declare(key)}
	all = append(all, Notes(key, journal.HeadOf(all[0]), 4, 10)...)
	add(t, s, key, migration.Head{}, all...)
	for after, want := range map[uint64][]migration.Record{0: all, 1: all[1:], 4: all[4:], 5: nil, 99: nil, 1<<64 - 1: nil} {
		got, err := s.Read(t.Context(), key, after)
		if err != nil || text(t, got) != text(t, want) {
			t.Errorf("read after %d = %d records, %v; want %d", after, len(got), err, len(want))
		}
	}
	// What is handed out is the reader's own.
	got, err := s.Read(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	got[1].Body[2], got[1].Reasons[0].Text = 'X', "forged"
	holds(t, s, key, all...)
}

func testRefused(t *testing.T, factory Factory) {
	s, _ := opened(t, factory)
	first := Declare(key)
	head := add(t, s, key, migration.Head{}, first)
	next := Seal(key, head, migration.KindNote, 0, `{}`)
	altered := next
	altered.Actor = "nobby"
	latin1 := next
	latin1.Reasons = []migration.Reason{{Text: "caf\xe9"}}
	latin1 = journal.Seal(head, latin1)
	spaced := next
	spaced.Body = []byte(`{ }`)
	older := Seal(key, migration.Head{}, migration.KindDeclared, 0, `{"file":"another"}`)
	tests := []struct {
		name string
		key  string
		prev migration.Head
		recs []migration.Record
		want error // nil: any
	}{
		{"nothing", key, head, nil, journal.ErrNothing},
		{"no name", "", migration.Head{}, []migration.Record{Declare("")}, nil},
		{"of another migration", "mended-drum", migration.Head{}, []migration.Record{first}, nil},
		{"not sealed behind the head", key, head, []migration.Record{first}, nil},
		{"altered after the seal", key, head, []migration.Record{altered}, nil},
		{"not UTF-8", key, head, []migration.Record{latin1}, nil},
		{"the first is no declaration", "mended-drum", migration.Head{},
			[]migration.Record{Seal("mended-drum", migration.Head{}, migration.KindNote, 0, `{}`)}, journal.ErrFirst},
		{"a second beginning", key, migration.Head{}, []migration.Record{older}, engine.ErrMoved},
		{"behind a head that never was", key, journal.HeadOf(next), Notes(key, journal.HeadOf(next), 1, 1), engine.ErrMoved},
		{"one good, one bad", key, head, []migration.Record{next, altered}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Append(t.Context(), tt.key, tt.prev, tt.recs...)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("append = %v, want %v", err, tt.want)
			}
			if errors.Is(err, engine.ErrDamaged) {
				t.Errorf("the caller's fault is called damage: %v", err)
			}
			holds(t, s, key, first)
		})
	}
	if names, err := s.List(t.Context()); err != nil || !slices.Equal(names, []string{key}) {
		t.Errorf("what was refused left a trace: %v, %v", names, err)
	}
	// Spaces in a body are not part of the record.
	if _, err := s.Append(t.Context(), key, head, journal.Seal(head, spaced)); err != nil {
		t.Errorf("a body with a space: %v", err)
	}
	if recs, err := s.Read(t.Context(), key, 1); err != nil || len(recs) != 1 {
		t.Errorf("a body with a space reads back as %d records, %v", len(recs), err)
	}
}

// testRace lets many writers append behind the same head: one wins each.
func testRace(t *testing.T, factory Factory) {
	const writers, rounds = 8, 5
	open := factory(t, NewClock().Now)
	s := handle(t, open)
	handles := []Store{s, handle(t, open), handle(t, open)}
	head := add(t, s, key, migration.Head{}, Declare(key))
	for round := range rounds {
		won := make(chan migration.Head, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				r := Seal(key, head, migration.KindNote, 0, fmt.Sprintf(`{"text":"writer %d"}`, w))
				got, err := handles[w%len(handles)].Append(t.Context(), key, head, r)
				switch {
				case err == nil:
					won <- got
				case !errors.Is(err, engine.ErrMoved):
					t.Errorf("a writer that came too late: %v, want ErrMoved", err)
				}
			})
		}
		wg.Wait()
		close(won)
		var winners []migration.Head
		for h := range won {
			winners = append(winners, h)
		}
		if len(winners) != 1 {
			t.Fatalf("round %d: %d writers won", round, len(winners))
		}
		head = winners[0]
	}
	if n, err := s.Verify(t.Context(), key); n != rounds+1 || err != nil {
		t.Errorf("verify = %d, %v; want %d", n, err, rounds+1)
	}
}

func testContext(t *testing.T, factory Factory) {
	s, _ := opened(t, factory)
	first := Declare(key)
	head := add(t, s, key, migration.Head{}, first)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	calls := map[string]func() error{
		"append": func() error {
			_, err := s.Append(ctx, key, head, Seal(key, head, migration.KindNote, 0, `{}`))
			return err
		},
		"read":    func() error { _, err := s.Read(ctx, key, 0); return err },
		"list":    func() error { _, err := s.List(ctx); return err },
		"verify":  func() error { _, err := s.Verify(ctx, key); return err },
		"acquire": func() error { _, err := s.Acquire(ctx, key, "angua", time.Minute); return err },
		"release": func() error { return s.Release(ctx, key, "angua") },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s past the deadline: %v", name, err)
		}
	}
	holds(t, s, key, first)
	if fence, err := s.Acquire(t.Context(), key, "carrot", time.Minute); fence != 1 || err != nil {
		t.Errorf("acquire = %d, %v: the one past its deadline has taken the lease", fence, err)
	}
}

func testReopen(t *testing.T, factory Factory) {
	clock := NewClock()
	open := factory(t, clock.Now)
	s := open()
	first := Declare(key)
	head := add(t, s, key, migration.Head{}, first)
	fence, err := s.Acquire(t.Context(), key, "angua", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close a second time: %v", err)
	}
	s = handle(t, open)
	holds(t, s, key, first)
	var held *engine.HeldError
	if _, err := s.Acquire(t.Context(), key, "carrot", time.Minute); !errors.As(err, &held) || held.Holder != "angua" {
		t.Errorf("the lease after a reopening: %v, want angua's", err)
	}
	r := Seal(key, head, migration.KindIntent, fence, `{}`)
	add(t, s, key, head, r)
	holds(t, s, key, first, r)
}
