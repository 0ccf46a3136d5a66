package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/runbook"
)

// Assessment is one judgement of the application on its machines, as it was
// journalled when the step was left.
type Assessment struct {
	Attempt int            `json:"attempt"`
	Step    migration.Step `json:"step"`
	Record  uint64         `json:"record"`
	runbook.Assessed
}

// assessed takes a journalled judgement of the machines.
func (t *teller) assessed(e migration.Evidence, r migration.Record) error {
	a := Assessment{Attempt: r.Position.Attempt, Step: r.Position.Step, Record: r.Seq}
	if err := json.Unmarshal(e.Body, &a.Assessed); err != nil {
		return err
	}
	a.Findings = slices.Clone(a.Findings)
	slices.SortStableFunc(a.Findings, func(x, y readiness.Finding) int { return urgency(x) - urgency(y) })
	a.Machines, a.Findings = listed(a.Machines), listed(a.Findings)
	t.assessments = append(t.assessments, a)
	return nil
}

// urgency puts first what was let pass by name, then what blocks or is owed,
// then advice.
func urgency(f readiness.Finding) int {
	switch {
	case f.Verdict == migration.Waived:
		return 0
	case f.Blocks:
		return 1
	case f.Fix != nil:
		return 2
	case f.Verdict != migration.Pass:
		return 3
	}
	return 4
}

// Title is what was judged when.
func (a Assessment) Title() string {
	return fmt.Sprintf("Attempt %d, at %s, %s", a.Attempt, a.Step, stamp(a.At))
}

// Seen says from which facts it was judged.
func (a Assessment) Seen() string {
	var machines []string
	for _, m := range a.Machines {
		text := m.Target
		if m.Seen != "" {
			text += ", " + m.Seen
		}
		if !m.Ended.IsZero() {
			text += ", until " + stamp(m.Ended)
		}
		if m.Gaps > 0 {
			text += fmt.Sprintf(", %d things could not be seen", m.Gaps)
		}
		machines = append(machines, text)
	}
	digest := a.Facts
	if len(digest) > 16 {
		digest = digest[:16]
	}
	return strings.Join(machines, "; ") + ". Digest of the facts: " + digest + "."
}

// standing is a finding's verdict in words, with who answers for it.
func standing(f readiness.Finding) string {
	switch {
	case f.Verdict == migration.Waived && f.Waiver != nil:
		return "waived by " + f.Waiver.By
	case f.Fix != nil && f.Verdict != migration.Pass:
		return fmt.Sprintf("%s, owed to %s", f.Verdict, f.Fix.Drill)
	case f.Verdict == migration.Pass, f.Blocks:
		return f.Verdict.String()
	}
	return f.Verdict.String() + ", advice"
}

// evidenceText is what a finding rests on, each with its machine.
func evidenceText(f readiness.Finding) string {
	var out []string
	for _, e := range f.Evidence {
		out = append(out, e.String())
	}
	return strings.Join(out, "; ")
}

func (p *page) assessments(r Report) {
	p.line("## The application on its machines")
	if len(r.Assessments) == 0 {
		p.line("Nothing was judged from facts of the machines.")
	}
	for _, a := range r.Assessments {
		p.line("### %s", plain(a.Title()))
		p.line("%s", plain(a.Seen()))
		p.table("Item", "Verdict", "Observed", "Evidence", "Seen at", "To see it oneself", "Remedy")
		for _, f := range a.Findings {
			command := ""
			if f.Command != "" {
				command = "`" + strings.ReplaceAll(bare(f.Command), "`", "'") + "`"
				command = strings.ReplaceAll(command, "|", "\\|")
			}
			p.row("`"+plain(string(f.Code))+"`", plain(standing(f)), plain(f.Observed), plain(evidenceText(f)), stamp(f.At), command, plain(f.Remedy))
		}
		p.end()
	}
}
