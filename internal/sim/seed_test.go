package sim

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

// TestSameSeed: the same seed gives the same journal, byte for byte, and another
// seed another one. The world that is told twice is not quiet: observations are
// made side by side, one of them hangs, and the process is killed.
func TestSameSeed(t *testing.T) {
	tell := func(seed uint64) []byte {
		var out []byte
		inBubble(t, func(t *testing.T) {
			o := shortOptions(BadImage)
			o.Seed = seed
			l := live(t, o, &faults.Rig{Choose: func(c faults.Call) faults.Fault {
				switch c.String() {
				case "watch-1/prober.probe.old.0":
					return faults.Hangs
				case "drain-1/journal.append.moved.0":
					return faults.KillAfter
				}
				return faults.None
			}})
			if err := l.drive(migration.ModeRolledBack); err != nil {
				t.Fatalf("%v\n%s", err, l.transcript())
			}
			out = journalOf(t, l.Story)
		})
		return out
	}
	first := tell(7)
	if again := tell(7); !bytes.Equal(first, again) {
		t.Error(differ(first, again))
	}
	if bytes.Equal(first, tell(8)) {
		t.Error("another seed gives the same journal")
	}
}

// TestSameSeedByItself is the same for the world's own clock.
func TestSameSeedByItself(t *testing.T) {
	tell := func(seed uint64) []byte {
		o := shortOptions(BadImage)
		o.Clock, o.Seed, o.Start = nil, seed, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		o.Policy.StandingWaivers = nil
		s, err := Begin(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.until(t.Context(), migration.ModeRolledBack); err != nil {
			t.Fatal(err)
		}
		return journalOf(t, s)
	}
	first := tell(7)
	if again := tell(7); !bytes.Equal(first, again) {
		t.Error(differ(first, again))
	}
	if bytes.Equal(first, tell(8)) {
		t.Error("another seed gives the same journal")
	}
}

func journalOf(t *testing.T, s *Story) []byte {
	recs, err := s.World.Journal.Read(t.Context(), s.key, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, r := range recs {
		if err := json.NewEncoder(&out).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// differ names the first record that is another one.
func differ(a, b []byte) string {
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(x), len(y)) {
		if !bytes.Equal(x[i], y[i]) {
			return "the same seed gives another journal:\n" + string(x[i]) + "\n" + string(y[i])
		}
	}
	return "the same seed gives a longer journal"
}

// BenchmarkPlay tells the whole procedure, both attempts.
func BenchmarkPlay(b *testing.B) {
	var records int
	for b.Loop() {
		records = 0
		if _, err := Play(b.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1, func(e engine.Event) {
			if e.Record != nil {
				records++
			}
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records), "records/op")
}
