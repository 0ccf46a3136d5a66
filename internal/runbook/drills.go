package runbook

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Drilled is the newest result of one drill on one workload, and what the file
// said about the drill when it was made.
type Drilled struct {
	migration.DrillResult
	Settings string    `json:"settings,omitempty"`
	At       time.Time `json:"at"` // when it was journalled
}

// drillCodes are the guards that the drills discharge.
var drillCodes = map[migration.StagingDrill]migration.Code{
	migration.DrillRoundTrip: migration.CodeConfigDrop,
	migration.DrillDial:      migration.CodeEgress,
	migration.DrillTruth:     migration.CodeHealth,
	migration.DrillSession:   migration.CodeSessions,
	migration.DrillReplace:   migration.CodeStateDisk,
	migration.DrillDrain:     migration.CodeSigtermRace,
	migration.DrillLogs:      migration.CodeLogsStdout,
	migration.DrillReadOnly:  migration.CodeConfigRO,
}

// DrillCode is the guard that a drill discharges.
func DrillCode(d migration.StagingDrill) migration.Code { return drillCodes[d] }

// drillOf is one drill of one workload.
type drillOf struct {
	drill    migration.StagingDrill
	workload string
}

func (d drillOf) key() string    { return d.workload + "/" + string(d.drill) }
func (d drillOf) String() string { return fmt.Sprintf("the drill %s of %s", d.drill, d.workload) }

func (d drillOf) action(s migration.Spec) migration.RunDrill {
	return migration.RunDrill{Env: migration.Staging, Drill: d.drill, Workload: d.workload, Settings: s.DrillSettings(d.drill)}
}

// drillsOf are the drills that a migration's workloads have, in the order in which
// they are made.
func drillsOf(spec migration.Spec) []drillOf {
	var out []drillOf
	for _, w := range spec.Workloads {
		for _, d := range migration.StagingDrills() {
			if applies(spec, w, d) {
				out = append(out, drillOf{d, w.Name})
			}
		}
	}
	return out
}

// applies says whether a workload has what a drill is about.
func applies(spec migration.Spec, w migration.Workload, d migration.StagingDrill) bool {
	switch d {
	case migration.DrillRoundTrip:
		return mountsFiles(w) || configDropped(spec)
	case migration.DrillSession:
		return spec.Drills.Session != nil && exposed(spec, w)
	case migration.DrillTruth, migration.DrillDrain:
		return len(w.Ports) > 0
	}
	return true
}

func mountsFiles(w migration.Workload) bool {
	for _, m := range w.Mounts {
		if m.Path != "" {
			return true
		}
	}
	return false
}

// configDropped says whether the machines' configuration directories would be
// found in no pod.
func configDropped(spec migration.Spec) bool {
	for _, w := range spec.Workloads {
		if mountsFiles(w) {
			return false
		}
	}
	for _, vm := range spec.VMs {
		if len(vm.ConfigDirs) > 0 {
			return true
		}
	}
	return false
}

func exposed(spec migration.Spec, w migration.Workload) bool {
	for _, e := range spec.Exposed() {
		if e.Name == w.Name {
			return true
		}
	}
	return false
}

// made is the newest result of a drill that speaks of what is declared now.
func (s State) made(d drillOf) (Drilled, bool) {
	got, ok := s.Drills[d.key()]
	if !ok || got.Digest != s.Spec.WorkloadDigest(migration.Staging, d.workload) || got.Settings != s.Spec.DrillSettings(d.drill) {
		return Drilled{}, false
	}
	return got, true
}

// old says whether a result is older than the policy lets evidence be.
func (l look) old(d Drilled) bool { return l.now.Sub(d.At) > l.s.Policy.EvidenceAge }

