package sim

import (
	"context"
	"time"

	"rehome.dev/rehome/internal/analysis"
	cluster "rehome.dev/rehome/internal/cluster/memory"
	dns "rehome.dev/rehome/internal/dns/memory"
	drill "rehome.dev/rehome/internal/drill/memory"
	"rehome.dev/rehome/internal/inventory"
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

// Turn plays the traffic that still met the other side.
func (c cells) Turn(ctx context.Context, s migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error) {
	c.w.catchUp()
	return c.Cluster.Turn(ctx, s, a)
}

// drills are made where the cluster can be reached.
type drills struct {
	*drill.Drills
	w *World
}

// Isolation looks at the pods, if there are any to be seen.
func (d drills) Isolation(ctx context.Context, s migration.Spec, p migration.Policy, machines inventory.Report) (migration.IsolationFacts, error) {
	if _, err := d.w.Cluster.Observe(ctx, s, migration.Staging); err != nil {
		return migration.IsolationFacts{}, err
	}
	return d.Drills.Isolation(ctx, s, p, machines)
}

// Drill makes an experiment on the pods.
func (d drills) Drill(ctx context.Context, s migration.Spec, p migration.Policy, a migration.RunDrill, machines inventory.Report) (migration.DrillResult, error) {
	if _, err := d.w.Cluster.Observe(ctx, s, a.Env); err != nil {
		return migration.DrillResult{}, err
	}
	return d.Drills.Drill(ctx, s, p, a, machines)
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
