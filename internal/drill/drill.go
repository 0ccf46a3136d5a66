package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
	"rehome.dev/rehome/internal/migration"
)

// Drills makes the experiments. Bench is needed; what else is nil makes the drills
// that need it Unknown.
type Drills struct {
	Bench    func(migration.Spec) Bench
	Machines Machines
	Smoke    Smoker
	// Attack makes a load; nil is load.Attack.
	Attack func(context.Context, load.Options) (inventory.Load, error)
	// Resolve gives the addresses of a name, as seen from here.
	Resolve func(ctx context.Context, name string) ([]string, error)
	// Every is the time between two looks, and Patience bounds the wait for a pod
	// and for the way back; 0 is half a second and five minutes.
	Every, Patience time.Duration

	last lastLook
}

const (
	defaultEvery    = 500 * time.Millisecond
	defaultPatience = 5 * time.Minute
	// agentLife is how long the agent stays in a pod at most: longer than a drill.
	agentLife = 10 * time.Minute
	// requestTime bounds one request of a drill.
	requestTime = 10 * time.Second
)

// experiments are the drills, by name.
var experiments = map[migration.StagingDrill]func(*trial, context.Context) outcome{
	migration.DrillRoundTrip: (*trial).roundTrip,
	migration.DrillLogs:      (*trial).logs,
	migration.DrillReplace:   (*trial).replace,
	migration.DrillSession:   (*trial).session,
	migration.DrillTruth:     (*trial).truth,
	migration.DrillDrain:     (*trial).drain,
	migration.DrillReadOnly:  (*trial).readOnly,
	migration.DrillDial:      (*trial).dial,
}

// trial is one experiment.
type trial struct {
	*Drills
	spec     migration.Spec
	policy   migration.Policy
	workload migration.Workload
	machines inventory.Report
	bench    Bench
	client   *http.Client
	disturbs bool // pods were taken away
}

// Drill makes one experiment. See engine.Drills.
func (d *Drills) Drill(ctx context.Context, spec migration.Spec, policy migration.Policy, a migration.RunDrill, machines inventory.Report) (migration.DrillResult, error) {
	w, ok := spec.Workload(a.Workload)
	experiment, known := experiments[a.Drill]
	switch {
	case !ok:
		return migration.DrillResult{}, fmt.Errorf("drill %s: there is no workload %q", a.Drill, a.Workload)
	case !known:
		return migration.DrillResult{}, fmt.Errorf("there is no drill %q", a.Drill)
	}
	if err := inStaging(spec, a.Env); err != nil {
		return migration.DrillResult{}, fmt.Errorf("drill %s: %w", a.Drill, err)
	}
	t := &trial{Drills: d, spec: spec, policy: policy, workload: w, machines: machines, bench: d.Bench(spec), client: newClient()}
	if _, err := t.bench.Sweep(ctx); err != nil {
		return migration.DrillResult{}, fmt.Errorf("drill %s: remove what an earlier one has left: %w", a.Drill, err)
	}
	defer d.forget()
	began := time.Now()
	out := experiment(t, ctx)
	if ctx.Err() != nil {
		out = unknown("It was ended before it was over.", "make it again", out.evidence...)
	}
	out = t.giveBack(ctx, out)
	return migration.DrillResult{
		Drill: a.Drill, Workload: a.Workload, Verdict: out.verdict, Text: out.text, Evidence: bounded(out.evidence), Remedy: out.remedy,
		Began: began, Took: time.Since(began), Digest: spec.WorkloadDigest(a.Env, a.Workload),
	}, nil
}

// inStaging keeps drills where nobody is served.
func inStaging(spec migration.Spec, env migration.Env) error {
	ns := spec.Namespace(migration.Staging)
	switch {
	case env != migration.Staging:
		return fmt.Errorf("it is made in %s and not in %s", migration.Staging, env)
	case ns == "":
		return errors.New("the migration names no staging namespace")
	case ns == spec.Namespace(migration.Production):
		return errors.New("staging and production are one namespace")
	}
	return nil
}

func (d *Drills) patience() time.Duration { return cmp.Or(d.Patience, defaultPatience) }

// giveBack removes what the drill made, and returns when the workload has its pods
// again. It is bounded by itself, since ctx may have ended.
func (t *trial) giveBack(ctx context.Context, out outcome) outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.patience())
	defer cancel()
	if _, err := t.bench.Sweep(ctx); err != nil {
		out = out.marred("What the drill made is left in the namespace.", "make a drill again: it removes it", err)
	}
	if t.disturbs {
		if _, err := t.whole(ctx); err != nil {
			out = out.marred("The workload has not all of its pods again.", "look at the pods in "+t.spec.Namespace(migration.Staging), err)
		}
	}
	return out
}

// whole waits until the workload has all its pods, ready, and no other.
func (t *trial) whole(ctx context.Context) ([]Pod, error) {
	var list []Pod
	err := t.await(ctx, func(ctx context.Context) error {
		var err error
		if list, err = t.bench.Pods(ctx, t.workload.Name); err != nil {
			return err
		}
		ready, trouble := 0, ""
		for _, p := range list {
			if p.Ready {
				ready++
			}
			if p.Trouble != "" {
				trouble = ": " + p.Trouble
			}
		}
		if ready != len(list) || ready != int(t.workload.Replicas) {
			return fmt.Errorf("%d of %d pods are ready, wanted %d%s", ready, len(list), t.workload.Replicas, trouble)
		}
		return nil
	})
	return list, err
}

// await looks until look is content, at most as long as Patience. Its error is that
// of the last look.
func (t *trial) await(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience())
	defer cancel()
	for {
		err := look(ctx)
		if err == nil {
			return nil
		}
		if !t.pause(ctx) {
			return err
		}
	}
}

// errSilent is that a log did not grow.
var errSilent = errors.New("nothing was logged")

// fewLooks is how often few looks: what is written comes out within seconds.
const fewLooks = 6

// few is await for what comes soon or not at all.
func (t *trial) few(ctx context.Context, look func(context.Context) error) error {
	for n := 1; ; n++ {
		err := look(ctx)
		if err == nil || n == fewLooks || !t.pause(ctx) {
			return err
		}
	}
}

// pause waits for the next look; false is that there is none.
func (t *trial) pause(ctx context.Context) bool {
	timer := time.NewTimer(cmp.Or(t.Every, defaultEvery))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
