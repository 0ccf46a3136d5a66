package storetest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/memory"
	"rehome.dev/rehome/internal/store/sqlite"
	"rehome.dev/rehome/internal/store/storetest"
)

// TestMain tries 40 histories, because each step is synced to the disk, unless
// -rapid.checks asks for another number.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "40"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestStoresAgree does the same random things to both stores, which must answer
// alike, and keeps its own account of what no store may get wrong: the fence
// never falls, an acting record is kept only under the fence of the last grant,
// and what was acknowledged stays.
func TestStoresAgree(t *testing.T) {
	dir, run := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		clock := storetest.NewClock()
		path := filepath.Join(dir, fmt.Sprint(run), "journal.db")
		open := func() *sqlite.Store {
			s, err := sqlite.Open(t.Context(), path, clock.Now)
			if err != nil {
				rt.Fatal(err)
			}
			return s
		}
		w := &world{t: t, clock: clock, memory: memory.New(clock.Now), sqlite: open(), last: map[string]grant{}, kept: map[string][]migration.Record{}}
		defer func() { w.sqlite.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"append":  w.append,
			"acquire": w.acquire,
			"release": w.release,
			"advance": func(rt *rapid.T) { clock.Advance(time.Duration(rapid.IntRange(0, 40).Draw(rt, "s")) * time.Second) },
			"reopen": func(rt *rapid.T) {
				if err := w.sqlite.Close(); err != nil {
					rt.Fatal(err)
				}
				w.sqlite = open()
			},
			"": w.check,
		})
	})
}

type grant struct {
	fence uint64
	ended bool // by a rollback, an abort or a release
	by    string
}

type world struct {
	t      *testing.T
	clock  *storetest.Clock
	memory *memory.Store
	sqlite *sqlite.Store
	last   map[string]grant
	kept   map[string][]migration.Record
}

var (
	keys    = rapid.SampledFrom([]string{"a", "b"})
	holders = rapid.SampledFrom([]string{"angua", "carrot"})
	kinds   = rapid.SampledFrom([]migration.RecordKind{
		migration.KindIntent, migration.KindIntent, migration.KindOutcome, migration.KindEvidence, migration.KindMoved,
		migration.KindNote, migration.KindApproved, migration.KindRollback, migration.KindAbort, migration.KindDeclared,
	})
)

func (w *world) append(rt *rapid.T) {
	key := keys.Draw(rt, "key")
	kept := w.kept[key]
	var prev migration.Head
	back := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(rt, "back")
	if at := len(kept) - back; at > 0 {
		prev = journal.HeadOf(kept[at-1])
	}
	var recs []migration.Record
	for range rapid.IntRange(1, 3).Draw(rt, "n") {
		kind := kinds.Draw(rt, "kind")
		if prev.Seq == 0 && len(recs) == 0 {
			kind = migration.KindDeclared
		}
		fence := w.last[key].fence + rapid.SampledFrom([]uint64{0, 0, 0, 0, 1, ^uint64(0)}).Draw(rt, "off")
		recs = append(recs, migration.Record{
			Migration: key, At: w.clock.Now(), Kind: kind, Actor: rapid.StringN(1, 8, -1).Draw(rt, "actor"), Fence: fence,
		})
	}
	recs = journal.SealAll(prev, recs)
	h1, err1 := w.memory.Append(w.t.Context(), key, prev, recs...)
	h2, err2 := w.sqlite.Append(w.t.Context(), key, prev, recs...)
	if h1 != h2 || kind(err1) != kind(err2) {
		rt.Fatalf("append: memory %v, %v; sqlite %v, %v", h1, err1, h2, err2)
	}
	if err1 != nil {
		return
	}
	if back > 0 && len(kept) > 0 {
		rt.Fatalf("an append %d records behind the head was accepted", back)
	}
	for _, r := range recs {
		g := w.last[key]
		if r.Kind.Acting() && (g.ended || g.by == "" || r.Fence != g.fence) {
			rt.Fatalf("a record of fence %d was accepted; the last grant is %+v", r.Fence, g)
		}
		if r.Kind.RaisesFence() {
			g.ended = true
			w.last[key] = g
		}
	}
	w.kept[key] = append(kept, recs...)
}

func (w *world) acquire(rt *rapid.T) {
	key, holder := keys.Draw(rt, "key"), holders.Draw(rt, "holder")
	ttl := time.Duration(rapid.IntRange(1, 30).Draw(rt, "ttl")) * time.Second
	f1, err1 := w.memory.Acquire(w.t.Context(), key, holder, ttl)
	f2, err2 := w.sqlite.Acquire(w.t.Context(), key, holder, ttl)
	if f1 != f2 || kind(err1) != kind(err2) {
		rt.Fatalf("acquire: memory %d, %v; sqlite %d, %v", f1, err1, f2, err2)
	}
	if err1 != nil {
		return
	}
	g := w.last[key]
	if f1 < g.fence || f1 == g.fence && (g.by != holder || g.ended) {
		rt.Fatalf("%s is given fence %d after the grant %+v", holder, f1, g)
	}
	w.last[key] = grant{fence: f1, by: holder}
}

func (w *world) release(rt *rapid.T) {
	key, holder := keys.Draw(rt, "key"), holders.Draw(rt, "holder")
	if err := errors.Join(w.memory.Release(w.t.Context(), key, holder), w.sqlite.Release(w.t.Context(), key, holder)); err != nil {
		rt.Fatal(err)
	}
	if g := w.last[key]; g.by == holder {
		g.ended = true
		w.last[key] = g
	}
}

// check compares all that can be read with all that was acknowledged.
func (w *world) check(rt *rapid.T) {
	for key, want := range w.kept {
		after := uint64(rapid.IntRange(0, len(want)+1).Draw(rt, "after"))
		want = want[min(after, uint64(len(want))):]
		for _, s := range []storetest.Store{w.memory, w.sqlite} {
			got, err := s.Read(w.t.Context(), key, after)
			if err != nil || text(got) != text(want) {
				rt.Fatalf("%T: read of %s after %d: %v\n%s\nwant\n%s", s, key, after, err, text(got), text(want))
			}
		}
	}
	l1, err1 := w.memory.List(w.t.Context())
	l2, err2 := w.sqlite.List(w.t.Context())
	if fmt.Sprint(l1) != fmt.Sprint(l2) || len(l1) != len(w.kept) || err1 != nil || err2 != nil {
		rt.Fatalf("list: memory %v, %v; sqlite %v, %v", l1, err1, l2, err2)
	}
}

func text(recs []migration.Record) string {
	b, err := json.Marshal(recs)
	if err != nil || len(recs) == 0 {
		return fmt.Sprint(err)
	}
	return string(b)
}

// kind is what of an error both stores must agree on.
func kind(err error) string {
	var held *engine.HeldError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &held):
		return held.Error()
	case errors.Is(err, engine.ErrFenced):
		return "fenced"
	case errors.Is(err, engine.ErrMoved):
		return "moved"
	}
	return err.Error()
}
