package assessment

import (
	"io"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/sarif"
)

// writeSARIF writes one result for each finding. What is unknown is of the kind open:
// the standard's word for a rule that lacked what it needed to decide.
func writeSARIF(w io.Writer, a readiness.Assessment, version string) error {
	run := sarif.NewRun(version)
	for i, f := range a.Findings {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarif.Rule{
			ID: string(f.Code), Short: sarif.Message{Text: orDash(f.Title)}, Help: sarif.Message{Text: orDash(f.Required)}})
		run.Results = append(run.Results, resultOf(a, f, i))
	}
	return sarif.Write(w, run)
}

func resultOf(a readiness.Assessment, f readiness.Finding, index int) sarif.Result {
	kind, level := sarifKind(f)
	text := f.Observed
	if f.Remedy != "" && f.Verdict != migration.Pass {
		text += " Remedy: " + f.Remedy
	}
	r := sarif.Result{
		Rule: string(f.Code), Index: index, Kind: kind, Level: level, Message: sarif.Message{Text: orDash(text)},
		Locations:  []sarif.Location{{Logical: []sarif.Logical{{Name: a.Migration, Kind: "module"}}}},
		Properties: map[string]any{"blocks": f.Blocks, "verdict": f.Verdict.String(), "evidence": f.Evidence},
	}
	if f.Verdict == migration.Waived {
		r.Suppressions = []sarif.Suppression{{Kind: "external", Status: "accepted", Justification: why(f)}}
	}
	return r
}

// sarifKind is kind and level (SARIF 3.27.9 and 3.27.10: a level other than none
// goes with the kind fail alone).
func sarifKind(f readiness.Finding) (kind, level string) {
	switch {
	case f.Verdict == migration.Pass:
		return "pass", "none"
	case f.Verdict == migration.Unknown:
		return "open", "none"
	case f.Verdict == migration.Waived || f.Blocks:
		return "fail", "error"
	case f.Fix != nil:
		return "fail", "warning"
	}
	return "fail", "note"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
