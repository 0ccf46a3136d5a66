package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
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
		res, err := e.ports.Loader.Load(ctx, host, x.Addresses, int(x.Port), rate, cmp.Or(e.state.Policy.Trial, migration.DefaultPolicy().Trial), spec.OldEntry)
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

// strictBound is how long one call may take where what follows must not wait, and
// leastBound what is left to one that is begun at the last moment.
const (
	strictBound = 2 * time.Second
	leastBound  = 50 * time.Millisecond
)

// within shortens the bound of a call to what is left of the step, where its end does
// not wait for anything.
func (e *Engine) within(bound time.Duration) time.Duration {
	until, strict := runbook.GivesUp(e.state)
	if !strict {
		return bound
	}
	left := until.Sub(e.ports.Clock.Now())
	if left <= 0 {
		left = strictBound // it came late, and tries each thing once or twice
	}
	return max(min(bound, strictBound, left), leastBound)
}
