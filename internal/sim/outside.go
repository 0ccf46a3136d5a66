package sim

import (
	"context"
	"time"

	"rehome.dev/rehome/internal/analysis"
	cluster "rehome.dev/rehome/internal/cluster/memory"
	dns "rehome.dev/rehome/internal/dns/memory"
	metrics "rehome.dev/rehome/internal/metrics/memory"
	"rehome.dev/rehome/internal/migration"
)

// zones, cells and counters are the ports of the world: the traffic up to now
// is played before anything in it changes or is counted.
type zones struct {
	*dns.Provider
	w *World
}

// Swap plays the traffic that still met the old records.
func (z zones) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	z.w.catchUp()
	return z.Provider.Swap(ctx, c)
}

type cells struct {
	*cluster.Cluster
	w *World
}

// Apply plays the traffic that still met the former pods.
func (c cells) Apply(ctx context.Context, s migration.Spec, a migration.Apply) (migration.Outcome, error) {
	c.w.catchUp()
	return c.Cluster.Apply(ctx, s, a)
}

// Remove plays the traffic that still met the pods.
func (c cells) Remove(ctx context.Context, s migration.Spec, a migration.Remove) (migration.Outcome, error) {
	c.w.catchUp()
	return c.Cluster.Remove(ctx, s, a)
}

// Scale plays the traffic that still met the pods.
func (c cells) Scale(ctx context.Context, s migration.Spec, a migration.Scale) (migration.Outcome, error) {
	c.w.catchUp()
	return c.Cluster.Scale(ctx, s, a)
}

type counters struct {
	*metrics.Source
	w *World
}

// Sample counts what has been answered up to now.
func (m counters) Sample(ctx context.Context, q migration.Metrics, at time.Time) analysis.Sample {
	m.w.catchUp()
	return m.Source.Sample(ctx, q, at)
}

// Baseline sums what has been answered up to now.
func (m counters) Baseline(ctx context.Context, q migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	m.w.catchUp()
	return m.Source.Baseline(ctx, q, at, over)
}
