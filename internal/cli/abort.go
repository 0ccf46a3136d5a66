package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

func (p *Program) abortCommand() *cobra.Command {
	var reason string
	var dry bool
	c := &cobra.Command{
		Use:   "abort NAME",
		Short: "Give up an attempt and take away what was prepared",
		Long: `Gives up an attempt whose names are not switched, and takes away step by step what was
prepared for it: the lowered TTL, the balancers, the workloads. What could not be taken
away is named. What is switched is led back by rollback, not by abort.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.abort(cmd.Context(), args[0], reason, dry) },
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be taken away")
	return c
}

func (p *Program) abort(ctx context.Context, name, reason string, dry bool) error {
	actor, err := p.actor()
	if err != nil {
		return err
	}
	s, recs, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	if err := mayAbort(s); err != nil {
		return err
	}
	if dry {
		return p.abortDry(ctx, s, frozen{recs})
	}
	j, err := p.writer(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	d := p.drive(j, s.Spec, s.Policy)
	if d.fault != nil {
		p.say("trouble: %v", d.fault)
	}
	err = d.engine.Said(ctx, actor, func(now runbook.State) ([]engine.Saying, error) {
		if err := mayAbort(now); err != nil {
			return nil, err
		}
		if now.Mode == migration.ModeAborting || now.Mode == migration.ModeAborted {
			return nil, errSaid
		}
		return []engine.Saying{{Kind: migration.KindAbort, Body: migration.Said{Text: reason}}}, nil
	})
	if err != nil && !errors.Is(err, errSaid) {
		return err
	}
	return d.toEnd(ctx, true)
}

// mayAbort refuses what abort cannot undo.
func mayAbort(s runbook.State) error {
	switch {
	case s.Mode == migration.ModeForward && s.SwitchBegan():
		return blocked("the names of attempt %d are switched, or may be: what is live is led back, not aborted", s.Attempt).with("rehome rollback %s", s.Key)
	case s.Mode == migration.ModeRollback:
		return blocked("attempt %d is being rolled back", s.Attempt).with("finish that first: rehome rollback %s", s.Key)
	case s.Mode == migration.ModeRetired:
		return blocked("%s is complete: there is no attempt to abort", s.Key)
	}
	return nil
}

func (p *Program) abortDry(ctx context.Context, s runbook.State, j frozen) error {
	e, err := p.driver(j, s.Spec, s.Policy, nil)
	if e == nil {
		return err
	}
	if s, err = e.State(ctx); err != nil {
		return err
	}
	undo := stepsOf(runbook.UndoPreview(s, e.Observe(ctx, runbook.PreviewNeeds(s)), p.now()))
	return p.emit(undo, func(w io.Writer) {
		p.print("abort of %s would undo:", s.Key)
		p.undoText(w, undo)
	})
}
