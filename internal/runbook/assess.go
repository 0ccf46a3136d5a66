package runbook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// Assessed is a judgement of readiness as the journal keeps it: what was found,
// and from which facts. The facts themselves stay outside; Facts is their digest.
type Assessed struct {
	At       time.Time           `json:"at"`
	Facts    string              `json:"facts"`
	Oldest   time.Time           `json:"oldest,omitzero"` // facts of any machine
	Machines []AssessedMachine   `json:"machines"`
	Findings []readiness.Finding `json:"findings"`
	Effort   readiness.Effort    `json:"effort,omitempty"`
}

// AssessedMachine says how well one machine was seen.
type AssessedMachine struct {
	Target string    `json:"target"`
	Began  time.Time `json:"began,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Seen   string    `json:"seen,omitempty"` // "60 of 60 samples"
	Gaps   int       `json:"gaps,omitempty"`
}

// mostEvidence is how much of what was seen is journalled with each finding.
const mostEvidence = 5

// survey is a look that finds more than one thing.
type survey func(look) []migration.Reason

// survey makes every survey, and lets pass by name what is waived.
func (l look) survey(list []survey) []migration.Reason {
	var out []migration.Reason
	for _, s := range list {
		for _, r := range s(l) {
			out = append(out, l.waive(r))
		}
	}
	return out
}

// onMachines judges the application by the facts of its machines.
func onMachines(l look) []migration.Reason {
	if o := l.f.Inventory; o.At.IsZero() && o.Err == "" {
		return l.notProbed()
	}
	out := reasonsOf(l.assessment().Findings, notBase)
	for i, r := range out {
		out[i] = l.borneOut(r)
	}
	return out
}

// borneOut lets advice pass that was left to a drill in staging, once that has
// shown what no machine can tell.
func (l look) borneOut(r migration.Reason) migration.Reason {
	if !r.Advice || r.Verdict != migration.Unknown {
		return r
	}
	var shown string
	for _, d := range drillsOf(l.s.Spec) {
		if drillCodes[d.drill] != r.Code {
			continue
		}
		got, ok := l.s.made(d)
		if !ok || got.Verdict != migration.Pass {
			return r
		}
		shown = fmt.Sprintf("; the drill %s has shown it %s", d.drill, got.At.UTC().Format(time.RFC3339))
	}
	if shown != "" {
		r.Verdict, r.Advice, r.Hint = migration.Pass, false, ""
		r.Text += shown
	}
	return r
}

// onImages judges what the images stand on.
func onImages(l look) []migration.Reason {
	if l.f.Bases == nil {
		r := unknown(migration.CodeBaseImage, "nobody has looked at the images yet")
		return []migration.Reason{r}
	}
	return reasonsOf(l.assessment().Findings, isBase)
}

func isBase(f readiness.Finding) bool  { return f.Code == migration.CodeBaseImage }
func notBase(f readiness.Finding) bool { return !isBase(f) }

// asJournalled judges by the findings that were journalled last, for when there
// is no time to take facts again. It says nothing about waivers that have ended:
// those are looked at now.
func asJournalled(l look) []migration.Reason {
	if l.s.Assessed == nil {
		return []migration.Reason{hint(fails(migration.CodeStale, "the journal holds no judgement of the machines"), "it is made at %s", migration.StepGo)}
	}
	var found []readiness.Finding
	for _, f := range l.s.Assessed.Findings {
		if w := f.Waiver; w != nil && !w.Covers(f.Code, l.s.Attempt, l.now) {
			f.Verdict, f.Blocks, f.Waiver = migration.Unknown, true, nil
			f.Observed += "; its waiver has ended"
		}
		found = append(found, f)
	}
	return reasonsOf(found, notBase)
}

// notProbed stands for the findings while no facts were asked for: a plan shows
// what the journal knows, and does not take them.
func (l look) notProbed() []migration.Reason {
	switch {
	case l.foreseen && l.s.Assessed != nil:
		return asJournalled(l)
	case l.foreseen && l.s.Step == migration.StepGo:
		return nil // the plan has said so at assess
	}
	r := unknown(migration.CodeStale, "the facts of the machines have not been taken: %s", ways(l.s.Spec, l.s.Policy))
	return []migration.Reason{hint(r, "rehome run takes and judges them, for %s, and changes nothing there; beforehand: rehome assess %s",
		l.s.Policy.ProbeFor, cmp.Or(l.s.File, "FILE"))}
}

// ways says of what facts are taken, and how each machine is reached.
func ways(spec migration.Spec, policy migration.Policy) string {
	if len(spec.VMs) == 0 {
		return "none is declared"
	}
	var out []string
	for _, vm := range spec.VMs {
		t := inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}
		out = append(out, t.String()+", "+wayTo(vm, policy.SSH))
	}
	return strings.Join(out, "; ")
}

func wayTo(vm migration.VM, ssh migration.SSH) string {
	if vm.Reach == "local" {
		return "from this process"
	}
	way := "by " + cmp.Or(vm.Reach, "ssh://"+vm.Host)
	if ssh.User != "" && !strings.Contains(vm.Reach, "@") {
		way += " as " + ssh.User
	}
	if ssh.Sudo {
		way += " with sudo"
	}
	return way
}

// assessment is the judgement of what is known of machines and images.
func (l look) assessment() readiness.Assessment {
	return readiness.Judge(readiness.Input{
		Spec: l.s.Spec, Policy: l.s.Policy, Report: l.report(), Bases: l.f.Bases,
		Recorded: l.s.Measured, Waivers: l.s.Waivers, Attempt: l.s.Attempt, Now: l.now,
	})
}

// report are the facts of every machine. Where none could be taken at all, each
// machine is one of which there are none, and why.
func (l look) report() inventory.Report {
	o := l.f.Inventory
	if o.Known() {
		return o.Value
	}
	out := inventory.Report{Format: inventory.Format}
	for _, vm := range l.s.Spec.VMs {
		t := inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}
		out.Machines = append(out.Machines, inventory.Unreachable(t, o.At, cmp.Or(o.Err, "nobody has looked yet")))
	}
	return out
}

// reasonsOf are findings as a step gives its reasons. One that does not block is
// advice: it is read, and holds nothing up.
func reasonsOf(findings []readiness.Finding, want func(readiness.Finding) bool) []migration.Reason {
	var out []migration.Reason
	for _, f := range findings {
		if want(f) {
			out = append(out, reasonOf(f))
		}
	}
	return out
}

func reasonOf(f readiness.Finding) migration.Reason {
	r := migration.Reason{
		Code: f.Code, Verdict: f.Verdict, Text: cmp.Or(f.Observed, f.Title),
		Required: f.Required, Observed: f.Observed, Source: sourceOf(f), At: f.At,
		Advice: !f.Blocks && !f.Verdict.OK(),
	}
	if f.Verdict == migration.Waived && f.Waiver != nil {
		return waivedBy(r, *f.Waiver)
	}
	if !f.Verdict.OK() {
		r.Hint = f.Remedy
	}
	if f.Verdict == migration.Unknown && experiment(f.Remedy) {
		r.Hint += " -o json > facts.json, and put it on record: rehome assess FILE --facts facts.json --record"
	}
	return r
}

// experiment says whether what helps is a load or a drill, which nobody makes
// while a migration runs.
func experiment(remedy string) bool {
	return strings.Contains(remedy, "rehome probe ") && (strings.Contains(remedy, " --load ") || strings.Contains(remedy, " --drill "))
}

// sourceOf names the machines on which it was seen.
func sourceOf(f readiness.Finding) string {
	var machines []string
	for _, e := range f.Evidence {
		if e.Machine != "" && !slices.Contains(machines, e.Machine) {
			machines = append(machines, e.Machine)
		}
	}
	return strings.Join(machines, ", ")
}

// nothingOwed are the declared fixes: each is owed to its drill until that has
// proven it, or the item holds on the machines as they are. At stage the drill's
// own reason says so where it has the same code.
func nothingOwed(l look) []migration.Reason {
	var out []migration.Reason
	for _, fix := range l.s.Spec.Fixes {
		if l.s.Step == migration.StepStage && !l.s.holds(fix.Code) && drillCodes[fix.Drill] == fix.Code && len(provenBy(l.s.Spec, fix)) > 0 {
			continue
		}
		out = append(out, l.owed(fix))
	}
	return out
}

// owed is what one fix owes. How old its proof may be is for the step that rests
// on it to say.
func (l look) owed(fix migration.Fix) migration.Reason {
	if l.s.holds(fix.Code) {
		return passes(fix.Code, "it holds on the machines as they are: its fix owes nothing")
	}
	required := "the staging drill " + string(fix.Drill) + " has proven it on the image"
	proofs := provenBy(l.s.Spec, fix)
	if len(proofs) == 0 {
		r := migration.Reason{Code: fix.Code, Verdict: migration.Unknown, Required: required,
			Text: fmt.Sprintf("owed to the drill %s, which no workload has: %s", fix.Drill, fix.How)}
		return hint(r, "%s", missingDrill(fix.Drill))
	}
	var oldest time.Time
	for _, d := range proofs {
		got, ok := l.s.made(d)
		switch {
		case !ok:
			r := migration.Reason{Code: fix.Code, Verdict: migration.Unknown, Required: required,
				Text: fmt.Sprintf("owed to the drill %s, which has not been made on %s as it is declared: %s", fix.Drill, d.workload, fix.How)}
			return hint(r, "step %s makes it; proven by hand: rehome waive %s %s --reason … --until …", migration.StepStage, cmp.Or(l.s.Key, "NAME"), fix.Code)
		case got.Verdict != migration.Pass:
			r := l.told(fix.Code, d, got)
			r.Text += "; so the fix is not proven: " + fix.How
			r.Required = required
			return r
		}
		if oldest.IsZero() || got.At.Before(oldest) {
			oldest = got.At
		}
	}
	return seen(passes(fix.Code, "proven by the drill %s: %s", fix.Drill, fix.How), "staging", oldest)
}

// missingDrill says what lets a drill be made at all.
func missingDrill(d migration.StagingDrill) string {
	if d == migration.DrillSession {
		return "declare drills.session, and that a name leads to the workload"
	}
	return "name another drill that can prove it"
}

// holds says whether the machines were last judged to hold an item.
func (s State) holds(code migration.Code) bool {
	return s.Assessed != nil && slices.ContainsFunc(s.Assessed.Findings, func(f readiness.Finding) bool {
		return f.Code == code && f.Verdict == migration.Pass
	})
}

// assessEvidence is the judgement as it is journalled: no facts, and of each
// finding not more than a person reads.
func assessEvidence(l look) []migration.Evidence {
	a := l.assessment()
	body := Assessed{At: l.now, Facts: migration.DigestOf(l.report()), Oldest: completed(l.report()), Effort: a.Effort}
	for _, m := range l.report().Machines {
		seen := AssessedMachine{Target: m.Target.String(), Began: m.Began, Ended: m.Ended, Gaps: len(m.Gaps)}
		if m.Coverage.Planned > 0 {
			seen.Seen = m.Coverage.String()
		}
		body.Machines = append(body.Machines, seen)
	}
	for _, f := range a.Findings {
		if isBase(f) {
			continue // its turn is at the next step
		}
		f.Evidence = f.Evidence[:min(len(f.Evidence), mostEvidence):min(len(f.Evidence), mostEvidence)]
		body.Findings = append(body.Findings, f)
	}
	return []migration.Evidence{migration.NewEvidence(migration.EvidenceAssess, l.now, body)}
}

// completed is when the facts of any machine were complete, at the earliest.
func completed(r inventory.Report) time.Time {
	var out time.Time
	for _, m := range r.Machines {
		if out.IsZero() || m.Ended.Before(out) {
			out = m.Ended
		}
	}
	return out
}
