package storetest

import (
	"errors"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

const ttl = 30 * time.Second

// take takes the lease, or ends the test.
func take(t *testing.T, s Store, holder string) uint64 {
	t.Helper()
	fence, err := s.Acquire(t.Context(), key, holder, ttl)
	if err != nil {
		t.Fatalf("%s takes the lease: %v", holder, err)
	}
	return fence
}

func testLease(t *testing.T, factory Factory) {
	t.Run("held, renewed, expired", func(t *testing.T) {
		s, clock := opened(t, factory)
		angua := take(t, s, "angua")
		if angua == 0 {
			t.Error("a fence of 0, which no acting record can carry")
		}
		clock.Advance(20 * time.Second)
		if again := take(t, s, "angua"); again != angua {
			t.Errorf("renewed: fence %d, want %d kept", again, angua)
		}
		clock.Advance(ttl - time.Nanosecond)
		_, err := s.Acquire(t.Context(), key, "carrot", ttl)
		var held *engine.HeldError
		if !errors.As(err, &held) || held.Holder != "angua" || !held.Until.Equal(clock.Now().Add(time.Nanosecond)) {
			t.Errorf("a moment before its end: %v, want it held by angua until then", err)
		}
		clock.Advance(time.Nanosecond)
		if carrot := take(t, s, "carrot"); carrot <= angua {
			t.Errorf("carrot's fence %d is not above angua's %d", carrot, angua)
		}
		if _, err := s.Acquire(t.Context(), key, "angua", ttl); !errors.As(err, &held) || held.Holder != "carrot" {
			t.Errorf("angua comes back: %v, want it held by carrot", err)
		}
	})
	t.Run("renewed late, with nobody between", func(t *testing.T) {
		s, clock := opened(t, factory)
		fence := take(t, s, "angua")
		clock.Advance(time.Hour)
		if again := take(t, s, "angua"); again != fence {
			t.Errorf("fence %d, want %d kept", again, fence)
		}
	})
	t.Run("given back", func(t *testing.T) {
		s, _ := opened(t, factory)
		angua := take(t, s, "angua")
		if err := s.Release(t.Context(), key, "carrot"); err != nil {
			t.Errorf("release by somebody else: %v", err)
		}
		if _, err := s.Acquire(t.Context(), key, "carrot", ttl); err == nil {
			t.Error("somebody else's release has ended the lease")
		}
		if err := s.Release(t.Context(), key, "angua"); err != nil {
			t.Errorf("release: %v", err)
		}
		if again := take(t, s, "angua"); again <= angua {
			t.Errorf("taken anew: fence %d, want one above %d", again, angua)
		}
	})
	t.Run("one per migration", func(t *testing.T) {
		s, _ := opened(t, factory)
		take(t, s, "angua")
		if _, err := s.Acquire(t.Context(), "mended-drum", "carrot", ttl); err != nil {
			t.Errorf("the lease of another migration: %v", err)
		}
		if names, err := s.List(t.Context()); err != nil || len(names) != 0 {
			t.Errorf("a lease alone is listed as a migration: %v, %v", names, err)
		}
	})
	t.Run("senseless", func(t *testing.T) {
		s, _ := opened(t, factory)
		for _, c := range []struct {
			key, holder string
			ttl         time.Duration
		}{{"", "angua", ttl}, {key, "", ttl}, {key, "angua", 0}, {key, "angua", -1}} {
			if _, err := s.Acquire(t.Context(), c.key, c.holder, c.ttl); err == nil {
				t.Errorf("acquire(%q, %q, %v) passed", c.key, c.holder, c.ttl)
			}
		}
	})
}

func testFence(t *testing.T, factory Factory) {
	acting := []migration.RecordKind{migration.KindMoved, migration.KindIntent, migration.KindOutcome, migration.KindEvidence}
	said := []migration.RecordKind{migration.KindDeclared, migration.KindWaived, migration.KindApproved, migration.KindRollback,
		migration.KindAbort, migration.KindIncident, migration.KindRCA, migration.KindOver, migration.KindNote}

	t.Run("acting needs the lease", func(t *testing.T) {
		s, clock := opened(t, factory)
		head := add(t, s, key, migration.Head{}, Declare(key))
		refuse := func(when string, fence uint64) {
			t.Helper()
			for _, kind := range acting {
				if _, err := s.Append(t.Context(), key, head, Seal(key, head, kind, fence, `{}`)); !errors.Is(err, engine.ErrFenced) {
					t.Errorf("%s, fence %d, %s: %v, want ErrFenced", when, fence, kind, err)
				}
			}
		}
		refuse("nobody ever had it", 0)
		refuse("nobody ever had it", 1)
		fence := take(t, s, "angua")
		refuse("a fence that is not the current one", fence+1)
		for _, kind := range acting {
			head = add(t, s, key, head, Seal(key, head, kind, fence, `{}`))
		}
		clock.Advance(time.Hour)
		head = add(t, s, key, head, Seal(key, head, migration.KindOutcome, fence, `{}`)) // nobody came meanwhile
		next := take(t, s, "carrot")
		refuse("somebody else has taken over", fence)
		head = add(t, s, key, head, Seal(key, head, migration.KindOutcome, next, `{}`))
		if err := s.Release(t.Context(), key, "carrot"); err != nil {
			t.Fatal(err)
		}
		refuse("given back", next)
	})
	t.Run("what a person says needs none", func(t *testing.T) {
		s, _ := opened(t, factory)
		head := add(t, s, key, migration.Head{}, Declare(key))
		take(t, s, "angua")
		for _, kind := range said {
			head = add(t, s, key, head, Seal(key, head, kind, 0, `{}`))
		}
	})
	for _, kind := range said {
		t.Run("the fence after "+string(kind), func(t *testing.T) {
			s, _ := opened(t, factory)
			old := add(t, s, key, migration.Head{}, Declare(key))
			fence := take(t, s, "angua")
			head := add(t, s, key, old, Seal(key, old, kind, 0, `{}`))
			// Behind the old head: that somebody took over is told before that
			// there is something new to fold.
			_, err := s.Append(t.Context(), key, old, Seal(key, old, migration.KindIntent, fence, `{}`))
			if !kind.RaisesFence() {
				if !errors.Is(err, engine.ErrMoved) {
					t.Errorf("the holder's next record: %v, want ErrMoved", err)
				}
				add(t, s, key, head, Seal(key, head, migration.KindIntent, fence, `{}`))
				return
			}
			if !errors.Is(err, engine.ErrFenced) {
				t.Errorf("the holder's next record: %v, want ErrFenced", err)
			}
			for f := range fence + 3 {
				if _, err := s.Append(t.Context(), key, head, Seal(key, head, migration.KindIntent, f, `{}`)); !errors.Is(err, engine.ErrFenced) {
					t.Errorf("acting under fence %d: %v, want ErrFenced until somebody takes the lease", f, err)
				}
			}
			if next := take(t, s, "carrot"); next <= fence+1 {
				t.Errorf("the next fence is %d; it was %d before the %s", next, fence, kind)
			}
		})
	}
	t.Run("behind a rollback in one append", func(t *testing.T) {
		s, _ := opened(t, factory)
		head := add(t, s, key, migration.Head{}, Declare(key))
		fence := take(t, s, "angua")
		before := Seal(key, head, migration.KindEvidence, fence, `{}`)
		rollback := Seal(key, journal.HeadOf(before), migration.KindRollback, 0, `{}`)
		after := Seal(key, journal.HeadOf(rollback), migration.KindMoved, fence, `{}`)
		if _, err := s.Append(t.Context(), key, head, before, rollback, after); !errors.Is(err, engine.ErrFenced) {
			t.Errorf("acting behind a rollback: %v, want ErrFenced", err)
		}
		holds(t, s, key, Declare(key))
		add(t, s, key, head, before, rollback)
	})
}
