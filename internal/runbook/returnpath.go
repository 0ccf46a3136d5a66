package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// returnBound is how long a rollback tries to turn the balancers before DNS goes
// ahead regardless.
const returnBound = 5 * time.Second

func trialKey(env migration.Env, workload string) string { return string(env) + "/" + workload }

func findReturnPath(c migration.ClusterFacts, workload string) (migration.ReturnPathFacts, bool) {
	for _, r := range c.ReturnPaths {
		if r.Workload == workload {
			return r, true
		}
	}
	return migration.ReturnPathFacts{}, false
}

// leadsOnly says whether an exposure leads to a side, and its endpoints show that
// nobody else stands behind it.
func leadsOnly(e migration.ExposureFacts, to migration.Side) bool {
	mine := e.ReadyNew
	if to == migration.OldSide {
		mine = e.ReadyOld
	}
	return e.Leads == to && mine > 0 && mine == e.ReadyNew+e.ReadyOld+e.ReadyOther
}

// withoutReturn says that a person lets the migration go without a return path. Then
// none is made, and a rollback leads back by DNS alone.
func (l look) withoutReturn() bool {
	return l.waive(unknown(migration.CodeReturnPath, "")).Verdict == migration.Waived
}

// together gives what all of the plans have to do.
func together(plans ...plan) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		var todo []migration.Action
		var why []migration.Reason
		for _, p := range plans {
			t, w := p(l)
			todo, why = append(todo, t...), append(why, w...)
		}
		return todo, why
	}
}

// planReturnPath stands forwarders up beside every exposed workload, tries them under
// load while the balancer leads to them, and turns it to the new side.
func planReturnPath(env migration.Env) plan {
	turned := planTurn(env, migration.NewSide, func(migration.Workload) bool { return true })
	whole := inOrder(planApply(env, migration.PartReturnPath), when(standing(env), inOrder(planTrial(env), turned)))
	return func(l look) ([]migration.Action, []migration.Reason) {
		switch {
		case l.withoutReturn():
			return turned(l)
		case l.s.Spec.ReturnPath.Image == "":
			return nil, []migration.Reason{standing(env)(l)}
		}
		return whole(l)
	}
}

// planTurn turns the balancers of some workloads to a side, and waits until only that
// side stands behind them.
func planTurn(env migration.Env, to migration.Side, which func(migration.Workload) bool) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		c, r, ok := l.cluster(env, migration.CodeReturnPath)
		if !ok {
			return nil, []migration.Reason{r}
		}
		var todo []migration.Action
		var why []migration.Reason
		for _, w := range l.s.Spec.Exposed() {
			e, ok := findExposure(c, w.Name)
			switch {
			case !ok || !which(w):
			case e.Leads != to:
				todo = append(todo, migration.TurnReturnPath{Env: env, Workload: w.Name, To: to})
			case !leadsOnly(e, to):
				why = append(why, watches(fails(migration.CodeReturnPath, "%s/%s leads to the %s side, and behind it stand ready: %s", c.Namespace, w.Name, to, ends(e))))
			}
		}
		return todo, why
	}
}

func ends(e migration.ExposureFacts) string {
	return fmt.Sprintf("%d pods of the workload, %d forwarders, %d others", e.ReadyNew, e.ReadyOld, e.ReadyOther)
}

// planTrial tries every return path that has no fresh trial, with the balancer turned
// to the old side. One that failed is tried again when the step is looked at anew.
func planTrial(env migration.Env) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		due := func(w migration.Workload) bool { return l.trialDue(env, w.Name) }
		if todo, why := planTurn(env, migration.OldSide, due)(l); len(todo) > 0 || len(why) > 0 {
			return todo, why
		}
		var todo []migration.Action
		for _, w := range l.s.Spec.Exposed() {
			if due(w) {
				todo = append(todo, migration.TryReturnPath{Env: env, Workload: w.Name, Digest: l.s.Spec.ReturnPathDigest(env, w.Name)})
			}
		}
		return todo, nil
	}
}

// trialDue says whether a trial is to be made: there is none of this return path, it
// failed and rested, or it is too old to last until the switch.
func (l look) trialDue(env migration.Env, workload string) bool {
	t, tried := l.s.Trials[trialKey(env, workload)]
	switch {
	case !tried, t.Value.Digest != l.s.Spec.ReturnPathDigest(env, workload):
		return true
	case !t.Value.Valid:
		return l.now.Sub(t.At) >= retryAfter
	}
	return l.now.Sub(t.At) >= l.s.Policy.EvidenceAge/2
}

