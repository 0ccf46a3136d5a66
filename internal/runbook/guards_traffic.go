package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// addressed demands that the balancer of every exposed workload has an address.
func addressed(env migration.Env) guard {
	return func(l look) migration.Reason {
		c, r, ok := l.cluster(env, migration.CodeAddress)
		if !ok {
			return r
		}
		for _, w := range l.s.Spec.Exposed() {
			e, ok := findExposure(c, w.Name)
			if !ok || len(e.Addresses) == 0 {
				r := watches(fails(migration.CodeAddress, "the balancer of %s/%s has no address yet", c.Namespace, w.Name))
				return hint(r, "kubectl -n %s get %s %s", c.Namespace, wayIn(l.s.Spec), w.Name)
			}
		}
		return seen(passes(migration.CodeAddress, "every balancer in %s has an address", c.Namespace), "cluster", l.f.Cluster[env].At)
	}
}

// wayIn is the kind of object that has the balancer's address.
func wayIn(spec migration.Spec) string {
	if spec.Target.Exposure == migration.ExposeIngress {
		return "ingress"
	}
	return "service"
}

// warm demands that requests by the balancer's address, with the production
// name, have been answered without a break for the policy's time.
func warm(l look) migration.Reason {
	p := l.f.Probe[migration.NewSide]
	if !p.Known() {
		return seen(unknown(migration.CodeLBWarm, "the new side has not been probed: %s", p.Err), p.Source, p.At)
	}
	streak, want := l.s.Live.Warm, l.s.Policy.BalancerClean
	switch {
	case !p.Value.OK:
		return seen(watches(fails(migration.CodeLBWarm, "the balancer does not answer: %s", p.Value.Detail)), p.Source, p.At)
	case streak.For() < want:
		r := watches(fails(migration.CodeLBWarm, "clean for %s of %s", streak.For().Round(time.Second), want))
		r.Until = streak.Since.Add(want)
		return seen(r, p.Source, p.At)
	}
	return seen(passes(migration.CodeLBWarm, "clean answers through the balancer for %s", streak.For().Round(time.Second)), p.Source, p.At)
}

// oldSideWell demands that the old side answers the product's own probes: it is
// what a rollback returns to.
func oldSideWell(l look) migration.Reason {
	p := l.f.Probe[migration.OldSide]
	switch {
	case !p.Known():
		return seen(unknown(migration.CodeOldSide, "the old side has not been probed: %s", p.Err), p.Source, p.At)
	case !p.Value.OK:
		return seen(hint(asks(fails(migration.CodeOldSide, "the old side does not answer: %s", p.Value.Detail)), "mend the old side: it is what a rollback returns to"), p.Source, p.At)
	}
	return seen(passes(migration.CodeOldSide, "the old side answers"), p.Source, p.At)
}
