package metricstest

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// sums demands these counts of a baseline.
func sums(t *testing.T, b analysis.Baseline, want analysis.Counters) {
	t.Helper()
	if got := (analysis.Counters{Requests: b.Requests, Errors: b.Errors, Buckets: b.Buckets}); !reflect.DeepEqual(got, want) {
		t.Errorf("baseline %+v, want %+v", got, want)
	}
	if b.Dispersion < 1 || math.IsNaN(b.Dispersion) || math.IsInf(b.Dispersion, 0) {
		t.Errorf("dispersion %v", b.Dispersion)
	}
}

func baselineGrowth(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 100, 10))
	w.Set(migration.OldSide, "b", answered(500, 0, 5))
	start := w.Now()
	w.Set(migration.OldSide, "a", answered(1200, 104, 11))
	w.Set(migration.OldSide, "b", answered(900, 2, 5))
	w.Set(migration.OldSide, "a", answered(1201, 105, 13))
	b := baseline(t, w, start)
	sums(t, b, answered(201+400, 5+2, 3))
	m := w.Metrics()
	if b.Vantage != "application" {
		t.Errorf("vantage %q", b.Vantage)
	}
	for _, word := range []string{m.Old.Requests, m.Old.Errors} {
		if !strings.Contains(b.Source, word) {
			t.Errorf("the source %q does not mention %s", b.Source, word)
		}
	}
	m.Old.Latency = ""
	b, err := w.Port().Baseline(t.Context(), m, b.At, b.At.Sub(start))
	if err != nil || b.Buckets != nil || b.Requests != 611 {
		t.Errorf("without a latency selector: %+v, %v", b, err)
	}
}

func baselineReset(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 100, 50))
	start := w.Now()
	w.Set(migration.OldSide, "a", answered(1010, 100, 52))
	w.Set(migration.OldSide, "a", answered(7, 1, 3))
	w.Set(migration.OldSide, "a", answered(9, 1, 3))
	sums(t, baseline(t, w, start), answered(10+9, 1, 2+3))
}

func baselineNewSeries(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 0, 0))
	start := w.Now()
	w.Set(migration.OldSide, "a", answered(1010, 0, 0))
	w.Set(migration.OldSide, "a", answered(1010, 0, 6))
	sums(t, baseline(t, w, start), answered(10, 0, 6))
}

func baselineNewInstance(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 0, 0))
	start := w.Now()
	w.Set(migration.OldSide, "b", answered(5_000_000, 300, 200))
	w.Set(migration.OldSide, "a", answered(1001, 0, 0))
	w.Set(migration.OldSide, "b", answered(5_000_002, 301, 203))
	sums(t, baseline(t, w, start), answered(3, 1, 3))
}

func baselineBursts(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(100, 0, 1))
	w.Set(migration.OldSide, "b", answered(100, 0, 1))
	start := w.Now()
	for i := range uint64(12) {
		w.Set(migration.OldSide, "a", answered(200+100*i, 0, 1))
	}
	w.Set(migration.OldSide, "a", answered(1400, 0, 401))
	b := baseline(t, w, start)
	sums(t, b, answered(1300, 0, 400))
	if b.Dispersion < 100 {
		t.Errorf("four hundred errors at once have dispersion %v", b.Dispersion)
	}
}

func baselineCovers(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 0, 9))
	w.Set(migration.OldSide, "a", answered(1005, 0, 9))
	at := w.Now()
	b, err := w.Port().Baseline(t.Context(), w.Metrics(), at, 26*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	sums(t, b, answered(5, 0, 0))
	if !strings.Contains(b.Source, "covers") || !strings.Contains(b.Source, "of 26h0m0s") {
		t.Errorf("the source does not say what it covers: %s", b.Source)
	}
}

// refused demands an error.
func refused(t *testing.T, w World, what string, m migration.Metrics, at time.Time, over time.Duration) {
	t.Helper()
	if b, err := w.Port().Baseline(t.Context(), m, at, over); err == nil {
		t.Errorf("%s: a baseline: %+v", what, b)
	}
}

func noBaseline(t *testing.T, w World) {
	m := w.Metrics()
	refused(t, w, "never scraped", m, w.Now(), time.Minute)
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.OldSide, "a", answered(20, 0, 0))
	at := w.Now()
	refused(t, w, "no time", m, at, 0)
	refused(t, w, "before it was scraped", m, at.Add(-time.Hour), time.Minute)
	wrong := m
	wrong.Old.Errors = "rate(" + m.Old.Requests + ")"
	refused(t, w, "a wrong query", wrong, at, time.Minute)
}

func noBaselineOfSilence(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.OldSide, "a", answered(20, 0, 0))
	w.Silence(migration.OldSide)
	refused(t, w, "a silent side", w.Metrics(), w.Now(), time.Minute)
}
