package runbook

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// TestAdviceHoldsNothingUp: what does not block is read, and a finding that
// blocks is none of it.
func TestAdviceHoldsNothingUp(t *testing.T) {
	p := standAt(t, migration.StepAssess)
	p.w.machine = func(t inventory.Target, at time.Time) inventory.Facts {
		f := imagined.Service(t, at)
		f.Processes[0].User, f.Processes[0].UID = "root", 0
		f.Unit.User = ""
		return f
	}
	p.s.Waivers = slices.DeleteFunc(slices.Clone(p.s.Waivers), func(w migration.Waiver) bool { return w.Code == migration.CodeEgress })
	m, ok := p.step().(Move)
	if !ok || m.To.Step != migration.StepContainer {
		t.Fatalf("stands at %s: %s", p.s.Step, asJSON(p.decide()))
	}
	advised := 0
	for _, r := range m.Reasons {
		if r.Advice {
			advised++
			if r.Verdict.OK() || !r.OK() {
				t.Errorf("%s is advice, and %s", r.Code, r.Verdict)
			}
		}
	}
	if advised == 0 {
		t.Error("nothing is advised")
	}
}

// TestOwed: a fix is owed from stage on until its drill has passed on what is
// declared, or it is waived by name, unless the item holds on the machines; a
// waiver of one lets no other pass.
func TestOwed(t *testing.T) {
	spec := exampleSpec()
	spec.Fixes = []migration.Fix{
		{Code: migration.CodeLogsStdout, Drill: migration.DrillLogs, How: "logs to stdout"},
		{Code: migration.CodeSIGTERM, Drill: migration.DrillDrain, How: "drains"},
	}
	both := []migration.Code{migration.CodeLogsStdout, migration.CodeSIGTERM}
	finding := func(c migration.Code, v migration.Verdict) readiness.Finding {
		return readiness.Finding{Code: c, Verdict: v}
	}
	shown := func(d migration.StagingDrill, v migration.Verdict) map[string]Drilled {
		res := migration.DrillResult{Drill: d, Workload: key, Verdict: v, Digest: spec.WorkloadDigest(migration.Staging, key)}
		return map[string]Drilled{drillOf{d, key}.key(): {DrillResult: res, At: t0}}
	}
	other := shown(migration.DrillDrain, migration.Pass)
	for k, d := range other {
		d.Digest = "another image"
		other[k] = d
	}
	logs, sigterm := []migration.Code{migration.CodeLogsStdout}, []migration.Code{migration.CodeSIGTERM}
	waiver := migration.Waiver{Code: migration.CodeSIGTERM, By: "angua", Reason: "drilled", Until: t0.Add(time.Hour)}
	for name, tt := range map[string]struct {
		assessed *Assessed
		waivers  []migration.Waiver
		drills   map[string]Drilled
		open     []migration.Code
	}{
		"nothing was judged":     {nil, nil, nil, both},
		"both fail":              {&Assessed{Findings: []readiness.Finding{finding(migration.CodeLogsStdout, migration.Fail), finding(migration.CodeSIGTERM, migration.Unknown)}}, nil, nil, both},
		"one holds":              {&Assessed{Findings: []readiness.Finding{finding(migration.CodeLogsStdout, migration.Pass), finding(migration.CodeSIGTERM, migration.Fail)}}, nil, nil, sigterm},
		"one is let pass":        {nil, []migration.Waiver{waiver}, nil, logs},
		"was let pass there":     {&Assessed{Findings: []readiness.Finding{finding(migration.CodeLogsStdout, migration.Waived)}}, nil, nil, both},
		"one holds, one waived":  {&Assessed{Findings: []readiness.Finding{finding(migration.CodeLogsStdout, migration.Pass)}}, []migration.Waiver{waiver}, nil, nil},
		"one is proven":          {nil, nil, shown(migration.DrillDrain, migration.Pass), logs},
		"its drill failed":       {nil, nil, shown(migration.DrillDrain, migration.Fail), both},
		"its drill told nothing": {nil, nil, shown(migration.DrillDrain, migration.Unknown), both},
		"waived by an adapter":   {nil, nil, shown(migration.DrillDrain, migration.Waived), both},
		"of another image":       {nil, nil, other, both},
	} {
		l := look{s: State{Spec: spec, Assessed: tt.assessed, Waivers: tt.waivers, Drills: tt.drills}, now: t0}
		var open []migration.Code
		for _, r := range failing(l.survey([]survey{nothingOwed})) {
			open = append(open, r.Code)
			if r.Remedy != migration.Blocks || !strings.Contains(r.Hint, "rehome") {
				t.Errorf("%s: %s", name, asJSON(r))
			}
		}
		if !slices.Equal(open, tt.open) {
			t.Errorf("%s: open %v, want %v", name, open, tt.open)
		}
	}
}