// standing demands that the forwarders of every exposed workload are ready, on every
// node where one leads only to its own pods.
func standing(env migration.Env) guard {
	return func(l look) migration.Reason {
		c, r, ok := l.cluster(env, migration.CodeReturnPath)
		if !ok {
			return r
		}
		if l.s.Spec.ReturnPath.Image == "" {
			return hint(fails(migration.CodeReturnPath, "the policy names no image of the forwarders"),
				"rehome forward image --push REF, and name it in the policy as images.agent; or waive it: a rollback then reaches clients only as their resolvers ask again")
		}
		var ready []string
		for _, w := range l.s.Spec.Exposed() {
			f, ok := findReturnPath(c, w.Name)
			name := c.Namespace + "/" + migration.ReturnPathName(w.Name)
			e, _ := findExposure(c, w.Name)
			switch {
			case !ok:
				return watches(fails(migration.CodeReturnPath, "%s does not exist", name))
			case f.Digest != l.s.Spec.ReturnPathDigest(env, w.Name):
				return watches(fails(migration.CodeReturnPath, "%s is not what is declared", name))
			case e.Local && f.Kind != "DaemonSet":
				return hint(fails(migration.CodeReturnPath, "the balancer of %s/%s leads only to pods of the same node, and forwarders do not stand on every one", c.Namespace, w.Name),
					"declare target.externalTrafficPolicy: Local")
			case !f.RolledOut || f.Ready == 0 || f.Ready < f.Desired:
				return l.notStanding(name, f)
			}
			ready = append(ready, fmt.Sprintf("%d of %d forwarders of %s", f.Ready, f.Desired, w.Name))
		}
		return seen(passes(migration.CodeReturnPath, "ready: %s", strings.Join(ready, ", ")), "cluster", l.f.Cluster[env].At)
	}
}

func (l look) notStanding(name string, f migration.ReturnPathFacts) migration.Reason {
	r := fails(migration.CodeReturnPath, "%s: %d of %d ready; %s", name, f.Ready, f.Desired, f.Status)
	until := l.s.Since.Add(l.s.Policy.Rollout)
	if !l.now.Before(until) {
		return hint(r, "kubectl describe %s %s; its readiness says whether the old entry takes connections", strings.ToLower(f.Kind), name)
	}
	r = watches(r)
	r.Until = until
	return r
}

// tried demands that every return path stands, and that a fresh trial under load
// has shown that it serves.
func tried(env migration.Env) guard {
	return func(l look) migration.Reason {
		if r := standing(env)(l); !r.Verdict.OK() {
			return r
		}
		var texts []string
		var oldest time.Time
		for _, w := range l.s.Spec.Exposed() {
			t, ok := l.s.Trials[trialKey(env, w.Name)]
			switch {
			case !ok, t.Value.Digest != l.s.Spec.ReturnPathDigest(env, w.Name):
				return unknown(migration.CodeReturnPath, "the return path of %s in %s has not been tried under load", w.Name, l.s.Spec.Namespace(env))
			case !t.Value.Valid && t.Value.Failed == 0:
				return l.untried(w.Name, t)
			case !t.Value.Valid:
				return seen(hint(fails(migration.CodeReturnPath, "the trial of the return path of %s failed: %s", w.Name, t.Value.Why),
					"see whether the old side refuses what comes from the forwarders, then run again"), "load", t.At)
			case l.now.Sub(t.At) > l.s.Policy.EvidenceAge:
				return seen(fails(migration.CodeReturnPath, "the trial of the return path of %s is older than %s", w.Name, l.s.Policy.EvidenceAge), "load", t.At)
			}
			if oldest.IsZero() || t.At.Before(oldest) {
				oldest = t.At
			}
			texts = append(texts, w.Name+": "+t.Value.Text())
		}
		return seen(passes(migration.CodeReturnPath, "%s", strings.Join(texts, "; ")), "load", oldest)
	}
}

// untried is a trial that shows nothing: no request failed, but too few were made,
// because who makes them had other things to do. It is made again, for a while.
func (l look) untried(workload string, t Observation[migration.TrialResult]) migration.Reason {
	r := unknown(migration.CodeReturnPath, "the trial of the return path of %s says nothing: %s", workload, t.Value.Why)
	if until := l.s.Since.Add(l.s.Policy.Rollout); l.now.Before(until) {
		r.Until = until
	} else {
		r.Remedy = migration.Blocks
		r = hint(r, "give the machine that rehome runs on more room, or declare a lower drills.rate; then run again")
	}
	return seen(r, "load", t.At)
}

// unbanned demands that the old side was seen to serve everything that came from the
// forwarders' few addresses, and names them: what bans or lists addresses must let
// them pass (RETURN-BAN).
func unbanned(env migration.Env) guard {
	return func(l look) migration.Reason {
		if l.withoutReturn() {
			return passes(migration.CodeReturnBan, "there is no return path")
		}
		c, r, ok := l.cluster(env, migration.CodeReturnBan)
		if !ok {
			return r
		}
		if r := tried(env)(l); !r.Verdict.OK() {
			return unknown(migration.CodeReturnBan, "that the old side serves what comes from the forwarders is not shown")
		}
		var from []string
		for _, f := range c.ReturnPaths {
			from = append(from, f.From...)
		}
		slices.Sort(from)
		return passes(migration.CodeReturnBan, "the old side has served what came from %s: let these addresses pass where it bans or lists any", strings.Join(slices.Compact(from), ", "))
	}
}

