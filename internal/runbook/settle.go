package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// settleGrace is how long a change that was sent is given to show before its
// absence counts: a request that timed out may still be on its way.
const settleGrace = 2 * time.Second

// settle says how a pending intent ended, from what is observed after it. What
// cannot be told yet is OutcomeUnknown.
func (l look) settle(i migration.Intent) (migration.Outcome, migration.Reason) {
	switch a := i.Action.(type) {
	case migration.SwapRecords:
		return l.settleSwap(i, a)
	case migration.Apply, migration.Remove, migration.Scale, migration.TurnReturnPath:
		return l.settleObject(i)
	case migration.RunDrill:
		return migration.OutcomeNotDone, unknown(migration.CodeIntent, "%s was broken off: what it would have shown is unknown, and it is made anew", drillOf{a.Drill, a.Workload})
	}
	return migration.OutcomeNotDone, fails(migration.CodeIntent, "%s was broken off; it is done again", migration.ActionName(i.Action))
}

func (l look) settleSwap(i migration.Intent, a migration.SwapRecords) (migration.Outcome, migration.Reason) {
	key := migration.ZoneKey(a.Zone, a.View)
	v := l.f.zone(key)
	if !v.known || v.at.Before(i.At) {
		return migration.OutcomeUnknown, unknown(migration.CodeIntent, "zone %s has not been seen since the change: %s", key, v.err)
	}
	var now, old, other int
	for _, s := range v.answering() {
		switch {
		case migration.SetsMatch(s.Sets, a.After, true):
			now++
		case migration.SetsMatch(s.Sets, a.Before, false):
			old++
		default:
			other++
		}
	}
	silent := len(v.silent())
	total := len(v.facts.Servers)
	late := l.now.Sub(i.At) > l.s.Policy.Propagation
	switch {
	case now == total:
		return migration.OutcomeDone, seen(passes(migration.CodeAllNS, "all %d name servers of %s serve the change", total, key), "name servers", v.at)
	case migration.SetsMatch(v.newest().Sets, a.After, true) && late && (l.s.Mode != migration.ModeForward):
		// going back, the servers that lag or are silent must not hold it up
		return migration.OutcomeDone, seen(passes(migration.CodeAllNS, "%d of %d name servers of %s serve the change; the others do not answer or lag: %s", now, total, key, v.silence()), "name servers", v.at)
	case now > 0:
		r := unknown(migration.CodeAllNS, "%d of %d name servers of %s serve the change, %d lag, %d do not answer", now, total, key, old+other, silent)
		if late {
			r = asks(hint(r, "look at the lagging server's transfers; the change itself was made"))
		}
		return migration.OutcomeUnknown, seen(r, "name servers", v.at)
	case other > 0 && !migration.SetsMatch(v.newest().Sets, a.Before, false):
		return migration.OutcomeForeign, seen(fails(migration.CodeForeign, "zone %s holds neither what stood there nor what was written", key), "name servers", v.at)
	case v.at.Sub(i.At) < settleGrace:
		return migration.OutcomeUnknown, unknown(migration.CodeIntent, "zone %s does not show the change yet", key)
	}
	return migration.OutcomeNotDone, seen(fails(migration.CodeIntent, "zone %s still holds what stood there before", key), "name servers", v.at)
}

func (l look) settleObject(i migration.Intent) (migration.Outcome, migration.Reason) {
	env, done := objectDone(l, i.Action)
	o := l.f.Cluster[env]
	if !o.Known() || o.At.Before(i.At) {
		return migration.OutcomeUnknown, unknown(migration.CodeIntent, "the cluster has not been seen since %s: %s", migration.ActionName(i.Action), o.Err)
	}
	if done {
		return migration.OutcomeDone, seen(passes(migration.CodeIntent, "%s is seen in the cluster", migration.ActionName(i.Action)), o.Source, o.At)
	}
	return migration.OutcomeNotDone, seen(fails(migration.CodeIntent, "%s is not seen in the cluster", migration.ActionName(i.Action)), o.Source, o.At)
}

// objectDone says whether the cluster shows an action's effect.
func objectDone(l look, a migration.Action) (migration.Env, bool) {
	switch a := a.(type) {
	case migration.Apply:
		c := l.f.Cluster[a.Env].Value
		if a.Part == migration.PartExposure {
			e, ok := findExposure(c, a.Workload)
			return a.Env, ok && e.Digest == a.Digest
		}
		if a.Part == migration.PartReturnPath {
			r, ok := findReturnPath(c, a.Workload)
			return a.Env, ok && r.Digest == a.Digest
		}
		if a.Part == migration.PartSchedules {
			return a.Env, len(suspended(c, a.Workload)) == 0
		}
		w, ok := findWorkload(c, a.Workload)
		spec, _ := l.s.Spec.Workload(a.Workload)
		return a.Env, ok && w.Digest == a.Digest && spec.Fits(w.Desired) && accompanied(c, a.Workload)
	case migration.Remove:
		c := l.f.Cluster[a.Env].Value
		if a.Part == migration.PartExposure {
			_, ok := findExposure(c, a.Workload)
			return a.Env, !ok
		}
		if a.Part == migration.PartReturnPath {
			_, ok := findReturnPath(c, a.Workload)
			return a.Env, !ok
		}
		_, ok := findWorkload(c, a.Workload)
		return a.Env, !ok && alone(c, a.Workload)
	case migration.TurnReturnPath:
		e, ok := findExposure(l.f.Cluster[a.Env].Value, a.Workload)
		return a.Env, ok && e.Leads == a.To
	case migration.Scale:
		c := l.f.Cluster[a.Env].Value
		w, ok := findWorkload(c, a.Workload)
		return a.Env, (!ok || w.Desired == a.Replicas) && (a.Replicas > 0 || len(running(c, a.Workload)) == 0)
	}
	return "", false
}
