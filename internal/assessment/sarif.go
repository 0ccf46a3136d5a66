package assessment

import (
	"encoding/json"
	"io"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// The part of SARIF 2.1.0 (OASIS, 27 March 2020) that an assessment needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Short sarifMessage `json:"shortDescription"`
		Help  sarifMessage `json:"help"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Index        int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		Logical []sarifLogical `json:"logicalLocations"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// sarif writes one result for each finding. What is unknown is of the kind open:
// the standard's word for a rule that lacked what it needed to decide.
func sarif(w io.Writer, a readiness.Assessment, version string) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "rehome", Version: version, URI: "https://rehome.dev", Rules: []sarifRule{}}
	for i, f := range a.Findings {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: string(f.Code), Short: sarifMessage{orDash(f.Title)}, Help: sarifMessage{orDash(f.Required)}})
		run.Results = append(run.Results, sarifOf(a, f, i))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifOf(a readiness.Assessment, f readiness.Finding, index int) sarifResult {
	kind, level := sarifKind(f)
	text := f.Observed
	if f.Remedy != "" && f.Verdict != migration.Pass {
		text += " Remedy: " + f.Remedy
	}
	r := sarifResult{
		Rule: string(f.Code), Index: index, Kind: kind, Level: level, Message: sarifMessage{orDash(text)},
		Locations:  []sarifLocation{{Logical: []sarifLogical{{Name: a.Migration, Kind: "module"}}}},
		Properties: map[string]any{"blocks": f.Blocks, "verdict": f.Verdict.String(), "evidence": f.Evidence},
	}
	if f.Verdict == migration.Waived {
		r.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: why(f)}}
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
