package runbook

import (
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

type plan = func(look) ([]migration.Action, []migration.Reason)

// inOrder gives the first plan that has something to do.
func inOrder(plans ...plan) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		for _, p := range plans {
			if todo, why := p(l); len(todo) > 0 || len(why) > 0 {
				return todo, why
			}
		}
		return nil, nil
	}
}

// whenRolledOut lets a plan go on only when the workloads run.
func whenRolledOut(env migration.Env, p plan) plan { return when(rolledOut(env), p) }

// whenAddressed lets a plan go on only when the balancers have addresses.
func whenAddressed(env migration.Env, p plan) plan { return when(addressed(env), p) }

func when(g guard, p plan) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		if r := l.waive(g(l)); !r.Verdict.OK() {
			return nil, []migration.Reason{r}
		}
		return p(l)
	}
}

// planApply applies what is not there as declared.
func planApply(env migration.Env, part migration.Part) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		if _, r, ok := l.cluster(env, migration.CodeRollout); !ok {
			return nil, []migration.Reason{r}
		}
		var todo []migration.Action
		list := l.s.Spec.Workloads
		if part != migration.PartWorkload {
			list = l.s.Spec.Exposed()
		}
		if !l.s.Spec.Delivers() && part != migration.PartReturnPath {
			return nil, l.awaited(env, part, list)
		}
		for _, w := range list {
			a := migration.Apply{Env: env, Part: part, Workload: w.Name, Digest: l.s.Spec.PartDigest(env, part, w.Name)}
			if _, done := objectDone(l, a); !done {
				todo = append(todo, a)
			}
		}
		return todo, nil
	}
}

// planRemove removes what rehome made, if it is there.
func planRemove(part migration.Part, envs ...migration.Env) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		var todo []migration.Action
		var why []migration.Reason
		for _, env := range envs {
			if _, r, ok := l.cluster(env, migration.CodeRollout); !ok {
				why = append(why, r)
				continue
			}
			if !l.s.Spec.Delivers() && part != migration.PartReturnPath {
				why = append(why, l.stillDelivered(env, part)...)
				continue
			}
			for _, w := range l.s.Spec.Workloads {
				a := migration.Remove{Env: env, Part: part, Workload: w.Name}
				if _, done := objectDone(l, a); !done {
					todo = append(todo, a)
				}
			}
		}
		return todo, why
	}
}

// planSmoke runs the suite once in a step; a failed run is run again only by a
// person who runs the step again.
func planSmoke(env migration.Env, via string) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		o, ran := l.s.Smoke[smokeKey(env, via)]
		if ran && !o.At.Before(l.s.Since) && (o.Value.Failed == 0 || l.now.Sub(o.At) < retryAfter) {
			return nil, nil
		}
		return []migration.Action{migration.RunSmoke{Env: env, Via: via}}, nil
	}
}

// planFreshSmoke runs the suite again where its last run is too old for the switch.
func planFreshSmoke(l look) ([]migration.Action, []migration.Reason) {
	o := l.s.Smoke[smokeKey(migration.Production, migration.ViaPortForward)]
	if l.now.Sub(o.At) < l.s.Policy.EvidenceAge/2 {
		return nil, nil
	}
	return []migration.Action{migration.RunSmoke{Env: migration.Production, Via: migration.ViaPortForward}}, nil
}

// planSaveLogs saves each workload's logs once.
func planSaveLogs(l look) ([]migration.Action, []migration.Reason) {
	if len(l.s.Incidents) == 0 {
		return nil, nil
	}
	if _, r, ok := l.cluster(migration.Production, migration.CodePods); !ok {
		return nil, []migration.Reason{r}
	}
	inc := l.s.Incidents[len(l.s.Incidents)-1]
	var todo []migration.Action
	for _, w := range l.s.Spec.Workloads {
		a := migration.SaveLogs{Env: migration.Production, Workload: w.Name, Incident: inc.ID}
		if _, done := l.s.Done[doneKey(migration.StepSaveLogs, a)]; !done {
			todo = append(todo, a)
		}
	}
	return todo, nil
}

// planScaleDown scales every workload to zero.
func planScaleDown(l look) ([]migration.Action, []migration.Reason) {
	if _, r, ok := l.cluster(migration.Production, migration.CodeDrain); !ok {
		return nil, []migration.Reason{r}
	}
	if !l.s.Spec.Delivers() {
		return nil, nil // scaledDown says what is left to do
	}
	var todo []migration.Action
	for _, w := range l.s.Spec.Workloads {
		a := migration.Scale{Env: migration.Production, Workload: w.Name, Replicas: 0}
		if _, done := objectDone(l, a); !done {
			todo = append(todo, a)
		}
	}
	return todo, nil
}

// scaledDown demands that the new side has no pods left.
func scaledDown(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeDrain)
	if !ok {
		return r
	}
	for _, w := range c.Workloads {
		switch {
		case w.Desired == 0 && len(w.Pods) == 0:
		case w.Desired > 0 && !l.s.Spec.Delivers():
			return l.stillRuns(migration.Production, w)
		default:
			return watches(fails(migration.CodeDrain, "%s still has %d pods", w.Name, len(w.Pods)))
		}
	}
	return passes(migration.CodeDrain, "the new side is scaled to zero")
}

// drained demands that the new side's own traffic has stopped.
func drained(l look) migration.Reason {
	if l.f.Sample == nil || l.f.Sample.Missing != "" {
		why := "not looked at"
		if l.f.Sample != nil {
			why = l.f.Sample.Missing
		}
		return unknown(migration.CodeDrain, "the new side's traffic is unknown: %s", why)
	}
	want := max(3*l.s.Policy.SampleEvery, time.Duration(min(l.s.Policy.TTL, 10))*time.Second)
	if q := l.s.Live.NewQuiet.Quiet; q.For() < want {
		return watches(fails(migration.CodeDrain, "the new side still gets requests; quiet for %s of %s", q.For().Round(time.Second), want))
	}
	return passes(migration.CodeDrain, "the new side gets no requests any more")
}

