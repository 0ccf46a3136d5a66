package cli

import (
	"fmt"
	"io"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// result is how a command that drives has ended.
type result struct {
	Migration string             `json:"migration"`
	Attempt   int                `json:"attempt"`
	Mode      migration.Mode     `json:"mode"`
	Step      migration.Step     `json:"step"`
	Decision  string             `json:"decision"`
	Until     time.Time          `json:"until,omitzero"`
	Reasons   []migration.Reason `json:"reasons,omitempty"`
	Would     []change           `json:"would,omitempty"`
	Left      []migration.Left   `json:"left,omitempty"`
	Incident  string             `json:"incident,omitempty"`
	Warning   string             `json:"warning,omitempty"`
	Next      string             `json:"next,omitempty"` // the command that goes on
	Exit      Code               `json:"exit"`
	Meaning   string             `json:"meaning"`
}

// change is one thing that would be changed.
type change struct {
	Step   migration.Step   `json:"step"`
	What   string           `json:"what"`
	Kind   string           `json:"kind"`
	Target migration.Target `json:"target"`
	Diff   []string         `json:"diff,omitempty"`
}

func changeOf(step migration.Step, a migration.Action) change {
	return change{Step: step, What: actionText(a), Kind: migration.ActionName(a), Target: a.Target(), Diff: actionDiff(a)}
}

func resultOf(s runbook.State, d runbook.Decision, exit Code) result {
	v := result{
		Migration: s.Key, Attempt: s.Attempt, Mode: s.Mode, Step: s.Step,
		Left: s.Left, Exit: exit, Meaning: Meanings[exit],
	}
	if d != nil {
		v.Decision, v.Reasons = runbook.DecisionName(d), d.Why()
		v.Until, _ = waitsUntil(d)
	}
	if inc, open := s.OpenIncident(); open {
		v.Incident = inc.ID
	}
	switch exit {
	case CodeBlocked, CodeWaiting:
		if !over(s.Mode) {
			v.Next = resume(s)
		}
	case CodeRolledBack:
		v.Next = fmt.Sprintf("rehome rca %s --template", s.Key)
	}
	return v
}

func over(m migration.Mode) bool {
	return m == migration.ModeRolledBack || m == migration.ModeAborted || m == migration.ModeRetired
}

func (v result) position() migration.Position {
	return migration.Position{Attempt: v.Attempt, Mode: v.Mode, Step: v.Step}
}

// resultText is a result for people.
func (p *Program) resultText(w io.Writer, v result) {
	fmt.Fprintf(w, "%s: %s: %s\n", p.paint(styleHead, v.Migration), where(v.position()), v.headline())
	p.reasons(w, "  ", v.shown(), v.Migration)
	p.changes(w, "  would ", v.Would)
	if !v.Until.IsZero() && v.Exit == CodeWaiting {
		fmt.Fprintf(w, "  until %s\n", p.stamp(v.Until))
	}
	for _, l := range v.Left {
		fmt.Fprintf(w, "  left for a person: %s: %s\n", l.What, l.Why)
	}
	if v.Warning != "" {
		fmt.Fprintf(w, "  %s\n", p.paint(styleBad, "warning: "+v.Warning))
	}
	if v.Next != "" {
		fmt.Fprintf(w, "  to go on: %s\n", v.Next)
	}
}

// headline is the end in a word or two.
func (v result) headline() string {
	switch {
	case len(v.Would) > 0:
		return "would act"
	case v.Decision == "stopped":
		return "stopped"
	case v.Decision == "ask":
		return "a person is needed"
	case v.Exit == CodeDone && v.Decision != "finished":
		return "would " + v.Decision
	}
	return v.Meaning
}

// shown are the reasons that matter: those that do not pass, or all of them
// where nothing holds it back.
func (v result) shown() []migration.Reason {
	if bad := failing(v.Reasons); len(bad) > 0 {
		return bad
	}
	if v.Exit == CodeDone && len(v.Would) == 0 {
		return v.Reasons
	}
	return nil
}

func (p *Program) changes(w io.Writer, indent string, list []change) {
	for _, c := range list {
		fmt.Fprintf(w, "%s%s\n", indent, c.What)
		p.diff(w, indent+"  ", c.Diff)
	}
}

func (p *Program) diff(w io.Writer, indent string, lines []string) {
	for _, l := range lines {
		style := styleGood
		if l[0] == '-' {
			style = styleBad
		}
		fmt.Fprintf(w, "%s%s\n", indent, p.paint(style, l))
	}
}
