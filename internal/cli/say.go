package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// speak journals what a person says about a migration. With dry nothing is
// journalled; what makes the sayings is called all the same, to refuse or to tell.
func (p *Program) speak(ctx context.Context, name string, dry bool, what func(s runbook.State, actor string) ([]engine.Saying, error)) error {
	actor, err := p.actor()
	if err != nil {
		return err
	}
	if dry {
		s, _, err := p.past(ctx, name)
		if err != nil {
			return err
		}
		_, err = what(s, actor)
		return err
	}
	j, err := p.known(ctx, name)
	if err != nil {
		return err
	}
	defer j.Close()
	e, err := p.speaker(j, name)
	if err != nil {
		return err
	}
	return e.Said(ctx, actor, func(s runbook.State) ([]engine.Saying, error) { return what(s, actor) })
}

// nextAttempt is the attempt that what is said now counts for: after a rollback
// it is the one to come.
func nextAttempt(s runbook.State) int {
	if s.Mode == migration.ModeRolledBack || s.Mode == migration.ModeAborted {
		return s.Attempt + 1
	}
	return s.Attempt
}

func (p *Program) approveCommand() *cobra.Command {
	var until, reason string
	var dry bool
	c := &cobra.Command{
		Use:   "approve NAME",
		Short: "Approve an attempt, also beforehand",
		Long: `Approves the switch of the attempt that is under way or, after a rollback, of the next
one. An approval is for the file as it is declared now: an edit ends it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := p.parseUntil(until)
			if err != nil {
				return usage("--for: %w", err)
			}
			return p.approve(cmd.Context(), args[0], end, reason, dry)
		},
	}
	c.Flags().StringVar(&until, "for", "24h", "how long it holds: a time or a duration such as 24h or 3d")
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be journalled")
	return c
}

func (p *Program) approve(ctx context.Context, name string, until time.Time, reason string, dry bool) error {
	var a migration.Approval
	err := p.speak(ctx, name, dry, func(s runbook.State, actor string) ([]engine.Saying, error) {
		rule := s.Spec.Approvals
		switch {
		case len(rule.From) > 0 && !slices.Contains(rule.From, actor):
			return nil, blocked("%s is not among those who may approve %s: %s", actor, name, joined(rule.From)).with("speak in another name with --as, if you are that person")
		case actor == s.DeclaredBy && !s.Policy.SelfApproval:
			return nil, blocked("%s runs %s and may not approve it", actor, name).with("ask somebody else, or allow approvals.self in the policy")
		case s.Mode == migration.ModeRetired:
			return nil, blocked("%s is complete: there is nothing left to approve", name)
		}
		a = migration.Approval{Migration: name, Attempt: nextAttempt(s), By: actor, Digest: s.Spec.Digest(), At: p.now(), Until: until, Reason: reason}
		return []engine.Saying{{Kind: migration.KindApproved, Body: a}}, nil
	})
	if err != nil {
		return err
	}
	p.print("%s %s attempt %d of %s until %s", a.By, verb(dry, "approves", "would approve"), a.Attempt, name, p.stamp(a.Until))
	return nil
}

func verb(dry bool, is, would string) string {
	if dry {
		return would
	}
	return is
}

type waiveFlags struct {
	reason, until string
	attempt       int
	unjudged, dry bool
}

func (p *Program) waiveCommand() *cobra.Command {
	var f waiveFlags
	c := &cobra.Command{
		Use:   "waive NAME CODE...",
		Short: "Let a guard pass by name, with a reason and an end",
		Long: `Lets guards pass by name, for a reason and until a time. Plans and reports lead with what
was waived. What the procedure itself promises cannot be waived.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage("waive needs the name of a migration and codes").with("rehome waive NAME CODE --reason TEXT --until TIME")
			case len(args) == 1 && !f.unjudged:
				return usage("waive needs a code, or --unjudged").with("rehome plan FILE shows the codes that do not pass")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.waive(cmd.Context(), args[0], args[1:], f) },
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return waivable(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().StringVar(&f.reason, "reason", "", "why it may pass (required)")
	c.Flags().StringVar(&f.until, "until", "", "its end: a time or a duration such as 24h or 30d (required)")
	c.Flags().IntVar(&f.attempt, "attempt", 0, "only this attempt (default every one)")
	c.Flags().BoolVar(&f.unjudged, "unjudged", false, "also every code that no check of this version can judge")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "say what would be journalled")
	return c
}

func (p *Program) waive(ctx context.Context, name string, args []string, f waiveFlags) error {
	codes, err := waivedCodes(args)
	if err != nil {
		return err
	}
	if strings.TrimSpace(f.reason) == "" {
		return usage("a waiver needs a --reason").with("plans and reports show it to whoever relies on them")
	}
	if f.until == "" {
		return usage("a waiver needs an end: --until").with("a time such as 2026-12-09T02:00:00+01:00, or a duration such as 30d")
	}
	until, err := p.parseUntil(f.until)
	if err != nil {
		return usage("--until: %w", err)
	}
	var made []migration.Waiver
	err = p.speak(ctx, name, f.dry, func(_ runbook.State, actor string) ([]engine.Saying, error) {
		var out []engine.Saying
		made = nil
		all := codes
		if f.unjudged {
			all = slices.Concat(codes, runbook.Unjudged())
		}
		for _, c := range once(all) {
			w := migration.Waiver{Code: c, Migration: name, Attempt: f.attempt, By: actor, Reason: f.reason, At: p.now(), Until: until}
			made = append(made, w)
			out = append(out, engine.Saying{Kind: migration.KindWaived, Body: w})
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	for _, w := range made {
		p.print("%s %s %s until %s", w.By, verb(f.dry, "waives", "would waive"), w.Code, p.stamp(w.Until))
	}
	return nil
}

// waivedCodes are the codes of the arguments.
func waivedCodes(args []string) ([]migration.Code, error) {
	var out []migration.Code
	for _, a := range args {
		c := migration.Code(strings.ToUpper(a))
		switch {
		case !slices.Contains(migration.Codes(), c):
			return nil, usage("there is no guard with the code %s", a).with("those that can be waived: %s", joined(waivable()))
		case !c.Waivable():
			return nil, usage("%s cannot be waived: the procedure itself promises it", c).with("those that can be waived: %s", joined(waivable()))
		}
		out = append(out, c)
	}
	return out, nil
}

// once are the codes without those that stand among them before.
func once(codes []migration.Code) []migration.Code {
	var out []migration.Code
	for _, c := range codes {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func waivable() []string {
	var out []string
	for _, c := range migration.Codes() {
		if c.Waivable() {
			out = append(out, string(c))
		}
	}
	return out
}