// restoredEverywhere demands that no name server still gives what was prepared.
func restoredEverywhere(l look) migration.Reason {
	todo, why := planRestoreTTL(l)
	switch {
	case len(why) > 0:
		return why[0]
	case len(todo) > 0:
		return watches(fails(migration.CodeAllNS, "the records are not restored yet"))
	}
	return allServers(l)
}

// rehearsalMade demands both directions of the rehearsal.
func rehearsalMade(l look) migration.Reason {
	if l.s.Spec.Rehearsal == nil {
		return rehearsed(l)
	}
	if !l.rehearsalDone(migration.ForRehearsal) || !l.rehearsalDone(migration.ForRehearsalBack) {
		return fails(migration.CodeNoRehearsal, "the rehearsal of switch and rollback is not complete")
	}
	e := l.rehearsal()
	return seen(passes(migration.CodeNoRehearsal, "switched in %s and rolled back in %s", e.Forward, e.Back), "name servers", e.At)
}

func (l look) rehearsal() migration.Rehearsal {
	n := l.s.Spec.Rehearsal
	took := func(p migration.Purpose) Done {
		return l.s.Done[doneKey(migration.StepRehearse, migration.SwapRecords{Zone: n.Zone, View: n.View, Purpose: p})]
	}
	f, b := took(migration.ForRehearsal), took(migration.ForRehearsalBack)
	return migration.Rehearsal{Images: l.s.Spec.Images(), Forward: f.Took.Round(time.Millisecond), Back: b.Took.Round(time.Millisecond), At: b.At}
}

func rehearsalEvidence(l look) []migration.Evidence {
	if l.s.Spec.Rehearsal == nil {
		return nil
	}
	return []migration.Evidence{migration.NewEvidence(migration.EvidenceRehearsal, l.now, l.rehearsal())}
}

// ttlEvidence starts the clock of the lead, or keeps it where an earlier
// attempt has already started it.
func ttlEvidence(l look) []migration.Evidence {
	if l.s.TTLLow != nil {
		return nil
	}
	var highest uint32
	var original []migration.RRset
	for _, n := range l.s.Spec.Names {
		for _, o := range l.origin(n.Name, nil) {
			highest = max(highest, o.TTL)
			original = append(original, o)
		}
	}
	low := migration.TTLLow{Since: l.now, Highest: highest, Original: original}
	return []migration.Evidence{migration.NewEvidence(migration.EvidenceTTLLow, l.now, low)}
}

func baselineEvidence(l look) []migration.Evidence {
	b := l.f.Baseline.Value
	if b.At.IsZero() {
		b.At = l.now // waived: there is none, and none is waited for
	}
	return []migration.Evidence{migration.NewEvidence(migration.EvidenceBaseline, l.now, b)}
}

func switchedEvidence(l look) []migration.Evidence {
	c := l.f.Cluster[migration.Production].Value
	return []migration.Evidence{migration.NewEvidence(migration.EvidenceSwitched, l.now, migration.Switched{At: l.now, Restarts: restartsOf(c)})}
}

func holdBegins(l look) []migration.Evidence { return []migration.Evidence{l.holdFrom("")} }

// holdFrom starts the hold's clock now. It began with the switch at the
// earliest: what was stable before was another system.
func (l look) holdFrom(breach string) migration.Evidence {
	c := l.f.Cluster[migration.Production].Value
	h := migration.Hold{Since: l.now, Images: imagesOf(c), Restarts: restartsOf(c), Breach: breach}
	return migration.NewEvidence(migration.EvidenceHold, l.now, h)
}

// staleEvidence sends go back to the step that takes the baseline anew, and makes
// the drills again that prove what fixes owe.
func staleEvidence(l look) (migration.Step, []migration.Reason) {
	if to, why := staleBaseline(l); to != "" {
		return to, why
	}
	if stale := append(l.staleProofs(), l.staleTrials()...); len(stale) > 0 {
		return migration.StepBaseline, []migration.Reason{fails(migration.CodeStale, "older than %s, and made again: %s", l.s.Policy.EvidenceAge, strings.Join(stale, ", "))}
	}
	return "", nil
}

// staleBaseline sends go back to the baseline where that has become too old
// while a window or a person was waited for.
func staleBaseline(l look) (migration.Step, []migration.Reason) {
	if b := l.s.Baseline; b == nil || l.now.Sub(b.At) > l.s.Policy.EvidenceAge {
		return migration.StepBaseline, []migration.Reason{fails(migration.CodeStale, "the baseline is older than %s and is taken again", l.s.Policy.EvidenceAge)}
	}
	return "", nil
}

// counting demands that the counters of both sides can be read right now: a
// switch into blindness is not made.
func counting(l look) migration.Reason {
	switch {
	case l.f.Sample == nil:
		return unknown(migration.CodeBlind, "the metrics have not been read")
	case l.f.Sample.Missing != "":
		return hint(unknown(migration.CodeBlind, "the metrics cannot be read: %s", l.f.Sample.Missing), "repair the metrics before the switch")
	}
	return seen(passes(migration.CodeBlind, "the counters of both sides can be read"), "metrics", l.f.Sample.At)
}

func intentID(s State, step migration.Step, n int) string {
	return fmt.Sprintf("a%d-%s-%d.%d", s.Attempt, step, s.Head.Seq+1, n)
}
