package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// look is what a guard may see: what was declared, and the machines.
type look struct {
	Input
	machines []machine
	// strangers are machines of which there are facts and no declaration.
	strangers []machine
	// drifted are the machines whose configuration differs from another's, by name.
	drifted map[string]bool
}

// Judge answers for every item of Items, in their order, from the facts of all
// machines together. It is total and deterministic, and it lets pass only what
// was seen whole, in time, on each machine that the migration names.
//
// A finding blocks by the rule's Weight unless a fix of it is declared, whose
// staging drill then owes the proof, or a waiver covers it. Facts that are too
// old make every verdict that rests on them unknown, whatever they say.
func Judge(in Input) Assessment {
	l := look{Input: in}
	l.machines, l.strangers = meet(in)
	l.drifted = drifted(l)
	a := Assessment{Migration: in.Spec.Name, At: in.Now, Findings: make([]Finding, 0, len(rules()))}
	a.Oldest, a.Expired = l.oldest()
	odd := l.odd()
	for _, r := range rules() {
		o := r.judge(l)
		if odd != "" && !r.timeless {
			o = o.outdated(odd)
		}
		a.Findings = append(a.Findings, l.waive(l.owe(r, r.finding(o))))
	}
	a.Ready = !slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Blocks })
	a.Resources = l.profile()
	a.Work, a.Effort = fit(a.Findings)
	return a
}

// finding is an opinion under its item's name, with what it means for the move.
func (r rule) finding(o opinion) Finding {
	f := Finding{
		Code: r.code, Title: r.title, Verdict: o.verdict, Required: r.required, Observed: o.observed,
		Evidence: o.evidence, At: o.at, Command: o.command, Remedy: o.remedy,
	}
	if f.Evidence == nil {
		f.Evidence = []Evidence{}
	}
	switch {
	case o.verdict.OK():
		f.Remedy = ""
	case o.verdict == migration.Fail:
		f.Blocks = r.weight != Advises
	default:
		f.Blocks = r.weight == Blocks && !o.later
	}
	if !o.verdict.OK() && f.Remedy == "" {
		f.Remedy = r.remedy
	}
	return f
}

// owe takes the block from a finding whose fix is declared with a drill that can
// prove it. The verdict stays: it is about the machine, the drill about the image.
func (l look) owe(r rule, f Finding) Finding {
	if f.Verdict.OK() {
		return f
	}
	for _, fix := range l.Spec.Fixes {
		if !r.mendedBy(fix) {
			continue
		}
		f.Fix, f.Blocks = &fix, false
		f.Observed += fmt.Sprintf("; the release is said to mend it, and the proof on the image is owed to the staging drill %s", fix.Drill)
		return f
	}
	return f
}

// mendedBy says whether a fix is one of this item, with a drill that proves it.
// That a session holds on another pod proves, too, that no stickiness is needed.
func (r rule) mendedBy(f migration.Fix) bool {
	if r.code == migration.CodeSticky {
		return f.Code == migration.CodeStateDisk && f.Drill == migration.DrillSession
	}
	return f.Code == r.code && slices.Contains(r.code.Provable(), f.Drill)
}

// waive lets a finding pass by name. What was observed stays as it was.
func (l look) waive(f Finding) Finding {
	if f.Verdict.OK() || !f.Code.Waivable() {
		return f
	}
	for _, w := range slices.Concat(l.Waivers, l.Policy.StandingWaivers) {
		if w.Covers(f.Code, l.Attempt, l.Now) && (w.Migration == "" || w.Migration == l.Spec.Name) {
			f.Verdict, f.Blocks, f.Waiver = migration.Waived, false, &w
			return f
		}
	}
	return f
}

// judge asks the rule's guard, machine by machine where it is about machines.
func (r rule) judge(l look) opinion {
	if r.whole != nil {
		return r.whole(l)
	}
	all := make([]opinion, 0, len(l.machines))
	for _, m := range l.machines {
		o := r.machine(l, m)
		if o.command == "" && r.command != nil {
			o.command = r.command(m)
		}
		all = append(all, o.of(m))
	}
	return merge(l.machines, all)
}

// merge joins what was found on each machine: one that fails makes all fail, one
// that could not be seen leaves all unknown. No machine at all is unknown.
func merge(machines []machine, all []opinion) opinion {
	if len(all) == 0 {
		return opinion{observed: "there are no facts of any machine", remedy: "take facts: rehome probe"}
	}
	worst := all[0]
	for _, o := range all[1:] {
		if badness(o.verdict) > badness(worst.verdict) {
			worst = o
		}
	}
	var texts, plain []string
	out := opinion{verdict: worst.verdict, command: worst.command, remedy: worst.remedy, later: true}
	for i, o := range all {
		out.evidence = append(out.evidence, o.evidence...)
		if !o.at.IsZero() && (out.at.IsZero() || o.at.Before(out.at)) {
			out.at = o.at
		}
		if o.verdict != worst.verdict {
			continue
		}
		out.later = out.later && o.later
		texts = append(texts, machines[i].name+": "+o.observed)
		plain = append(plain, o.observed)
	}
	out.observed = strings.Join(texts, "; ")
	if len(slices.Compact(plain)) == 1 && len(texts) == len(all) {
		out.observed = all[0].observed
	}
	return out
}

func badness(v migration.Verdict) int {
	switch v {
	case migration.Fail:
		return 2
	case migration.Unknown:
		return 1
	}
	return 0
}

// outdated is an opinion whose facts no longer count.
func (o opinion) outdated(why string) opinion {
	o.observed = fmt.Sprintf("%s; they said %s: %s", why, o.verdict, o.observed)
	o.verdict, o.later, o.remedy = migration.Unknown, false, "take the facts again: rehome probe"
	return o
}

// ago is a duration for people.
func ago(d time.Duration) string {
	if d >= time.Minute {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
