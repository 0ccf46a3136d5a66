package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/sarif"
	"rehome.dev/rehome/internal/sweep"
)

// scanSARIF writes what was found for a code scanner. What is doubtful is of the kind
// review, the standard's word for what a person has to decide.
func scanSARIF(w io.Writer, s scanned, version string) error {
	run := sarif.NewRun(version)
	run.Columns = "unicodeCodePoints"
	all := slices.Concat(s.Findings, s.Doubtful, s.LetPass)
	index := map[string]int{}
	for _, f := range all {
		id := ruleID(f.Rule)
		if _, known := index[id]; !known {
			index[id] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarif.Rule{
				ID: id, Short: sarif.Message{Text: "A secret by the rule: " + f.Rule},
				Help: sarif.Message{Text: "Keep it where secrets are kept, refer to it from here, and change it: who could read the file knows it."},
			})
		}
		run.Results = append(run.Results, scanResult(f, id, index[id]))
	}
	call := sarif.Invocation{Successful: len(s.Errors) == 0}
	for _, f := range s.Errors {
		call.Notifications = append(call.Notifications, sarif.Notification{Level: "error", Message: sarif.Message{Text: f.File + ": " + f.Reason}})
	}
	for _, f := range s.Skipped {
		call.Notifications = append(call.Notifications, sarif.Notification{Level: "note", Message: sarif.Message{Text: f.File + ": not looked at: " + f.Reason}})
	}
	run.Invocations = []sarif.Invocation{call}
	return sarif.Write(w, run)
}

// ruleID is a rule's name without blanks.
func ruleID(rule string) string {
	return strings.ReplaceAll(strings.ReplaceAll(rule, ": ", "/"), " ", "-")
}

func scanResult(f sweep.Finding, id string, index int) sarif.Result {
	text := fmt.Sprintf("%s holds a secret", f.KeyPath)
	kind, level := "fail", "error"
	if f.Doubtful {
		text = fmt.Sprintf("%s may hold a secret: a person has to decide", f.KeyPath)
		kind, level = "review", "none"
	}
	if f.Line == 0 {
		text = "the file is a secret as a whole"
	}
	at := sarif.Physical{Artifact: sarif.Artifact{URI: sarif.FileURI(f.File)}}
	if f.Line > 0 {
		at.Region = &sarif.Region{Line: f.Line, Column: f.Column}
	}
	r := sarif.Result{
		Rule: id, Index: index, Kind: kind, Level: level, Message: sarif.Message{Text: text},
		Locations:    []sarif.Location{{Physical: &at, Logical: []sarif.Logical{{Name: f.KeyPath, Kind: "property"}}}},
		Fingerprints: map[string]string{"place/v1": fingerprint(f)},
	}
	if f.Commit != "" {
		r.Properties = map[string]any{"commit": f.Commit}
	}
	if f.LetPass() {
		r.Suppressions = []sarif.Suppression{{Kind: "external", Status: "accepted",
			Justification: fmt.Sprintf("%s (until %s)", f.Allowance.Reason, f.Allowance.Until)}}
	}
	return r
}

// fingerprint is the same wherever the setting moves in its file. It is made of the
// place alone: one of the value would let it be guessed.
func fingerprint(f sweep.Finding) string {
	sum := sha256.Sum256([]byte(f.File + "\x00" + f.KeyPath + "\x00" + f.Rule))
	return hex.EncodeToString(sum[:16])
}