// drilled is what the drills of step stage have shown: those that are left out by
// the file first.
func drilled(l look) []migration.Reason {
	var first, out []migration.Reason
	for _, d := range drillsOf(l.s.Spec) {
		if why, skipped := l.s.Spec.Skipped(d.drill); skipped {
			first = append(first, l.skipped(d, why))
			continue
		}
		out = append(out, l.shown(d))
	}
	if r, said := l.sessions(); said {
		first = append(first, r)
	}
	if !slices.ContainsFunc(drillsOf(l.s.Spec), func(d drillOf) bool { return d.drill == migration.DrillRoundTrip }) {
		out = append(out, passes(migration.CodeConfigDrop, "no file of configuration is declared, on the machines or in a workload"))
	}
	return append(first, out...)
}

func (l look) skipped(d drillOf, why string) migration.Reason {
	return migration.Reason{
		Code: drillCodes[d.drill], Verdict: migration.Waived, Source: cmp.Or(l.s.File, "the file"),
		Text: fmt.Sprintf("%s is left out by the file, which %s declared: %s", d, l.s.DeclaredBy, why),
	}
}

// sessions says what becomes of sessions where nothing is declared of them.
func (l look) sessions() (migration.Reason, bool) {
	if l.s.Spec.Drills.Session != nil {
		return migration.Reason{}, false
	}
	const d = migration.DrillSession
	if why, skipped := l.s.Spec.Skipped(d); skipped {
		return migration.Reason{
			Code: migration.CodeSessions, Verdict: migration.Waived, Source: cmp.Or(l.s.File, "the file"),
			Text: fmt.Sprintf("the drill %s is left out by the file, which %s declared: %s", d, l.s.DeclaredBy, why),
		}, true
	}
	r := migration.Reason{Code: migration.CodeSessions, Verdict: migration.Unknown, Text: "nobody has said whether it keeps sessions"}
	return hint(r, "declare drills.session, or leave the drill out with the reason: drills.skip.%s", d), true
}

// shown is what one drill has shown.
func (l look) shown(d drillOf) migration.Reason {
	code := drillCodes[d.drill]
	got, ok := l.s.made(d)
	switch {
	case !ok && l.s.Drills[d.key()].Drill != "":
		return unknown(code, "%s was made before the file was edited", d)
	case !ok:
		return unknown(code, "%s has not been made", d)
	case l.old(got):
		return unknown(code, "%s was made %s, longer ago than %s", d, got.At.UTC().Format(time.RFC3339), l.s.Policy.EvidenceAge)
	}
	return l.told(code, d, got)
}

// told is a result as a reason of some code.
func (l look) told(code migration.Code, d drillOf, got Drilled) migration.Reason {
	r := migration.Reason{
		Code: code, Verdict: got.Verdict, Text: fmt.Sprintf("%s of %s: %s", d.drill, d.workload, got.Text),
		Observed: strings.Join(got.Evidence[:min(len(got.Evidence), mostEvidence)], "; "), Source: "staging", At: got.At,
	}
	for _, f := range l.s.Spec.Fixes {
		if r.Verdict == migration.Pass && f.Drill == d.drill && f.Code == code {
			r.Text += "; this proves the fix: " + f.How
		}
	}
	if r.Verdict == migration.Pass {
		return r
	}
	if r.Verdict != migration.Fail {
		r.Verdict = migration.Unknown
	}
	r.Hint = "then declare what was mended, or, where the file stays as it is: rehome run " + cmp.Or(l.s.File, "FILE") + " --again"
	if got.Remedy != "" {
		r.Hint = got.Remedy + "; " + r.Hint
	}
	return r
}

// due says whether a drill is to be made now: nobody has left it out or let its
// guard pass by name, and there is no result of what is declared, or an old one.
func (l look) due(d drillOf) bool {
	if _, skipped := l.s.Spec.Skipped(d.drill); skipped {
		return false
	}
	if got, ok := l.s.made(d); ok && !l.old(got) {
		return false
	}
	return l.waive(unknown(drillCodes[d.drill], "%s is not made", d)).Verdict != migration.Waived
}

// planDrills makes the drills that are due, one at a time: two at once would
// disturb each other, and before each it is looked at again what staging reaches.
func planDrills(l look) ([]migration.Action, []migration.Reason) {
	for _, d := range drillsOf(l.s.Spec) {
		if l.due(d) {
			return []migration.Action{d.action(l.s.Spec)}, nil
		}
	}
	return nil, nil
}

