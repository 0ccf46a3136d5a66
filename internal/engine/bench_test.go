package engine_test

import (
	"path/filepath"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
	"rehome.dev/rehome/internal/store/sqlite"
)

// BenchmarkEngineStepMemory measures one turn of the loop, averaged over whole
// moves in a virtual world with little traffic.
func BenchmarkEngineStepMemory(b *testing.B) {
	steps(b, func(w *sim.World) engine.Journal { return w.Journal })
}

// BenchmarkEngineStepSQLite is the same with every record synced to a disk.
func BenchmarkEngineStepSQLite(b *testing.B) {
	steps(b, func(w *sim.World) engine.Journal {
		s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"), w.Clock.Now)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		return s
	})
}

func steps(b *testing.B, journal func(*sim.World) engine.Journal) {
	var e *engine.Engine
	var w *sim.World
	for b.Loop() {
		if e == nil {
			b.StopTimer()
			w, e = declared(b, journal)
			b.StartTimer()
		}
		d, err := e.Step(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		switch d := d.(type) {
		case runbook.Watch:
			err = w.Clock.Sleep(b.Context(), d.Every)
		case runbook.Wait:
			err = w.Clock.Sleep(b.Context(), d.Until.Sub(w.Clock.Now()))
		case runbook.Finished:
			e = nil
		case runbook.Block, runbook.Ask:
			b.Fatal(runbook.DecisionName(d), d.Why())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

// declared is a migration at its beginning.
func declared(b *testing.B, journal func(*sim.World) engine.Journal) (*sim.World, *engine.Engine) {
	s, err := sim.Begin(b.Context(), options(nil, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), nil)
	if err != nil {
		b.Fatal(err)
	}
	recs, err := s.World.Journal.Read(b.Context(), "royal-bank-api", 0)
	if err != nil {
		b.Fatal(err)
	}
	ports := s.World.Ports()
	if j := journal(s.World); j != ports.Journal {
		ports.Journal = j
		if _, err := j.Append(b.Context(), "royal-bank-api", migration.Head{}, recs...); err != nil {
			b.Fatal(err)
		}
	}
	return s.World, engine.New(ports, "royal-bank-api", "bench", nil)
}
