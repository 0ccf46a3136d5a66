package engine

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// tryReturnPath sends load through the balancer of one workload, at the rate at which
// staging is drained.
func (e *Engine) tryReturnPath(ctx context.Context, a migration.TryReturnPath) (migration.Outcome, migration.Result, error) {
	spec := e.state.Spec
	facts := e.facts.Cluster[a.Env].Value
	for _, x := range facts.Exposures {
		if x.Workload != a.Workload || len(x.Addresses) == 0 {
			continue
		}
		host := productionHost(spec, a.Workload)
		rate := float64(cmp.Or(spec.Drills.Rate, defaultTrialRate))
		res, err := e.ports.Loader.Load(ctx, strings.TrimSuffix(host, "."), x.Addresses, int(x.Port), spec.OldEntry.ProbePath, rate, e.state.Policy.Trial)
		if err != nil {
			return migration.OutcomeNotDone, migration.Result{}, fmt.Errorf("try the return path of %s: %w", a.Workload, err)
		}
		res.Digest = a.Digest
		return migration.OutcomeDone, migration.Result{Trial: &res}, nil
	}
	return migration.OutcomeNotDone, migration.Result{}, fmt.Errorf("try the return path of %s: its balancer in namespace %s has no address", a.Workload, spec.Namespace(a.Env))
}

// defaultTrialRate is in requests a second, as that of the drill under load.
const defaultTrialRate = 50