// provenBy are the drills that prove a fix.
func provenBy(spec migration.Spec, fix migration.Fix) []drillOf {
	var out []drillOf
	for _, d := range drillsOf(spec) {
		if d.drill == fix.Drill {
			out = append(out, d)
		}
	}
	return out
}

// proofs are the drills that prove what the declared fixes owe.
func (s State) proofs() []drillOf {
	var out []drillOf
	for _, fix := range s.Spec.Fixes {
		if !s.holds(fix.Code) {
			out = append(out, provenBy(s.Spec, fix)...)
		}
	}
	return out
}

// proofDue says whether a proof is to be taken anew in the step that is entered:
// it would be too old by the switch.
func (s State) proofDue(d drillOf) bool {
	got, ok := s.made(d)
	return !ok || s.Since.Sub(got.At) > s.Policy.EvidenceAge/2
}

// planProofs makes the drills again that fixes rest on, where they were made too
// long ago for the switch. Staging must be as it was for them.
func planProofs(l look) ([]migration.Action, []migration.Reason) {
	if l.foreseen {
		return nil, nil
	}
	for _, d := range l.s.proofs() {
		if l.s.proofDue(d) && l.waive(unknown(l.fixOf(d.drill), "%s is not made", d)).Verdict != migration.Waived {
			return whenRolledOut(migration.Staging, whenIsolated(func(look) ([]migration.Action, []migration.Reason) {
				return []migration.Action{d.action(l.s.Spec)}, nil
			}))(l)
		}
	}
	return nil, nil
}

// fixOf is the item that a drill proves a fix of.
func (l look) fixOf(d migration.StagingDrill) migration.Code {
	for _, f := range l.s.Spec.Fixes {
		if f.Drill == d && !l.s.holds(f.Code) {
			return f.Code
		}
	}
	return drillCodes[d]
}

// staleProofs are the proofs that have become too old while a window or a person
// was waited for.
func (l look) staleProofs() []string {
	var out []string
	for _, d := range l.s.proofs() {
		if got, ok := l.s.made(d); ok && l.old(got) && l.waive(unknown(l.fixOf(d.drill), "")).Verdict != migration.Waived {
			out = append(out, fmt.Sprintf("%s of %s", d, got.At.UTC().Format(time.RFC3339)))
		}
	}
	return out
}

// withResult keeps the newest result of each drill.
func withResult(known map[string]Drilled, a migration.RunDrill, res migration.DrillResult, at time.Time) map[string]Drilled {
	out := maps.Clone(known)
	if out == nil {
		out = map[string]Drilled{}
	}
	out[drillOf{a.Drill, a.Workload}.key()] = Drilled{DrillResult: res, Settings: a.Settings, At: at}
	return out
}

// repeated forgets the drills that did not pass, so that they are made again, and
// what held them up.
func repeated(s State) State {
	n := s
	n.Drills = maps.Clone(s.Drills)
	maps.DeleteFunc(n.Drills, func(_ string, d Drilled) bool { return d.Verdict != migration.Pass })
	n.Failed = maps.Clone(s.Failed)
	delete(n.Failed, migration.RunDrill{Env: migration.Staging}.Target())
	return n
}

// DrillsToRepeat are the drills whose last result did not pass, by workload and
// drill, in the order in which they are made.
func DrillsToRepeat(s State) []string {
	var out []string
	for _, d := range drillsOf(s.Spec) {
		if got, ok := s.Drills[d.key()]; ok && got.Verdict != migration.Pass {
			out = append(out, d.key())
		}
	}
	return out
}

// DrillResults are the results that speak of what is declared now, in the order in
// which the drills are made.
func DrillResults(s State) []Drilled {
	var out []Drilled
	for _, d := range drillsOf(s.Spec) {
		if got, ok := s.made(d); ok {
			out = append(out, got)
		}
	}
	return out
}
