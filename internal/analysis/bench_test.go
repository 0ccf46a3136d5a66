package analysis

import (
	"fmt"
	"testing"
	"time"
)

// pods returns the counters of several pods after some time, with histograms.
func pods(count int, seconds uint64) map[string]Counters {
	m := map[string]Counters{}
	for i := range count {
		n := 20 * seconds
		m[fmt.Sprintf("pod-%d", i)] = Counters{Requests: n, Errors: n / 1000, Buckets: []Bucket{
			{0.05, n * 50 / 100}, {0.1, n * 90 / 100}, {0.25, n * 98 / 100}, {0.3, n * 995 / 1000}, {0.5, n * 999 / 1000}, {inf, n},
		}}
	}
	return m
}

func fineBaseline() Baseline {
	n := uint64(90_000)
	return Baseline{Requests: n, Errors: 90, Dispersion: 1, Buckets: []Bucket{
		{0.05, n * 50 / 100}, {0.1, n * 90 / 100}, {0.25, n * 985 / 1000}, {0.3, n * 995 / 1000}, {0.5, n * 999 / 1000}, {inf, n},
	}}
}

func benchmarkStep(b *testing.B, series int, age uint64) {
	s := Start(DefaultConfig(), fineBaseline(), t0)
	for sec := uint64(0); sec < age; sec += 5 {
		s, _ = Step(s, Sample{At: t0.Add(time.Duration(sec) * time.Second), New: pods(series, sec)})
	}
	next := Sample{At: t0.Add(time.Duration(age) * time.Second), New: pods(series, age), Old: pods(1, age/10)}
	b.ReportMetric(float64(len(s.Epochs)), "epochs")
	b.ResetTimer()
	b.ReportAllocs()
	for b.Loop() {
		_, v := Step(s, next)
		if v.Kind == Blind {
			b.Fatal(v)
		}
	}
}

func BenchmarkStepFirstMinute(b *testing.B) { benchmarkStep(b, 5, 60) }
func BenchmarkStepWatch(b *testing.B)       { benchmarkStep(b, 5, 900) }
func BenchmarkStepHold(b *testing.B)        { benchmarkStep(b, 5, 4*3600) }
