package analysis

import (
	"strings"
	"testing"
	"time"
)

// hist builds cumulative buckets from edge, count pairs and the total.
func hist(total uint64, pairs ...float64) []Bucket {
	var out []Bucket
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Bucket{pairs[i], uint64(pairs[i+1] * float64(total))})
	}
	return append(out, Bucket{inf, total})
}

func TestLatencyLimit(t *testing.T) {
	cases := []struct {
		name    string
		buckets []Bucket
		want    Limit
	}{
		{"p99 between 0.25 and 0.3", hist(90_000, 0.1, 0.9, 0.25, 0.985, 0.3, 0.995, 0.5, 0.999), Limit{0.25 * 1.2, 0.3 * 1.2}},
		{"an edge too close to the p99 is no bound", hist(90_000, 0.1, 0.9, 0.25, 0.9899, 0.3, 0.9901, 0.5, 0.999), Limit{0.1 * 1.2, 0.5 * 1.2}},
		{"few requests bound nothing from above", hist(300, 0.1, 0.9, 0.25, 1), Limit{0.1 * 1.2, 0}},
		{"all beyond the last edge", hist(90_000, 0.1, 0.5), Limit{0.1 * 1.2, 0}},
		{"no histogram", nil, Limit{}},
	}
	for _, c := range cases {
		got := latencyLimit(Baseline{Buckets: c.buckets, Dispersion: 1}, 1.2, 4.5e-5, 0.005)
		if !close(got.Low, c.want.Low) || !close(got.High, c.want.High) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLatencyVerdicts(t *testing.T) {
	edges := hist(90_000, 0.1, 0.9, 0.25, 0.985, 0.3, 0.995, 0.4, 0.998)
	coarse := hist(90_000, 0.1, 0.9, 0.5, 0.999)
	cases := []struct {
		name string
		base []Bucket
		now  []Bucket
		want VerdictKind
		why  string
	}{
		{"the same", edges, hist(90_000, 0.1, 0.9, 0.25, 0.985, 0.3, 0.995, 0.4, 0.998), Good, "certified"},
		{"p99 beyond 0.4", edges, hist(3000, 0.1, 0.9, 0.25, 0.93, 0.3, 0.94, 0.4, 0.95), Bad, "beyond the p99 limit"},
		{"p99 between the bounds", edges, hist(90_000, 0.1, 0.9, 0.25, 0.95, 0.3, 0.98, 0.4, 0.995), Unresolved, ""},
		{"BUCKET-EDGE: no edge between the p99 and the limit", coarse, hist(90_000, 0.1, 0.9, 0.5, 0.999), Unresolved, "no bucket edge"},
		{"BUCKET-EDGE: yet far beyond is seen", hist(90_000, 0.1, 0.9, 0.5, 0.999, 1, 0.9999), hist(3000, 0.1, 0.1, 0.5, 0.2, 1, 0.3), Bad, ""},
		{"the baseline has no histogram", nil, hist(90_000, 0.1, 1), Unresolved, "no latency histogram"},
		{"the new side has none", edges, nil, Unresolved, "no latency was counted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := Start(DefaultConfig(), Baseline{Requests: 90_000, Errors: 90, Buckets: c.base}, t0)
			n := uint64(90_000)
			if c.now != nil {
				n = c.now[len(c.now)-1].Count
			}
			_, v := steps(s, one(0, 0, 0), Sample{At: after(60), New: map[string]Counters{"b": {n, n / 1000, c.now}}})
			if v.Kind != c.want || v.Metric != LatencyP99 && v.Kind != Good || !strings.Contains(v.Why, c.why) {
				t.Errorf("got %+v, want %s with %q", v, c.want, c.why)
			}
		})
	}
}

func slowPods(at float64, n uint64, name string) Sample {
	return Sample{At: after(at), New: map[string]Counters{name: {n, 0, hist(n, 0.1, 0.1, 0.25, 0.1, 0.3, 0.1, 0.4, 0.1)}}}
}

func TestVantageLeavesOnlyLatencyUnresolved(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Vantage = "balancer"
	base := fineBaseline()
	base.Vantage = "access log"
	s, v := steps(Start(cfg, base, t0), one(0, 0, 0), slowPods(60, 90_000, "b"))
	if v.Kind != Unresolved || !strings.Contains(v.Why, "access log") {
		t.Errorf("slow from another vantage: %+v", v)
	}
	if _, v := Step(s, Sample{At: after(90), New: map[string]Counters{"b": {95_000, 4000, nil}}}); v.Kind != Bad || v.Metric != ErrorRate {
		t.Errorf("errors still count: %+v", v)
	}
}

func TestWarmUpExcludesLatencyNeverErrors(t *testing.T) {
	cfg := DefaultConfig()
	cfg.WarmUp = 30 * time.Second
	start, _ := steps(Start(cfg, fineBaseline(), t0), one(0, 0, 0))
	s, v := steps(start, slowPods(10, 1000, "b"), slowPods(39, 3000, "b"))
	if v.Kind != Unresolved || s.New.Sum.Timed != 0 || s.New.Sum.Requests != 3000 {
		t.Errorf("slow while warming up: %+v, %+v", v, s.New.Sum)
	}
	if _, v := steps(s, slowPods(41, 3200, "b"), slowPods(50, 5000, "b")); v.Kind != Bad || v.Metric != LatencyP99 {
		t.Errorf("slow afterwards: %+v", v)
	}
	failing := Sample{At: after(10), New: map[string]Counters{"b": {1000, 100, nil}}}
	if _, v := steps(start, failing); v.Kind != Bad || v.Metric != ErrorRate {
		t.Errorf("failing while warming up: %+v", v)
	}
}

func TestControlThatIsAsSlowExcusesLatency(t *testing.T) {
	slow := slowPods(60, 3000, "b")
	start, _ := steps(Start(DefaultConfig(), fineBaseline(), t0),
		Sample{At: t0, New: map[string]Counters{"b": {}}, Old: map[string]Counters{"vm": {}}})
	if _, v := Step(start, slow); v.Kind != Bad {
		t.Fatalf("without control: %+v", v)
	}
	slow.Old = slow.New
	if _, v := Step(start, slow); v.Kind != Unresolved || !strings.Contains(v.Why, "old side is as slow") {
		t.Errorf("with a slow control: %+v", v)
	}
}

func TestChangedEdgesAreNotCompared(t *testing.T) {
	s, _ := steps(Start(DefaultConfig(), fineBaseline(), t0), one(0, 0, 0), slowPods(10, 100, "b"))
	other := Sample{At: after(20), New: map[string]Counters{"b": {200, 0, hist(200, 0.05, 1)}}}
	s, _ = Step(s, other)
	if s.New.Sum.Timed != 100 {
		t.Errorf("timed %d over two layouts, want the 100 of the first", s.New.Sum.Timed)
	}
}

func TestHistogramIsPutInOrder(t *testing.T) {
	got := histogram([]Bucket{{inf, 9}, {0.5, 4}, {0.1, 5}, {0.5, 3}})
	want := []Bucket{{0.1, 5}, {0.5, 5}, {inf, 9}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v, want %v", got, want)
	}
}
