package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/scan"
)

// bounds is how long an action may take before its outcome is unknown.
var bounds = map[string]time.Duration{
	"swap-records": 10 * time.Second,
	"apply":        30 * time.Second,
	"remove":       30 * time.Second,
	"scale":        10 * time.Second,
	"run-smoke":    5 * time.Minute,
	"save-logs":    20 * time.Second,
	"run-drill":    10 * time.Minute,

	"turn-return-path": strictBound,
	"try-return-path":  30 * time.Second, // and the policy's time for it
}

// act journals all intents and then carries them out one after the other.
func (e *Engine) act(ctx context.Context, d runbook.Act) error {
	recs := make([]migration.Record, 0, len(d.Intents))
	for i := range d.Intents {
		d.Intents[i].Fence = e.fence
		r, err := e.record(migration.KindIntent, d.Intents[i], d.Reasons)
		if err != nil {
			return err
		}
		recs = append(recs, r)
	}
	if err := e.append(ctx, recs...); err != nil {
		return err
	}
	for _, i := range d.Intents {
		if err := e.perform(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// perform looks again, acts, and journals the outcome. A change of records that
// the provider has accepted stays pending until every name server was seen to
// serve it. What a person said meanwhile supersedes the intent.
func (e *Engine) perform(ctx context.Context, i migration.Intent) error {
	e.observe(ctx, runbook.Recheck(e.state, i))
	if err := e.reload(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(e.state.Pending, func(p migration.Intent) bool { return p.ID == i.ID }) {
		return nil
	}
	if why := runbook.Confirm(e.state, i, e.facts, e.ports.Clock.Now()); len(why) > 0 {
		return e.outcome(ctx, i.ID, migration.OutcomeNotDone, migration.Result{Detail: "looked again: " + why[0].Text}, why)
	}
	began := e.ports.Clock.Now()
	out, res, err := e.do(ctx, i)
	e.forget() // whatever was seen, was seen before this
	if e.lost != nil {
		err, e.lost = e.lost, nil
		return err // somebody else says how it ended
	}
	res.Took = e.ports.Clock.Now().Sub(began)
	if err != nil {
		res.Detail = strings.TrimPrefix(res.Detail+"; "+err.Error(), "; ")
		e.notify(Event{At: e.ports.Clock.Now(), State: e.state, Err: err})
	}
	if _, swap := i.Action.(migration.SwapRecords); swap && out == migration.OutcomeDone {
		out, res.Detail = migration.OutcomeUnknown, "accepted; waiting until every name server serves it"
	}
	return e.outcome(ctx, i.ID, out, res, nil)
}

func (e *Engine) actBound(a migration.Action) time.Duration {
	bound := bounds[migration.ActionName(a)]
	if _, trial := a.(migration.TryReturnPath); trial {
		bound += e.state.Policy.Trial
	}
	return bound
}

func (e *Engine) do(ctx context.Context, i migration.Intent) (migration.Outcome, migration.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, e.within(e.actBound(i.Action)))
	defer cancel()
	var res migration.Result
	var out migration.Outcome
	var err error
	switch a := i.Action.(type) {
	case migration.SwapRecords:
		out, err = e.swap(ctx, a)
	case migration.Apply:
		out, err = e.ports.Cluster.Apply(ctx, e.state.Spec, a)
	case migration.Remove:
		out, err = e.ports.Cluster.Remove(ctx, e.state.Spec, a)
	case migration.Scale:
		out, err = e.ports.Cluster.Scale(ctx, e.state.Spec, a)
	case migration.RunSmoke:
		return e.smoke(ctx, a)
	case migration.SaveLogs:
		return e.saveLogs(ctx, a)
	case migration.RunDrill:
		return e.drill(ctx, a)
	case migration.TurnReturnPath:
		out, err = e.ports.Cluster.Turn(ctx, e.state.Spec, a)
	case migration.TryReturnPath:
		return e.tryReturnPath(ctx, a)
	default:
		err = fmt.Errorf("no executor for %s", migration.ActionName(i.Action))
		out = migration.OutcomeNotDone
	}
	return out, res, err
}

func (e *Engine) swap(ctx context.Context, a migration.SwapRecords) (migration.Outcome, error) {
	p, ok := e.ports.DNS[a.Provider]
	if !ok {
		return migration.OutcomeNotDone, fmt.Errorf("the policy has no DNS provider named %q", a.Provider)
	}
	return p.Swap(ctx, a)
}

// smoke runs the suite for every exposed workload: through a port-forward of
// its own, or by the production name.
func (e *Engine) smoke(ctx context.Context, a migration.RunSmoke) (migration.Outcome, migration.Result, error) {
	total := migration.SmokeResult{Via: a.Via}
	for _, w := range e.state.Spec.Exposed() {
		res, err := e.smokeOne(ctx, a, w)
		if err != nil {
			return migration.OutcomeNotDone, migration.Result{}, fmt.Errorf("smoke test of %s: %w", w.Name, err)
		}
		total.Ran += res.Ran
		total.Failed += res.Failed
		total.Names = append(total.Names, res.Names...)
		total.Detail = append(total.Detail, res.Detail...)
	}
	return migration.OutcomeDone, migration.Result{Smoke: &total}, nil
}

func (e *Engine) smokeOne(ctx context.Context, a migration.RunSmoke, w migration.Workload) (migration.SmokeResult, error) {
	host := productionHost(e.state.Spec, w.Name)
	if a.Via == migration.ViaProduction {
		return e.ports.Smoker.Smoke(ctx, e.state.Spec.Smoke, a.Via, productionURL(e.state.Spec, w), "")
	}
	url, closed, err := e.ports.Cluster.Forward(ctx, e.state.Spec, a.Env, w.Name)
	if err != nil {
		return migration.SmokeResult{}, err
	}
	defer closed()
	return e.ports.Smoker.Smoke(ctx, e.state.Spec.Smoke, a.Via, url, host)
}

// saveLogs keeps the pods' last words beside the incident, without what looks
// like a secret. What can be read is kept even where the rest cannot.
func (e *Engine) saveLogs(ctx context.Context, a migration.SaveLogs) (migration.Outcome, migration.Result, error) {
	logs, err := e.ports.Cluster.Logs(ctx, e.state.Spec, a.Env, a.Workload, 1000)
	if err != nil {
		err = fmt.Errorf("read the logs of %s: %w", a.Workload, err)
	}
	var res migration.Result
	redacted := 0
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		text, n := scan.Redact(logs[name])
		path, ferr := e.ports.Archive.Logs(ctx, e.key, a.Incident, name, text)
		if ferr != nil {
			err = errors.Join(err, ferr)
			continue
		}
		redacted += n
		res.Files = append(res.Files, path)
	}
	res.Detail = fmt.Sprintf("%d logs saved, %d values taken out that look like secrets", len(res.Files), redacted)
	if err != nil && len(res.Files) == 0 {
		return migration.OutcomeNotDone, res, err
	}
	return migration.OutcomeDone, res, err
}