// leadsNew demands that the balancers lead to the new side: a name that leads to one
// that is turned would lead back to the old side, and what is judged would be that.
func leadsNew(env migration.Env) guard {
	return func(l look) migration.Reason {
		c, r, ok := l.cluster(env, migration.CodeAddress)
		if !ok {
			return r
		}
		for _, w := range l.s.Spec.Exposed() {
			if e, ok := findExposure(c, w.Name); !ok || !leadsOnly(e, migration.NewSide) {
				return watches(fails(migration.CodeAddress, "the balancer of %s/%s does not lead to the new side alone: %s", c.Namespace, w.Name, ends(e)))
			}
		}
		return seen(passes(migration.CodeAddress, "every balancer in %s leads to the new side", c.Namespace), "cluster", l.f.Cluster[env].At)
	}
}

// ReturnTried says whether a workload's return path was seen to serve in this attempt.
func ReturnTried(s State, workload string) bool {
	t, ok := s.Trials[trialKey(migration.Production, workload)]
	return ok && t.Value.Valid
}

// planTurnBack turns the balancers to the old side, where forwarders stand ready. If
// the cluster cannot be seen it is tried all the same: the forwarders were ready
// when it was decided to switch, and the turn holds only for a Service as it is.
func planTurnBack(l look) ([]migration.Action, []migration.Reason) {
	const env = migration.Production
	c, r, known := l.cluster(env, migration.CodeReturnPath)
	var todo []migration.Action
	var why []migration.Reason
	for _, w := range l.s.Spec.Exposed() {
		turn := migration.TurnReturnPath{Env: env, Workload: w.Name, To: migration.OldSide}
		f, stands := findReturnPath(c, w.Name)
		e, exposed := findExposure(c, w.Name)
		switch {
		case !known && ReturnTried(l.s, w.Name):
			todo, why = append(todo, turn), append(why, r)
		case !known || !stands || !exposed || e.Leads == migration.OldSide:
		case f.Ready == 0:
			why = append(why, watches(fails(migration.CodeReturnPath, "no forwarder of %s/%s is ready: %s", c.Namespace, w.Name, f.Status)))
		default:
			todo = append(todo, turn)
		}
	}
	return todo, why
}

// planTurnLate is planTurnBack where the cluster can be seen again: before the last
// pods of the new side go, nobody shall be led to them.
func planTurnLate(l look) ([]migration.Action, []migration.Reason) {
	if !l.f.Cluster[migration.Production].Known() {
		return nil, nil
	}
	return planTurnBack(l)
}

// turnedBack demands that only forwarders stand behind every balancer that has a
// return path.
func turnedBack(l look) migration.Reason {
	c, r, known := l.cluster(migration.Production, migration.CodeReturnPath)
	n := 0
	for _, w := range l.s.Spec.Exposed() {
		_, stands := findReturnPath(c, w.Name)
		e, exposed := findExposure(c, w.Name)
		switch {
		case !known && ReturnTried(l.s, w.Name):
			return r
		case !known || !stands || !exposed:
			continue
		case !leadsOnly(e, migration.OldSide):
			return watches(fails(migration.CodeReturnPath, "%s/%s does not lead to the old side alone: %s", c.Namespace, w.Name, ends(e)))
		}
		n++
	}
	if n == 0 {
		return passes(migration.CodeReturnPath, "there is no return path: clients come back as their resolvers ask again")
	}
	return seen(passes(migration.CodeReturnPath, "new connections are led to the old side by the cluster"), "cluster", l.f.Cluster[migration.Production].At)
}

// GivesUp is when the step of the way back in which s is ends whatever has come of it,
// for those whose followers must not wait: no call in it may last longer.
func GivesUp(s State) (time.Time, bool) {
	r, ok := rowOf(s.Step)
	if !ok || !r.strict || r.bound == nil || s.Mode == migration.ModeForward {
		return time.Time{}, false
	}
	return s.Since.Add(r.bound(s.Policy)), true
}

// staleTrials are the trials that are too old for the switch, where they count.
func (l look) staleTrials() []string {
	if l.withoutReturn() {
		return nil
	}
	var out []string
	for _, w := range l.s.Spec.Exposed() {
		if t, ok := l.s.Trials[trialKey(migration.Production, w.Name)]; ok && l.now.Sub(t.At) > l.s.Policy.EvidenceAge {
			out = append(out, fmt.Sprintf("trial of the return path of %s of %s", w.Name, t.At.UTC().Format(time.RFC3339)))
		}
	}
	return out
}
