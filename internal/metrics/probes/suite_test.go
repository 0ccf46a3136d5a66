package probes

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/migration"
)

// world makes probes by hand: instances are addresses, and an error is a status of 500
// that came at once.
type world struct {
	t    *testing.T
	port *Source
	now  time.Time
	done map[migration.Side]map[string]analysis.Counters
}

func newWorld(t *testing.T) metricstest.World {
	s, err := New(migration.Connection{Name: "probes"})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, port: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), done: map[migration.Side]map[string]analysis.Counters{}}
	s.now = func() time.Time { return w.now }
	s.stop = func() {} // nobody asks but the test
	for _, side := range sides {
		s.targets[side] = Targets{}
	}
	return w
}

func (w *world) Port() metricstest.Port { return w.port }
func (w *world) Now() time.Time         { return w.now }

func (w *world) Metrics() migration.Metrics {
	side := migration.SideMetrics{Requests: requestsMetric, Errors: errorsMetric, Latency: latencyMetric, Vantage: "application"}
	return migration.Metrics{Old: side, New: side}
}

// Set makes the probes that are missing for these counters.
func (w *world) Set(side migration.Side, address string, c analysis.Counters) {
	if w.done[side] == nil {
		w.done[side] = map[string]analysis.Counters{}
	}
	had := w.done[side][address]
	w.done[side][address] = c
	w.port.targets[side] = Targets{Addresses: []string{address}}
	w.port.edges = nil
	for _, b := range c.Buckets {
		w.port.edges = append(w.port.edges, b.LE)
	}
	w.now = w.now.Add(time.Second)
	failed, beforeNow, beforeThen := c.Errors-had.Errors, uint64(0), uint64(0)
	for i, b := range c.Buckets {
		then := uint64(0)
		if len(had.Buckets) > 0 {
			then = had.Buckets[i].Count
		}
		took := time.Duration(min(b.LE, 100) * float64(time.Second))
		for range (b.Count - beforeNow) - (then - beforeThen) {
			status := 200
			if failed > 0 {
				status, failed = 500, failed-1
			}
			w.port.take(side, address, status, took, nil)
		}
		beforeNow, beforeThen = b.Count, then
	}
	for side := range w.done {
		w.port.ended[side] = w.now
	}
	for range 2 {
		w.port.Sample(w.t.Context(), w.Metrics(), w.now)
		w.now = w.now.Add(time.Second)
	}
}

// Silence is what a side is whose probes do not end: this program stands still.
func (w *world) Silence(side migration.Side) {
	w.now = w.now.Add(time.Minute)
	for _, s := range sides {
		if s != side {
			w.port.ended[s] = w.now
		}
	}
}

func (w *world) Down() { w.port.Close() }

func TestSuite(t *testing.T) {
	metricstest.Run(t, newWorld,
		// What is counted here begins again only with the program, as other series.
		"a counter begins again", "a baseline over a counter that begins again")
}

// Where nobody knows whom to ask the side is missing; where there is nobody yet, the
// new one is empty.
func TestWhomToAsk(t *testing.T) {
	w := newWorld(t).(*world)
	w.Set(migration.OldSide, "a", analysis.Counters{Requests: 1, Buckets: []analysis.Bucket{{LE: math.Inf(1), Count: 1}}})
	w.port.unknown[migration.NewSide] = errors.New("the cluster does not answer")
	delete(w.port.targets, migration.NewSide)
	s := w.port.Sample(t.Context(), w.Metrics(), w.now)
	if want := "new side: requests probe_requests_total: nobody knows whom to ask: the cluster does not answer"; s.Missing != want {
		t.Errorf("%q", s.Missing)
	}
	w.port.unknown[migration.NewSide] = nil
	w.port.targets[migration.NewSide] = Targets{}
	if s := w.port.Sample(t.Context(), w.Metrics(), w.now); s.Missing != "" || s.New == nil || len(s.New) != 0 {
		t.Errorf("%+v", s)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s := w.port.Sample(ended, w.Metrics(), w.now); s.Missing == "" {
		t.Errorf("%+v", s)
	}
}
