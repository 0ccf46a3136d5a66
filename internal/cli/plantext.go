package cli

import (
	"fmt"
	"io"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// planText is a plan for people. What was waived comes first.
func (p *Program) planText(w io.Writer, v outlook) {
	pos := migration.Position{Attempt: v.Attempt, Mode: v.Mode, Step: v.Step}
	fmt.Fprintf(w, "%s  %s\n", p.paint(styleHead, v.Migration), where(pos))
	p.waivers(w, v.Waivers)
	p.leftOut(w, v.LeftOut)
	if len(v.Shortened) > 0 {
		fmt.Fprintf(w, "%s\n", p.paint(styleWarn, fmt.Sprintf("policy %s is shorter than the runbook: %s", v.Policy, joined(v.Shortened))))
	}
	if !v.Declared {
		fmt.Fprintf(w, "not begun: the journal does not know it yet; %s counts\n", v.File)
	}
	if len(v.Edited) > 0 {
		fmt.Fprintf(w, "%s was edited: %s\n", v.File, joined(v.Edited))
	}
	if v.BackTo != "" {
		fmt.Fprintf(w, "the edit sends the attempt back to %s\n", v.BackTo)
	}
	if v.Trouble != "" {
		fmt.Fprintf(w, "%s\n", p.paint(styleBad, v.Trouble))
	}
	next := v.Next
	if v.unprobed() {
		next = "take the facts of the machines, and judge them"
	}
	fmt.Fprintf(w, "\nnext: %s\n", next)
	p.reasons(w, "  ", v.besides(), v.Migration)
	fmt.Fprintln(w)
	for i, s := range v.Steps {
		p.stepText(w, fmt.Sprintf("%2d", i+1), s, v.Migration)
	}
	if len(v.Undo) > 0 {
		fmt.Fprintf(w, "\nabort would undo:\n")
		p.undoText(w, v.Undo)
	}
	fmt.Fprintf(w, "\nchecksum: %s\n", v.Checksum)
}

// unprobed says that nothing but the facts of the machines is waited for: a plan
// does not take them.
func (v outlook) unprobed() bool {
	bad := failing(v.Reasons)
	return v.Step == migration.StepAssess && v.Mode == migration.ModeForward && len(bad) == 1 &&
		bad[0].Code == migration.CodeStale && bad[0].Verdict == migration.Unknown
}

// waivers writes what was waived in the same words once.
func (p *Program) waivers(w io.Writer, list []migration.Waiver) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "%s\n", p.paint(styleWarn, fmt.Sprintf("waived, %d:", len(list))))
	type word struct {
		by, reason string
		until      time.Time
	}
	var words []word
	codes := map[word][]string{}
	for _, x := range list {
		said := word{x.By, x.Reason, x.Until.UTC()}
		if codes[said] == nil {
			words = append(words, said)
		}
		codes[said] = append(codes[said], string(x.Code))
	}
	for _, said := range words {
		fmt.Fprintf(w, "  %s\n    by %s until %s: %s\n", joined(codes[said]), said.by, p.stamp(said.until), said.reason)
	}
}

func (p *Program) stepText(w io.Writer, number string, s step, name string) {
	status := s.Status
	switch s.Status {
	case "here":
		status = p.paint(styleHead, status+" ")
	case "done":
		status = p.paint(styleGood, status+" ")
	}
	fmt.Fprintf(w, "%s %-5s %-12s %s\n", number, status, s.Step, s.Title)
	if s.Status == "done" {
		return
	}
	p.reasons(w, "           ", s.Pending, name)
	p.reasons(w, "           advice: ", s.Advice, name)
	p.changes(w, "           ", s.Changes)
}

func (p *Program) undoText(w io.Writer, list []step) {
	any := false
	for _, s := range list {
		p.changes(w, "  ", s.Changes)
		p.reasons(w, "  ", s.Pending, "")
		any = any || len(s.Changes)+len(s.Pending) > 0
	}
	if !any {
		fmt.Fprintln(w, "  nothing: nothing has been prepared")
	}
}

// besides are the reasons of the next decision that the step where it stands
// does not show.
func (v outlook) besides() []migration.Reason {
	shown := map[migration.Code]bool{}
	for _, s := range v.Steps {
		for _, r := range s.Pending {
			if s.Status == "here" {
				shown[r.Code] = true
			}
		}
	}
	return slices.DeleteFunc(failing(v.Reasons), func(r migration.Reason) bool { return shown[r.Code] })
}
