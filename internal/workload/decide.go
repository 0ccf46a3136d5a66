package workload

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Decide judges one workload by the facts of its machines.
func Decide(w migration.Workload, report inventory.Report) Decision {
	l := look{w: w, machines: report.Machines}
	d := Decision{Workload: w.Name, Declared: declared(w), For: []Finding{}, Against: []Finding{}, Unknown: l.unknown()}
	for _, rule := range []func(look) (Finding, bool){storage, sessions, store, identity, order} {
		if f, fired := rule(l); fired {
			d.For = append(d.For, f)
		}
	}
	for _, rule := range []func(look) (Finding, bool){outside, cached, shared, scratchOnly, twins} {
		if f, fired := rule(l); fired {
			d.Against = append(d.Against, f)
		}
	}
	d.Kind = l.kind(d.For)
	d.Thumb = thumb(d)
	d.Verdict, d.Remedy = judge(d, w)
	if d.Kind == migration.KindStatefulSet || d.Declared == migration.KindStatefulSet {
		s := l.statefulSet(d)
		d.StatefulSet = &s
		d.Operator = l.operator()
	}
	return d
}

// Of are the decisions for all workloads of a migration, in its order.
func Of(spec migration.Spec, report inventory.Report) []Decision {
	out := make([]Decision, 0, len(spec.Workloads))
	for _, w := range spec.Workloads {
		part, whole := About(spec, w, report)
		d := Owed(Decide(w, part), spec.Fixes)
		if !whole {
			d.Unknown = append(d.Unknown, "which of the migration's workloads these facts are about: none of them listens on a port of "+w.Name)
			if d.Verdict != migration.Pass {
				d.Verdict = migration.Unknown
			}
		}
		out = append(out, d)
	}
	return out
}

// About are the facts that are about a workload: those of the machines on which
// something listens on one of its ports. Where a migration has one workload, all
// are. The second result is false where none can be told to be about it: then all
// are given.
func About(spec migration.Spec, w migration.Workload, report inventory.Report) (inventory.Report, bool) {
	if len(spec.Workloads) < 2 {
		return report, true
	}
	out := inventory.Report{Format: report.Format}
	for _, m := range report.Machines {
		if slices.ContainsFunc(m.Listeners, func(l inventory.Listener) bool {
			return slices.ContainsFunc(w.Ports, func(p migration.Port) bool { return int(p.Port) == l.Port })
		}) {
			out.Machines = append(out.Machines, m)
		}
	}
	if len(out.Machines) == 0 {
		return report, false
	}
	return out, true
}

func declared(w migration.Workload) migration.Kind {
	if w.Kind == "" {
		return migration.KindAuto
	}
	return w.Kind
}

// look is what a rule may see.
type look struct {
	w        migration.Workload
	machines []inventory.Facts
}

// decisive are the subjects without which nobody can say that there is no state.
var decisive = []inventory.Subject{inventory.SubjectFiles, inventory.SubjectMounts, inventory.SubjectPeers, inventory.SubjectProcesses}

// kind is what the facts say: what was seen is enough for a StatefulSet, and all
// must have been seen for a Deployment.
func (l look) kind(speaks []Finding) migration.Kind {
	if len(speaks) > 0 {
		return migration.KindStatefulSet
	}
	if len(l.machines) == 0 {
		return migration.KindAuto
	}
	for _, m := range l.machines {
		if ok, _ := m.Saw(decisive...); !ok {
			return migration.KindAuto
		}
		if len(strange(m)) > 0 && declared(l.w) == migration.KindAuto {
			return migration.KindAuto
		}
	}
	return migration.KindDeployment
}

// unknown are the things of which facts do not tell.
func (l look) unknown() []string {
	out := []string{}
	if len(l.machines) == 0 {
		return append(out, "everything: there are no facts of any machine")
	}
	for _, m := range l.machines {
		for _, s := range append(slices.Clone(decisive), inventory.SubjectTrees) {
			if ok, why := m.Saw(s); !ok {
				out = append(out, fmt.Sprintf("%s: the %s: %s", called(m), s, why))
			}
		}
		if m.Coverage.Planned > 0 && m.Coverage.Samples < fewSamples {
			out = append(out, fmt.Sprintf("%s: what is written rarely: it was looked at %s", called(m), times(m.Coverage.Samples)))
		}
		for _, what := range strange(m) {
			out = append(out, called(m)+": what is in "+what)
		}
		for _, t := range m.Trees {
			for _, e := range t.Entries {
				if e.PerHost {
					out = append(out, fmt.Sprintf("%s: whether an instance needs a name of its own: %s/%s names the machine", called(m), strings.TrimSuffix(t.Path, "/"), e.Path))
				}
			}
		}
	}
	return out
}

// fewSamples is how often a machine must be looked at so that what it writes now
// and then is seen.
const fewSamples = 10

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// strange are files that are written on the local disk and that no rule knows.
func strange(m inventory.Facts) []string {
	var out []string
	for _, f := range m.Files {
		if f.Class == inventory.FileOther && f.Written && !f.Deleted && !remote(m, f.Path, f.FSType) {
			out = append(out, f.Path)
		}
	}
	for _, g := range m.Groups {
		if g.Class == inventory.FileOther && g.Written+g.Created > 0 && !remote(m, g.Directory, "") {
			out = append(out, fmt.Sprintf("%s (%d files)", g.Directory, g.Count))
		}
	}
	return out
}

// thumb answers the runbook's question from the findings.
func thumb(d Decision) string {
	switch d.Kind {
	case migration.KindStatefulSet:
		var lost []string
		for _, f := range d.For {
			lost = append(lost, f.Text)
		}
		return "yes: replacing one pod with an identical one from another node would lose data or need a person, because " + strings.Join(lost, "; ")
	case migration.KindDeployment:
		return "no: an identical pod on another node would go on where this one ended"
	}
	return "nobody can say: too little was seen"
}

// keeps says whether a finding is about something that a pod without storage loses.
func keeps(f Finding) bool {
	return f.Rule == RuleStorage || f.Rule == RuleSessions || f.Rule == RuleStore
}

// judge compares what facts say with what is declared.
func judge(d Decision, w migration.Workload) (migration.Verdict, string) {
	stateful := d.Kind == migration.KindStatefulSet
	switch {
	case d.Declared == migration.KindAuto && d.Kind == migration.KindAuto:
		return migration.Unknown, "let the facts be taken whole, or write kind: Deployment or kind: StatefulSet"
	case d.Declared == migration.KindAuto:
		return migration.Pass, fmt.Sprintf("write kind: %s", d.Kind)
	case d.Kind == migration.KindAuto:
		return migration.Unknown, "let the facts be taken whole"
	case d.Declared == d.Kind && stateful && len(w.Storage) == 0 && slices.ContainsFunc(d.For, keeps):
		return migration.Fail, "declare storage: what each instance keeps would be gone with its pod"
	case d.Declared == d.Kind:
		return migration.Pass, ""
	case stateful:
		return migration.Fail, "write kind: StatefulSet with its storage, or move the state out and let it pass by name"
	}
	return migration.Fail, "write kind: Deployment, or let it pass by name with the reason"
}
