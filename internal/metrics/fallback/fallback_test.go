package fallback_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/fallback"
	"rehome.dev/rehome/internal/metrics/memory"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Metrics = (*fallback.Sources)(nil)

// world has two back ends in memory that show the same, of which one may be down from
// the beginning.
type world struct {
	first, second *memory.Source
	both          *fallback.Sources
	now           time.Time
	shown         map[migration.Side]map[string]analysis.Counters
}

func newWorld(downAtFirst bool) *world {
	w := &world{
		first: memory.New(time.Second), second: memory.New(time.Second), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		shown: map[migration.Side]map[string]analysis.Counters{migration.OldSide: {}, migration.NewSide: {}},
	}
	if downAtFirst {
		w.first.Down("connection refused")
	}
	w.both = fallback.New(w.first, w.second, time.Second)
	return w
}

func (w *world) Port() metricstest.Port { return alike{w.both} }
func (w *world) Now() time.Time         { return w.now }

func (w *world) Down() {
	w.first.Down("connection refused")
	w.second.Down("no route to host")
}

func (w *world) Metrics() migration.Metrics {
	side := func(job string) migration.SideMetrics {
		return migration.SideMetrics{Requests: "requests{" + job + "}", Errors: "errors{" + job + "}", Latency: "latency{" + job + "}", Vantage: "application"}
	}
	return migration.Metrics{Source: "main", Old: side("vm"), New: side("pods"), Fallback: migration.MetricsFallback{Source: "spare", Old: side("vm"), New: side("pods")}}
}

func (w *world) Set(side migration.Side, instance string, c analysis.Counters) {
	w.shown[side][instance] = c
	w.scrape(2)
}

func (w *world) scrape(times int) {
	for range times {
		w.now = w.now.Add(time.Second)
		for side, instances := range w.shown {
			for instance, c := range instances {
				w.first.Set(side, instance, w.now, c)
				w.second.Set(side, instance, w.now, c)
			}
		}
	}
}

func (w *world) Silence(side migration.Side) {
	w.shown[side] = nil
	w.scrape(4)
}

// alike asks both sources with the selectors of a case.
type alike struct{ *fallback.Sources }

func (a alike) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	m.Fallback.Old, m.Fallback.New = m.Old, m.New
	return a.Sources.Sample(ctx, m, at)
}

func (a alike) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	m.Fallback.Old, m.Fallback.New = m.Old, m.New
	return a.Sources.Baseline(ctx, m, at, over)
}

func TestFirstCarries(t *testing.T) {
	metricstest.Run(t, func(*testing.T) metricstest.World { return newWorld(false) })
}

func TestSecondCarries(t *testing.T) {
	metricstest.Run(t, func(*testing.T) metricstest.World { return newWorld(true) })
}

func TestWhoCarriesOn(t *testing.T) {
	w := newWorld(false)
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 10})
	look := func(want string) {
		t.Helper()
		w.scrape(1)
		if s := w.both.Sample(t.Context(), w.Metrics(), w.now); s.Source != want || (s.Missing == "") != (want != "") {
			t.Fatalf("%q, want %q: %s", s.Source, want, s.Missing)
		}
	}
	look("main")
	w.first.Down("connection refused")
	look("spare")
	w.first.Up()
	for range 5 {
		look("spare") // not at once: it may go again
	}
	w.first.Down("connection refused")
	look("spare")
	w.first.Up()
	for range 9 {
		look("spare")
	}
	look("main") // ten in a row
	w.first.Down("connection refused")
	look("spare")
	w.first.Up()
	w.second.Down("no route to host")
	look("main") // at once, where the second is blind
	w.first.Down("connection refused")
	look("")
	s := w.both.Sample(t.Context(), w.Metrics(), w.now)
	for _, word := range []string{"main: old side", "connection refused", "spare: old side", "no route to host"} {
		if !strings.Contains(s.Missing, word) {
			t.Errorf("%q is not in %s", word, s.Missing)
		}
	}
}

// silent answers when its context ends.
type silent struct{ fallback.Port }

func (silent) Sample(ctx context.Context, _ migration.Metrics, at time.Time) analysis.Sample {
	<-ctx.Done()
	return analysis.Sample{At: at, Missing: "no answer"}
}

// A first source that hangs does not keep the second from being asked.
func TestFirstHangs(t *testing.T) {
	w := newWorld(false)
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 10})
	both := fallback.New(silent{}, w.second, 20*time.Millisecond)
	for range 3 {
		if s := both.Sample(t.Context(), w.Metrics(), w.now); s.Source != "spare" || s.Missing != "" {
			t.Errorf("%+v", s)
		}
	}
}

// The past is told by the first source that can.
func TestPast(t *testing.T) {
	w := newWorld(false)
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 10})
	span := metrics.Span{From: w.now.Add(-time.Minute), To: w.now, Every: time.Second}
	for _, both := range []*fallback.Sources{w.both, fallback.New(silent{}, w.second, time.Second)} {
		telling, ok := both.Telling()
		if !ok {
			t.Fatal("nobody tells the past")
		}
		if p, err := telling.Past(t.Context(), w.Metrics(), span); err != nil || p.Empty() {
			t.Errorf("%v", err)
		}
	}
	if _, ok := fallback.New(silent{}, silent{}, time.Second).Telling(); ok {
		t.Error("somebody tells a past that nobody knows")
	}
}

func TestBaselineSaysWhose(t *testing.T) {
	w := newWorld(false)
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 10})
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 30})
	b, err := w.both.Baseline(t.Context(), w.Metrics(), w.now, time.Minute)
	if err != nil || !strings.HasPrefix(b.Source, "main: ") || b.Requests != 20 {
		t.Errorf("%+v, %v", b, err)
	}
	w.first.Down("connection refused")
	b, err = w.both.Baseline(t.Context(), w.Metrics(), w.now, time.Minute)
	if err != nil || !strings.HasPrefix(b.Source, "spare: ") || !strings.Contains(b.Source, "main had none: ") || b.Requests != 20 {
		t.Errorf("%+v, %v", b, err)
	}
	w.second.Down("no route to host")
	if _, err := w.both.Baseline(t.Context(), w.Metrics(), w.now, time.Minute); err == nil || !strings.Contains(err.Error(), "main: ") || !strings.Contains(err.Error(), "spare: ") {
		t.Errorf("%v", err)
	}
}
