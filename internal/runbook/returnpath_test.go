package runbook

import (
	"maps"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func forwarders(env migration.Env, change func(*migration.ReturnPathFacts)) func(*play) {
	return func(p *play) { p.w.forwarders(env, change) }
}

func exposures(change func(*migration.ExposureFacts)) func(*play) {
	return func(p *play) { p.w.changeExposures(migration.Production, change) }
}

// trial changes the newest trial in production.
func trial(change func(*Observation[migration.TrialResult])) func(*play) {
	return func(p *play) {
		k := trialKey(migration.Production, key)
		got := p.s.Trials[k]
		change(&got)
		p.s.Trials = maps.Clone(p.s.Trials)
		p.s.Trials[k] = got
	}
}

func TestTried(t *testing.T) {
	gone := func(p *play) { p.w.remove(migration.Production, migration.PartReturnPath, key) }
	checkGuard(t, tried(migration.Production), []guardCase{
		{"stands and was tried", migration.StepGo, nil, nil, "pass"},
		{"the cluster is away", migration.StepGo, unseenCluster, nil, "unknown, watches"},
		{"no image of the forwarder", migration.StepGo, spec(func(s *migration.Spec) { s.ReturnPath.Image = "" }), nil, "fail, blocks"},
		{"removed by somebody", migration.StepGo, gone, nil, "fail, watches"},
		{"of another old entry", migration.StepGo, spec(func(s *migration.Spec) { s.OldEntry.Port = 81 }), nil, "fail, watches"},
		{"one forwarder is not ready", migration.StepGo, forwarders(migration.Production, func(r *migration.ReturnPathFacts) { r.Ready, r.RolledOut = 1, false }), nil, "fail, watches"},
		{"not ready for too long", migration.StepGo, declared(forwarders(migration.Production, func(r *migration.ReturnPathFacts) { r.Ready = 0 }), later(time.Hour)), nil, "fail, blocks"},
		{"nodes that lead to their own pods", migration.StepGo, exposures(func(e *migration.ExposureFacts) { e.Local = true }), nil, "fail, blocks"},
		{"one on each such node", migration.StepGo, declared(exposures(func(e *migration.ExposureFacts) { e.Local = true }),
			forwarders(migration.Production, func(r *migration.ReturnPathFacts) { r.Kind = "DaemonSet" })), nil, "pass"},
		{"never tried", migration.StepGo, func(p *play) { p.s.Trials = nil }, nil, "unknown, watches"},
		{"tried as it was before an edit", migration.StepGo, trial(func(o *Observation[migration.TrialResult]) { o.Value.Digest = "another" }), nil, "unknown, watches"},
		{"the trial failed", migration.StepGo, trial(func(o *Observation[migration.TrialResult]) { o.Value.Valid, o.Value.Failed = false, 9 }), nil, "fail, blocks"},
		{"the trial says nothing", migration.StepGo, trial(func(o *Observation[migration.TrialResult]) { o.Value.Valid = false }), nil, "unknown, watches"},
		{"the trial says nothing, and long enough", migration.StepGo, declared(trial(func(o *Observation[migration.TrialResult]) { o.Value.Valid = false }), func(p *play) { p.s.Since = p.w.now.Add(-p.s.Policy.Rollout) }), nil, "unknown, blocks"},
		{"the trial is too old", migration.StepGo, later(25 * time.Hour), nil, "fail, blocks"},
		{"cannot see: a forwarder that leads to the wrong old side", migration.StepGo, func(p *play) { p.w.probeBad[migration.OldSide] = "" }, nil, "pass"},
	})
}

func TestUnbanned(t *testing.T) {
	checkGuard(t, unbanned(migration.Production), []guardCase{
		{"served", migration.StepGo, nil, nil, "pass"},
		{"the trial failed", migration.StepGo, trial(func(o *Observation[migration.TrialResult]) { o.Value.Valid = false }), nil, "unknown, watches"},
		{"there is none", migration.StepGo, declared(letPass(migration.CodeReturnPath), func(p *play) { p.s.Trials = nil }), nil, "pass"},
		{"the cluster is away", migration.StepGo, unseenCluster, nil, "unknown, watches"},
		{"cannot see: a ban that begins with more than the trial's load", migration.StepGo, func(p *play) { p.w.rate = 10_000 }, nil, "pass"},
	})
}

func TestLeadsNew(t *testing.T) {
	checkGuard(t, leadsNew(migration.Production), []guardCase{
		{"leads to the new side", migration.StepGo, nil, nil, "pass"},
		{"is turned", migration.StepGo, exposures(func(e *migration.ExposureFacts) { e.Leads = migration.OldSide }), nil, "fail, watches"},
		{"selects neither side", migration.StepGo, exposures(func(e *migration.ExposureFacts) { e.Leads = "" }), nil, "fail, watches"},
		{"somebody else stands behind it too", migration.StepGo, nil, func(l *look) {
			o := l.f.Cluster[migration.Production]
			o.Value.Exposures = slices.Clone(o.Value.Exposures)
			o.Value.Exposures[0].ReadyOther = 1
			l.f.Cluster = maps.Clone(l.f.Cluster)
			l.f.Cluster[migration.Production] = o
		}, "fail, watches"},
		{"the cluster is away", migration.StepGo, unseenCluster, nil, "unknown, watches"},
		{"cannot see: a balancer before it that leads elsewhere", migration.StepGo, nil, nil, "pass"},
	})
}

func TestTurnedBack(t *testing.T) {
	turned := exposures(func(e *migration.ExposureFacts) { e.Leads = migration.OldSide })
	checkGuard(t, turnedBack, []guardCase{
		{"not yet", migration.StepWatch, nil, nil, "fail, watches"},
		{"turned", migration.StepWatch, turned, nil, "pass"},
		{"turned, and nobody stands there", migration.StepWatch, declared(turned, forwarders(migration.Production, func(r *migration.ReturnPathFacts) { r.Ready = 0 })), nil, "fail, watches"},
		{"there is none", migration.StepWatch, func(p *play) { p.w.remove(migration.Production, migration.PartReturnPath, key) }, nil, "pass"},
		{"unseen", migration.StepWatch, unseenCluster, nil, "unknown, watches"},
		{"unseen, and there never was one", migration.StepWatch, declared(unseenCluster, func(p *play) { p.s.Trials = nil }), nil, "pass"},
		{"cannot see: connections that stay where they are", migration.StepWatch, turned, nil, "pass"},
	})
}

// TestWarmWhileTurned: answers through a balancer that leads to the old side say
// nothing of the new one.
func TestWarmWhileTurned(t *testing.T) {
	p := standAt(t, migration.StepGo)
	p.run(10*time.Second, nil)
	if p.s.Live.Warm.Since.IsZero() {
		t.Fatal("the balancer answers, and it does not count")
	}
	p = standAt(t, migration.StepGo)
	exposures(func(e *migration.ExposureFacts) { e.Leads = migration.OldSide })(p)
	p.run(10*time.Second, nil)
	if !p.s.Live.Warm.Since.IsZero() {
		t.Errorf("the old side's answers count for the new side: %+v", p.s.Live.Warm)
	}
}

// TestReturnPathOfTheNextAttempt: what an attempt has tried counts for it alone.
func TestReturnPathOfTheNextAttempt(t *testing.T) {
	p := standAt(t, migration.StepGo)
	if len(p.s.Trials) != 2 {
		t.Fatalf("trials %v", p.s.Trials)
	}
	again := begin(p.s, migration.Position{Attempt: 2, Mode: migration.ModeForward, Step: migration.StepStage}, migration.Record{Migration: key, At: p.w.now})
	if len(again.Trials) != 0 {
		t.Errorf("the next attempt has tried %v", again.Trials)
	}
	for from, want := range map[migration.Step]int{migration.StepRehearse: 0, migration.StepExpose: 1, migration.StepLowerTTL: 2} {
		if got := forget(p.s, from).Trials; len(got) != want {
			t.Errorf("sent back to %s, it still has tried %v", from, got)
		}
	}
}

// TestTurnIsSettledByLooking: whether a turn that nobody answered came about is told
// by the selector as it is seen after it.
func TestTurnIsSettledByLooking(t *testing.T) {
	p := standAt(t, migration.StepWatch)
	l := looked(p)
	i := migration.Intent{At: p.w.now.Add(-time.Second), Action: migration.TurnReturnPath{Env: migration.Production, Workload: key, To: migration.OldSide}}
	if got, _ := l.settle(i); got != migration.OutcomeNotDone {
		t.Errorf("not turned, and settled as %s", got)
	}
	exposures(func(e *migration.ExposureFacts) { e.Leads = migration.OldSide })(p)
	if got, _ := looked(p).settle(i); got != migration.OutcomeDone {
		t.Errorf("turned, and settled as %s", got)
	}
	i.At = p.w.now.Add(time.Second)
	if got, _ := looked(p).settle(i); got != migration.OutcomeUnknown {
		t.Errorf("not seen since, and settled as %s", got)
	}
}
