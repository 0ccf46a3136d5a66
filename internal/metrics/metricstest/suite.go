// Package metricstest is the one suite that every source of metrics passes: the
// one in memory is trusted because a real Prometheus behaves likewise.
//
// It must not know how a source works, only what it promises.
package metricstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// Port is what is tested: the engine's port of metrics.
type Port interface {
	Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample
	Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error)
}

// World is one back end with two sides, nothing of which has been scraped yet.
type World interface {
	Port() Port
	// Metrics names selectors that are right for this world. Its old vantage is
	// "application".
	Metrics() migration.Metrics
	// Now is a time by which everything done so far has been seen.
	Now() time.Time
	// Set makes an instance, "a" or "b", show these counters, and returns when
	// they have been scraped twice. Errors that are zero are not shown at all.
	Set(side migration.Side, instance string, c analysis.Counters)
	// Silence keeps all instances of a side from answering scrapes, those of other
	// worlds included, and returns when they have been silent for too long.
	Silence(side migration.Side)
	// Down stops the back end, for other worlds as well.
	Down()
}

type testCase struct {
	name string
	test func(*testing.T, World)
}

// Run runs the suite. Each case has a world of its own, but worlds may share
// their back end: the cases that break it come last and one by one. What a source
// does not promise by its nature is left out by name.
func Run(t *testing.T, newWorld func(t *testing.T) World, without ...string) {
	t.Run("whole", func(t *testing.T) {
		for _, c := range []testCase{
			{"counters are exact, by instance", exactByInstance},
			{"a counter of errors that does not exist is zero", errorsAppear},
			{"buckets are whole, +Inf included", wholeBuckets},
			{"without a latency selector there are no buckets", noLatency},
			{"an instance appears beside another", instanceAppears},
			{"a counter begins again", counterReset},
			{"an empty new side is not missing", emptyNewSide},
			{"an empty old side is missing", emptyOldSide},
			{"a query that is none is missing", badQuery},
			{"a selector that is not declared is missing", undeclared},
			{"the past can be asked", thePast},
			{"a baseline is the growth in its time", baselineGrowth},
			{"a baseline over a counter that begins again", baselineReset},
			{"a baseline counts a new series from zero", baselineNewSeries},
			{"a baseline starts a new instance with its first scrape", baselineNewInstance},
			{"a baseline's dispersion tells bursts", baselineBursts},
			{"a baseline says what it covers", baselineCovers},
			{"no baseline of nothing", noBaseline},
		} {
			if i := slices.Index(without, c.name); i >= 0 {
				without = slices.Delete(without, i, i+1)
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t, newWorld(t))
			})
		}
		if len(without) > 0 {
			t.Errorf("there are no cases %q", without)
		}
	})
	t.Run("broken", func(t *testing.T) {
		for _, c := range []testCase{
			{"a silent old side is missing", silentOldSide},
			{"a silent new side is missing", silentNewSide},
			{"no baseline of a silent side", noBaselineOfSilence},
			{"a dead back end is missing, never zero", deadBackEnd},
		} {
			t.Run(c.name, func(t *testing.T) { c.test(t, newWorld(t)) })
		}
	})
}

func sample(t *testing.T, w World) analysis.Sample {
	t.Helper()
	at := w.Now()
	s := w.Port().Sample(t.Context(), w.Metrics(), at)
	if s.Missing != "" {
		t.Fatalf("missing: %s", s.Missing)
	}
	if !s.At.Equal(at) {
		t.Fatalf("sample of %s, asked for %s", s.At, at)
	}
	return s
}

func baseline(t *testing.T, w World, since time.Time) analysis.Baseline {
	t.Helper()
	at := w.Now()
	b, err := w.Port().Baseline(t.Context(), w.Metrics(), at, at.Sub(since))
	if err != nil {
		t.Fatal(err)
	}
	if !b.At.Equal(at) {
		t.Errorf("baseline of %s, asked for %s", b.At, at)
	}
	return b
}
