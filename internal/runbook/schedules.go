package runbook

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// accompanied says whether all that is declared to stand beside a workload does.
func accompanied(c migration.ClusterFacts, workload string) bool {
	return !slices.ContainsFunc(c.Beside, func(f migration.BesideFacts) bool { return f.Workload == workload && !f.Exists })
}

// alone says whether nothing that rehome made stands beside a workload any more.
func alone(c migration.ClusterFacts, workload string) bool {
	return !slices.ContainsFunc(c.Beside, func(f migration.BesideFacts) bool { return f.Workload == workload && f.Exists && f.Ours })
}

// jobs are the CronJobs of a workload that are there, or cannot be looked at.
func jobs(c migration.ClusterFacts, workload string) []migration.BesideFacts {
	var out []migration.BesideFacts
	for _, f := range c.Beside {
		if f.Workload == workload && f.Kind == migration.KindCronJob && (f.Exists || f.Err != "") {
			out = append(out, f)
		}
	}
	return out
}

// running are the jobs of a workload that begin by time, or may.
func running(c migration.ClusterFacts, workload string) []string {
	var out []string
	for _, f := range jobs(c, workload) {
		if !f.Suspended {
			out = append(out, f.Name)
		}
	}
	return out
}

// suspended are the jobs of a workload that do not begin, or of which nobody can tell.
func suspended(c migration.ClusterFacts, workload string) []string {
	var out []string
	for _, f := range jobs(c, workload) {
		if f.Suspended || f.Err != "" {
			out = append(out, f.Name)
		}
	}
	return out
}

// planSchedules lets the cluster run what it is to run by time. It holds nothing
// else up where the cluster cannot be seen: scheduled asks for it at last.
func planSchedules(l look) ([]migration.Action, []migration.Reason) {
	if !l.s.Spec.Delivers() {
		return nil, nil
	}
	if _, _, ok := l.cluster(migration.Production, migration.CodeCronTwice); !ok {
		return nil, nil
	}
	var todo []migration.Action
	for _, w := range l.s.Spec.Workloads {
		if len(l.s.Spec.Jobs(w.Name)) == 0 {
			continue
		}
		a := migration.Apply{Env: migration.Production, Part: migration.PartSchedules, Workload: w.Name, Digest: l.s.Spec.PartDigest(migration.Production, migration.PartSchedules, w.Name)}
		if _, done := objectDone(l, a); !done {
			todo = append(todo, a)
		}
	}
	return todo, nil
}

// handedOver demands that the machines have stopped what the cluster begins to run
// at the switch: between the two nothing runs, and at no time it runs twice.
func handedOver(l look) migration.Reason {
	mine := map[string]bool{}
	for _, w := range l.s.Spec.Workloads {
		for _, j := range l.s.Spec.Jobs(w.Name) {
			mine[j.Name] = true
		}
	}
	o := l.f.Inventory
	switch {
	case !o.Known():
		return seen(unknown(migration.CodeCronTwice, "whether the machines still run what the cluster takes over is unknown: %s", o.Err), o.Source, o.At)
	case len(mine) == 0:
		return passes(migration.CodeCronTwice, "no schedule is handed to the cluster")
	}
	var both []string
	for _, m := range o.Value.Machines {
		for _, s := range m.Schedules {
			if mine[s.Name] {
				both = append(both, fmt.Sprintf("%s on %s", s.Name, m.Target.Host))
			}
		}
	}
	if len(both) > 0 {
		return seen(hint(asks(fails(migration.CodeCronTwice, "would run on both sides after the switch: %s", strings.Join(both, ", "))),
			"stop it there now (systemctl disable --now TIMER, or take it out of the crontab); a rollback suspends it in the cluster, and it is begun there again by hand"), o.Source, o.At)
	}
	return seen(passes(migration.CodeCronTwice, "the machines run nothing any more that the cluster takes over"), o.Source, o.At)
}

// scheduled demands that the cluster runs what it has taken over.
func scheduled(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeCronTwice)
	if !ok {
		return r
	}
	var still []string
	for _, w := range l.s.Spec.Workloads {
		still = append(still, suspended(c, w.Name)...)
	}
	switch {
	case len(still) == 0:
		return passes(migration.CodeCronTwice, "no job of the cluster is suspended")
	case !l.s.Spec.Delivers():
		return hint(asks(fails(migration.CodeCronTwice, "nobody runs %s: suspended in the cluster", strings.Join(still, ", "))),
			"set suspend: false in what delivers it")
	}
	return watches(fails(migration.CodeCronTwice, "still suspended: %s", strings.Join(still, ", ")))
}