// TestJournalledFindings: right before the switch the journal's findings count.
// One that had been waived is open again when its waiver has ended, and without
// any there is no switch.
func TestJournalledFindings(t *testing.T) {
	p, i := atIntent(t)
	l := looked(p)
	if why := Confirm(p.s, i, l.f, l.now); len(why) > 0 {
		t.Fatalf("held up: %s", asJSON(why))
	}
	ended := p.s
	ended.Waivers = slices.DeleteFunc(slices.Clone(p.s.Waivers), func(w migration.Waiver) bool { return w.Code == migration.CodeResources })
	ended.Assessed = &Assessed{Oldest: l.now}
	*ended.Assessed = *p.s.Assessed
	ended.Assessed.Findings = slices.Clone(p.s.Assessed.Findings)
	for n := range ended.Assessed.Findings {
		if w := ended.Assessed.Findings[n].Waiver; w != nil && w.Code == migration.CodeResources {
			over := *w
			over.Until = l.now
			ended.Assessed.Findings[n].Waiver = &over
		}
	}
	none := p.s
	none.Assessed = nil
	for code, s := range map[migration.Code]State{migration.CodeResources: ended, migration.CodeStale: none} {
		why := Confirm(s, i, Facts{DNS: l.f.DNS, Cluster: l.f.Cluster, Probe: l.f.Probe, Sample: l.f.Sample}, l.now)
		if !slices.ContainsFunc(why, func(r migration.Reason) bool { return r.Code == code }) {
			t.Errorf("not held up by %s: %s", code, asJSON(why))
		}
	}
}

// TestJournalledEvidenceIsBounded: of a finding the journal keeps what a person
// reads, and of the facts the digest.
func TestJournalledEvidenceIsBounded(t *testing.T) {
	p := standAt(t, migration.StepAssess)
	p.w.machine = func(t inventory.Target, at time.Time) inventory.Facts {
		f := imagined.Legacy(t, at)
		for n := range 50 {
			s := f.Logs[0]
			s.To += strings.Repeat("x", n+1)
			f.Logs = append(f.Logs, s)
		}
		return f
	}
	p.s.Waivers = append(slices.Clone(p.s.Waivers), migration.Waiver{Code: migration.CodeLogsStdout, Until: p.w.now.Add(time.Hour)}, migration.Waiver{Code: migration.CodeSIGTERM, Until: p.w.now.Add(time.Hour)})
	p.step()
	if p.s.Assessed == nil {
		t.Fatal(asJSON(p.decide()))
	}
	for _, f := range p.s.Assessed.Findings {
		if len(f.Evidence) > mostEvidence {
			t.Errorf("%s keeps %d pieces of evidence", f.Code, len(f.Evidence))
		}
	}
	if p.s.Assessed.Facts != migration.DigestOf(p.w.inventory()) {
		t.Error("the digest is not that of the facts")
	}
}

// TestSurveyed: what the documents say of each step is what its surveys find.
func TestSurveyed(t *testing.T) {
	for _, step := range []migration.Step{migration.StepAssess, migration.StepContainer, migration.StepStage, migration.StepBaseline, migration.StepGo} {
		p := standAt(t, step)
		p.observe([]Query{{Kind: QueryInventory}, {Kind: QueryBase}, {Kind: QueryIsolation}})
		r, _ := rowOf(step)
		for _, reason := range (look{s: p.s, f: p.facts, now: p.w.now}).survey(slices.Concat(r.surveys, r.proofs)) {
			if !slices.Contains(Surveyed(step), reason.Code) {
				t.Errorf("%s finds %s, and does not say so", step, reason.Code)
			}
		}
	}
	if len(Surveyed(migration.StepStage)) == 0 || len(Surveyed(migration.StepDeploy)) > 0 {
		t.Errorf("stage %v, deploy %v", Surveyed(migration.StepStage), Surveyed(migration.StepDeploy))
	}
}
