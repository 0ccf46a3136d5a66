package metricstest

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// answered is what an instance shows after n quick, m slow and f failed requests;
// failed ones are quick.
func answered(n, m, f uint64) analysis.Counters {
	return analysis.Counters{Requests: n + m + f, Errors: f, Buckets: []analysis.Bucket{
		{LE: 0.1, Count: n + f}, {LE: 0.5, Count: n + m + f}, {LE: math.Inf(1), Count: n + m + f},
	}}
}

// shows demands exactly these instances, whatever they are called.
func shows(t *testing.T, what string, got map[string]analysis.Counters, want ...analysis.Counters) {
	t.Helper()
	var have []analysis.Counters
	for _, c := range got {
		have = append(have, c)
	}
	order := func(a, b analysis.Counters) int { return int(a.Requests) - int(b.Requests) }
	slices.SortFunc(have, order)
	slices.SortFunc(want, order)
	if got == nil || !reflect.DeepEqual(have, want) {
		t.Errorf("%s side: %+v, want %+v", what, got, want)
	}
}

// missing demands a reason that names the side, and no counters.
func missing(t *testing.T, s analysis.Sample, words ...string) {
	t.Helper()
	if s.Missing == "" || s.New != nil || s.Old != nil {
		t.Fatalf("want a missing sample, have %+v", s)
	}
	for _, word := range words {
		if !strings.Contains(s.Missing, word) {
			t.Errorf("the reason %q does not mention %q", s.Missing, word)
		}
	}
}

func exactByInstance(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(1000, 20, 3))
	w.Set(migration.OldSide, "b", answered(2000, 0, 1))
	w.Set(migration.NewSide, "a", answered(7, 1, 2))
	w.Set(migration.NewSide, "b", answered(90, 0, 0))
	s := sample(t, w)
	shows(t, "old", s.Old, answered(1000, 20, 3), answered(2000, 0, 1))
	shows(t, "new", s.New, answered(7, 1, 2), answered(90, 0, 0))
}

func errorsAppear(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	shows(t, "new", sample(t, w).New, answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 4))
	shows(t, "new", sample(t, w).New, answered(10, 0, 4))
}

func wholeBuckets(t *testing.T, w World) {
	c := analysis.Counters{Requests: 9, Buckets: []analysis.Bucket{{LE: 0.005, Count: 1}, {LE: 0.25, Count: 4}, {LE: math.Inf(1), Count: 9}}}
	w.Set(migration.OldSide, "a", c)
	shows(t, "old", sample(t, w).Old, c)
}

func noLatency(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(5, 5, 0))
	m := w.Metrics()
	m.Old.Latency, m.New.Latency = "", ""
	s := w.Port().Sample(t.Context(), m, w.Now())
	shows(t, "old", s.Old, analysis.Counters{Requests: 10})
}

func instanceAppears(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(50, 0, 0))
	before := sample(t, w).New
	w.Set(migration.NewSide, "b", answered(3, 0, 1))
	after := sample(t, w).New
	shows(t, "new", after, answered(50, 0, 0), answered(3, 0, 1))
	for key := range before {
		if after[key].Requests != 50 {
			t.Errorf("instance %s is called otherwise now: %v", key, after)
		}
	}
}

func counterReset(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(500, 20, 30))
	w.Set(migration.NewSide, "a", answered(4, 0, 0))
	// The former process's counter of errors must not be added to the new one's.
	shows(t, "new", sample(t, w).New, answered(4, 0, 0))
}

func emptyNewSide(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	shows(t, "new", sample(t, w).New)
}

func emptyOldSide(t *testing.T, w World) {
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	missing(t, w.Port().Sample(t.Context(), w.Metrics(), w.Now()), "old side", "requests", w.Metrics().Old.Requests)
}

func silentOldSide(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	w.Silence(migration.OldSide)
	missing(t, w.Port().Sample(t.Context(), w.Metrics(), w.Now()), "old side", w.Metrics().Old.Requests)
}

func silentNewSide(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	sample(t, w)
	w.Silence(migration.NewSide)
	missing(t, w.Port().Sample(t.Context(), w.Metrics(), w.Now()), "new side", w.Metrics().New.Requests)
}

func badQuery(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	for _, wrong := range []string{`http_requests_total{`, "rate(" + w.Metrics().New.Requests + "[1m])"} {
		for what, place := range map[string]func(*migration.Metrics) *string{
			"old side: requests": func(m *migration.Metrics) *string { return &m.Old.Requests },
			"old side: errors":   func(m *migration.Metrics) *string { return &m.Old.Errors },
			"new side: requests": func(m *migration.Metrics) *string { return &m.New.Requests },
			"new side: errors":   func(m *migration.Metrics) *string { return &m.New.Errors },
			"new side: latency":  func(m *migration.Metrics) *string { return &m.New.Latency },
		} {
			m := w.Metrics()
			*place(&m) = wrong
			missing(t, w.Port().Sample(t.Context(), m, w.Now()), what, wrong)
		}
	}
}

func undeclared(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	m := w.Metrics()
	m.New.Errors = ""
	missing(t, w.Port().Sample(t.Context(), m, w.Now()), "new side", "errors")
	m = w.Metrics()
	m.New.Requests = " "
	missing(t, w.Port().Sample(t.Context(), m, w.Now()), "new side", "requests")
}

func thePast(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	then := w.Now()
	w.Set(migration.OldSide, "a", answered(25, 0, 0))
	shows(t, "old", w.Port().Sample(t.Context(), w.Metrics(), then).Old, answered(10, 0, 0))
}

func deadBackEnd(t *testing.T, w World) {
	w.Set(migration.OldSide, "a", answered(10, 0, 0))
	w.Set(migration.NewSide, "a", answered(10, 0, 0))
	m, at := w.Metrics(), w.Now()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	missing(t, w.Port().Sample(ended, m, at), "old side", "new side")
	w.Down()
	missing(t, w.Port().Sample(t.Context(), m, at), "old side", "new side", m.Old.Requests, m.New.Requests)
	if b, err := w.Port().Baseline(t.Context(), m, at, time.Minute); err == nil {
		t.Errorf("a baseline from a dead back end: %+v", b)
	}
}
