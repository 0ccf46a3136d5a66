package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// errSaid ends a saying that has been said before.
var errSaid = errors.New("it has been said already")

type rollbackFlags struct {
	reason, over string
	noWait, dry  bool
}

func (p *Program) rollbackCommand() *cobra.Command {
	var f rollbackFlags
	c := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Lead the names back, at once",
		Long: `Leads the names back to the old side. It is journalled at once, whoever drives the
migration: from then on nobody can act forward. Then it drives the rollback to its end,
or follows the process that does. No guard blocks it.

A record that neither this migration wrote nor stood there before is not overwritten;
--over VALUE lets exactly that record go.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.rollback(cmd.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.reason, "reason", "", "why; it may follow later, in the root cause analysis")
	c.Flags().StringVar(&f.over, "over", "", "value of a foreign record that may be overwritten")
	c.Flags().BoolVar(&f.noWait, "no-wait", false, "only journal it: who drives the migration carries it out")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "say what would be led back")
	return c
}

func (p *Program) rollback(ctx context.Context, name string, f rollbackFlags) error {
	actor, err := p.actor()
	if err != nil {
		return err
	}
	s, _, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	if err := mayRollBack(s); err != nil {
		return err
	}
	if f.dry {
		return p.rollbackDry(s)
	}
	j, err := p.writer(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	d := p.drive(j, s.Spec, s.Policy)
	d.turned = true
	if s.Mode == migration.ModeForward || s.Mode == migration.ModeRetired {
		if err := d.engine.Rollback(ctx, actor, f.reason); err != nil {
			return err
		}
	}
	if d.fault != nil {
		p.say("trouble: %v", d.fault)
	}
	if f.over != "" {
		if err := d.over(ctx, actor, f.over); err != nil {
			return err
		}
	}
	if f.noWait {
		p.print("the rollback of %s is journalled; to carry it out: rehome rollback %s", name, name)
		return silent(CodeWaiting)
	}
	return d.back(ctx)
}

// mayRollBack refuses where nothing was switched.
func mayRollBack(s runbook.State) error {
	switch {
	case s.Mode == migration.ModeRolledBack:
		return &failure{code: CodeRolledBack, err: errors.New(where(s.Position) + ": it was rolled back before"), hint: "rehome incident " + s.Key}
	case s.Mode == migration.ModeRollback || s.SwitchBegan():
		return nil
	case s.Mode == migration.ModeForward:
		return blocked("no name of attempt %d was switched: there is nothing to lead back", s.Attempt).with("to take away what was prepared: rehome abort %s", s.Key)
	}
	return blocked("attempt %d was %s: there is nothing to lead back", s.Attempt, s.Mode).with("rehome status %s", s.Key)
}

// rollbackDry says what the switch had written, the other way round.
func (p *Program) rollbackDry(s runbook.State) error {
	var list []change
	for _, w := range s.Spec.Exposed() {
		if runbook.ReturnTried(s, w.Name) {
			list = append(list, changeOf(migration.StepReturnPath, migration.TurnReturnPath{Env: migration.Production, Workload: w.Name, To: migration.OldSide}))
		}
	}
	n := len(list)
	for _, swap := range s.Swaps {
		swap.Before, swap.After, swap.Purpose = swap.After, swap.Before, migration.ForRollback
		list = append(list, changeOf(migration.StepDNSBack, swap))
	}
	slices.SortFunc(list[n:], func(a, b change) int { return slices.Compare([]byte(a.Target), []byte(b.Target)) })
	for _, w := range s.Spec.Workloads {
		list = append(list, changeOf(migration.StepSaveLogs, migration.SaveLogs{Env: migration.Production, Workload: w.Name}))
		list = append(list, changeOf(migration.StepScaleDown, migration.Scale{Env: migration.Production, Workload: w.Name}))
	}
	return p.emit(list, func(w io.Writer) {
		p.print("rollback of %s would:", s.Key)
		p.changes(w, "  ", list)
	})
}

// over lets a foreign record go: exactly the set that holds the value now.
func (d *drive) over(ctx context.Context, actor, value string) error {
	s, err := d.engine.State(ctx)
	if err != nil {
		return err
	}
	names := s
	names.Step = migration.StepDNSBack // the step that looks at the records
	found, there := foreign(s, d.engine.Observe(ctx, runbook.Needs(names, d.p.now())), value)
	if len(found) == 0 {
		return failed("no record of the switched names has the value %q", value).with("seen there: %s; the rollback is journalled and goes on with: rehome rollback %s", orNothing(there), s.Key)
	}
	return d.engine.Said(ctx, actor, func(runbook.State) ([]engine.Saying, error) {
		var out []engine.Saying
		for _, set := range found {
			out = append(out, engine.Saying{Kind: migration.KindOver, Body: migration.Over{Set: set, By: actor, At: d.p.now()}})
		}
		return out, nil
	})
}

// foreign finds the sets on switched names that hold a value, and tells what
// else stands there.
func foreign(s runbook.State, f runbook.Facts, value string) (found []migration.RRset, there []string) {
	for key, swap := range s.Swaps {
		for _, server := range f.DNS[key].Value.Servers {
			for _, w := range swap.After {
				set := migration.FindSet(server.Sets, w.Name, w.Type)
				if w.Type == "TXT" || len(set.Data) == 0 {
					continue
				}
				same := func(o migration.RRset) bool { return o.SameData(set) }
				if slices.Contains(set.Data, value) && !slices.ContainsFunc(found, same) {
					found = append(found, set)
				}
				if text := set.String(); !slices.Contains(there, text) {
					there = append(there, text)
				}
			}
		}
	}
	return found, there
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return joined(list)
}

// followEvery is how often another process' rollback is looked at.
const followEvery = time.Second

// back drives the rollback to its end. Where another process has the lease it
// follows that one, and takes over when it is gone.
func (d *drive) back(ctx context.Context) error {
	told := ""
	for {
		err := d.toEnd(ctx, false)
		held, isHeld := errors.AsType[*engine.HeldError](err)
		if !isHeld {
			return err
		}
		if held.Holder != told {
			d.p.say("%s  %s drives the migration and carries the rollback out; following", d.p.stamp(d.p.now()), held.Holder)
			told = held.Holder
		}
		s, err := d.engine.State(ctx)
		if err != nil {
			return err
		}
		d.show.follow(d.p.now(), s)
		if err := (gatedClock{d.p.Registry.Clock, d.gate}).Sleep(ctx, followEvery); err != nil {
			return d.stopped(ctx)
		}
	}
}
