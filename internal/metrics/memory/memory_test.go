package memory_test

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/memory"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Metrics = (*memory.Source)(nil)

// world scrapes once a second of its own time: whenever something is set,
// everything that is not silent is scraped twice.
type world struct {
	*memory.Source
	now   time.Time
	shown map[migration.Side]map[string]analysis.Counters
}

func newWorld(*testing.T) metricstest.World {
	return &world{
		Source: memory.New(time.Second), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		shown: map[migration.Side]map[string]analysis.Counters{migration.OldSide: {}, migration.NewSide: {}},
	}
}

func (w *world) Port() metricstest.Port { return w.Source }
func (w *world) Now() time.Time         { return w.now }
func (w *world) Down()                  { w.Source.Down("connection refused") }

func (w *world) Metrics() migration.Metrics {
	side := func(job string) migration.SideMetrics {
		return migration.SideMetrics{Requests: "requests{" + job + "}", Errors: "errors{" + job + "}", Latency: "latency{" + job + "}", Vantage: "application"}
	}
	return migration.Metrics{Old: side("vm"), New: side("pods")}
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
				w.Source.Set(side, instance, w.now, c)
			}
		}
	}
}

func (w *world) Silence(side migration.Side) {
	w.shown[side] = nil
	w.scrape(4)
}

func TestSuite(t *testing.T) { metricstest.Run(t, newWorld) }

func TestServeCountsInBuckets(t *testing.T) {
	s, at := memory.New(time.Second), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := (&world{}).Metrics()
	s.Serve(migration.OldSide, "vm", at, 100, 2, 30*time.Millisecond)
	s.Serve(migration.OldSide, "vm", at.Add(time.Second), 10, 0, time.Minute)
	c := s.Sample(t.Context(), m, at.Add(time.Second)).Old["{instance=vm}"]
	if c.Requests != 110 || c.Errors != 2 {
		t.Fatalf("%+v", c)
	}
	for _, b := range c.Buckets {
		want := uint64(100)
		switch {
		case b.LE < 0.03:
			want = 0
		case b.LE > 10:
			want = 110
		}
		if b.Count != want {
			t.Errorf("at most %v s: %d, want %d", b.LE, b.Count, want)
		}
	}
	before := s.Sample(t.Context(), m, at).Old["{instance=vm}"]
	if n := len(before.Buckets); before.Requests != 100 || before.Buckets[n-1].Count != 100 {
		t.Errorf("the past has changed: %+v", before)
	}
	s.Restart(migration.OldSide, "vm", at.Add(2*time.Second))
	s.Serve(migration.OldSide, "vm", at.Add(3*time.Second), 5, 5, time.Millisecond)
	b, err := s.Baseline(t.Context(), m, at.Add(3*time.Second), 3*time.Second)
	if err != nil || b.Requests != 15 || b.Errors != 5 {
		t.Errorf("over the restart: %+v, %v", b, err)
	}
}

func TestDownEndsWithUp(t *testing.T) {
	s, at := memory.New(time.Second), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := (&world{}).Metrics()
	s.Down("connection refused")
	s.Serve(migration.OldSide, "vm", at, 7, 0, time.Millisecond)
	if got := s.Sample(t.Context(), m, at); got.Missing == "" {
		t.Errorf("while it is down: %+v", got)
	}
	s.Up()
	if got := s.Sample(t.Context(), m, at); got.Old["{instance=vm}"].Requests != 7 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s, at := memory.New(time.Second), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := (&world{}).Metrics()
	for i := range 4 * 60 {
		s.Serve(migration.OldSide, "vm", at.Add(time.Duration(i)*time.Minute), 10, 0, time.Millisecond)
	}
	b, err := s.Baseline(t.Context(), m, at.Add(239*time.Minute), 24*time.Hour)
	if err != nil || b.Requests < 1200 || b.Requests > 1220 {
		t.Errorf("two hours of ten a minute: %+v, %v", b, err)
	}
}

// newPast is a world that has seen these scrapes.
func newPast(_ *testing.T, past []metricstest.Scrape) metricstest.World {
	w := newWorld(nil).(*world)
	w.Source = memory.New(metricstest.PastEvery)
	w.Keep(30 * 24 * time.Hour)
	for _, s := range past {
		w.Source.Set(migration.OldSide, s.Instance, w.now.Add(-s.Before), s.Counters)
	}
	return w
}

func TestPast(t *testing.T) { metricstest.RunPast(t, newPast) }
