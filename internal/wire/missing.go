package wire

import (
	"context"
	"errors"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// noDNS stands for a DNS provider that could not be made: every call says why,
// and nothing is done.
type noDNS struct{ why error }

func (m noDNS) Observe(context.Context, string, string, []string) (migration.ZoneFacts, error) {
	return migration.ZoneFacts{}, m.why
}

func (m noDNS) Swap(context.Context, migration.SwapRecords) (migration.Outcome, error) {
	return migration.OutcomeNotDone, m.why
}

// noCluster stands for a cluster that could not be made.
type noCluster struct{ why error }

func (m noCluster) Observe(context.Context, migration.Spec, migration.Env) (migration.ClusterFacts, error) {
	return migration.ClusterFacts{}, m.why
}

func (m noCluster) Apply(context.Context, migration.Spec, migration.Apply) (migration.Outcome, error) {
	return migration.OutcomeNotDone, m.why
}

func (m noCluster) Remove(context.Context, migration.Spec, migration.Remove) (migration.Outcome, error) {
	return migration.OutcomeNotDone, m.why
}

func (m noCluster) Scale(context.Context, migration.Spec, migration.Scale) (migration.Outcome, error) {
	return migration.OutcomeNotDone, m.why
}

func (m noCluster) Turn(context.Context, migration.Spec, migration.TurnReturnPath) (migration.Outcome, error) {
	return migration.OutcomeNotDone, m.why
}

func (m noCluster) Forward(context.Context, migration.Spec, migration.Env, string) (string, func(), error) {
	return "", nil, m.why
}

func (m noCluster) Logs(context.Context, migration.Spec, migration.Env, string, int64) (map[string][]byte, error) {
	return nil, m.why
}

// noMetrics stands for a source of metrics that could not be made: everything
// is unknown, which never passes.
type noMetrics struct{ why error }

func (m noMetrics) Sample(_ context.Context, _ migration.Metrics, at time.Time) analysis.Sample {
	return analysis.Sample{At: at, Missing: m.why.Error()}
}

func (m noMetrics) Baseline(context.Context, migration.Metrics, time.Time, time.Duration) (analysis.Baseline, error) {
	return analysis.Baseline{}, m.why
}

// errMissing is what a port answers that a registry does not have.
var errMissing = errors.New("this program has nothing that could look there")

// noMachines stands for machines of which no facts can be taken.
type noMachines struct{}

func (noMachines) Inventory(context.Context, migration.Spec, migration.Policy) (inventory.Report, error) {
	return inventory.Report{}, errMissing
}

// noLoader stands for load that cannot be sent: no return path counts as tried.
type noLoader struct{}

func (noLoader) Load(context.Context, string, []string, int, float64, time.Duration, migration.OldEntry) (migration.TrialResult, error) {
	return migration.TrialResult{}, errMissing
}

// noImages stands for images that cannot be looked at.
type noImages struct{}

func (noImages) Base(context.Context, migration.Workload, migration.Policy) (migration.BaseFacts, error) {
	return migration.BaseFacts{}, errMissing
}

// noDrills stands for drills that cannot be made: what staging reaches is unknown,
// and none is begun.
type noDrills struct{}

func (noDrills) Isolation(context.Context, migration.Spec, migration.Policy, inventory.Report) (migration.IsolationFacts, error) {
	return migration.IsolationFacts{}, errMissing
}

func (noDrills) Drill(context.Context, migration.Spec, migration.Policy, migration.RunDrill, inventory.Report) (migration.DrillResult, error) {
	return migration.DrillResult{}, errMissing
}
