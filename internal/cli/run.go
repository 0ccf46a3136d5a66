package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/wire"
)

type runFlags struct {
	policy, plan          string
	wait, dryRun, restart bool
	again                 bool
}

func (p *Program) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Drive a migration until the next person, wait or end",
		Long: `Drives the migration that FILE declares, step by step, until a person or a time is
waited for, or the end. It goes on where it stopped, after anything: an interrupt, a
crash, a reboot. An edited file is declared anew, and what it changes decides to which
step the attempt goes back.

A drill of step stage that failed or told nothing blocks, and is made anew when what it
rests on was edited: the image, the workload, what the file says of the drill. Where it was
mended outside the file, --again has it made again.

While traffic may be on the new side it never leaves by itself, with or without --wait.
Ctrl-C stops between two decisions; a second one stops at once.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd.Context(), args[0], f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names)")
	fl.BoolVar(&f.wait, "wait", false, "stay through the waits")
	fl.StringVar(&f.plan, "plan", "", "run only what was reviewed: the checksum that rehome plan printed")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would be done next, and change nothing")
	fl.BoolVar(&f.again, "again", false, "make the drills again that did not pass")
	fl.BoolVar(&f.restart, "restart", false, "begin another attempt after an abort")
	return c
}

func (p *Program) run(ctx context.Context, file string, f runFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	j, err := p.open(ctx, f.dryRun)
	if err != nil {
		return err
	}
	defer j.Close()
	in, err := p.takeIn(ctx, j, loaded)
	if err != nil {
		return err
	}
	if err := in.refuse(f.restart); err != nil {
		return err
	}
	if f.plan != "" {
		if err := p.samePlan(ctx, in, f.plan); err != nil {
			return err
		}
	}
	if f.dryRun {
		return p.dryRun(ctx, in)
	}
	d := p.drive(j, in.loaded.Spec, in.loaded.Policy)
	if d.fault != nil {
		return failed("%w", d.fault).with("mend the policy %s; to look at everything in it: rehome doctor %s", in.loaded.PolicyFile, file)
	}
	in.tell(p)
	if err := in.append(ctx, d.engine); err != nil {
		return err
	}
	if f.again {
		if err := p.repeat(ctx, d.engine); err != nil {
			return err
		}
	}
	return d.toEnd(ctx, f.wait)
}

// samePlan refuses to run what is not what was reviewed.
func (p *Program) samePlan(ctx context.Context, in intake, want string) error {
	e, err := p.foresee(in)
	if err != nil {
		return err
	}
	s, err := e.State(ctx)
	if err != nil {
		return err
	}
	done := p.slowly("looking whether the reviewed plan still holds")
	facts := e.Observe(ctx, runbook.PreviewNeeds(s))
	done()
	have := runbook.Checksum(s, facts)
	if have != want {
		return blocked("the plan with checksum %s does not hold any more: inputs or objects to be changed are different now, with checksum %s", want, have).
			with("review it again: rehome plan %s", in.loaded.File)
	}
	p.say("checksum %s: this is the reviewed plan", have)
	return nil
}

// foresee is an engine over the journal as it would be with the file declared.
func (p *Program) foresee(in intake) (*engine.Engine, error) {
	f, err := in.ahead(p)
	if err != nil {
		return nil, err
	}
	return p.driver(f, in.loaded.Spec, in.loaded.Policy, nil)
}

// dryRun says what would be decided now.
func (p *Program) dryRun(ctx context.Context, in intake) error {
	in.tell(p)
	e, err := p.foresee(in)
	if err != nil {
		return err
	}
	s, d, err := p.decide(ctx, e)
	if err != nil {
		return err
	}
	v := resultOf(s, d, CodeDone)
	if _, no := d.(runbook.Block); no {
		v.Exit, v.Meaning = CodeBlocked, Meanings[CodeBlocked]
	}
	if act, ok := d.(runbook.Act); ok {
		for _, i := range act.Intents {
			v.Would = append(v.Would, changeOf(i.Step, i.Action))
		}
	}
	if err := p.emit(v, func(w io.Writer) { p.resultText(w, v) }); err != nil {
		return err
	}
	return exitWith(v.Exit)
}

// decide looks and decides as the engine would, and does nothing.
func (p *Program) decide(ctx context.Context, e *engine.Engine) (runbook.State, runbook.Decision, error) {
	s, err := e.State(ctx)
	if err != nil {
		return s, nil, err
	}
	facts := e.Observe(ctx, runbook.Needs(s, p.now()))
	s = runbook.Look(s, facts, p.now())
	return s, runbook.Next(s, facts, p.now()), nil
}

// drive is an engine at work, with its progress and a way to stop it.
type drive struct {
	p      *Program
	engine *engine.Engine
	fault  error // of the wiring
	gate   *gate
	show   *progress
	turned bool // the attempt turned back while this ran
	key    string
	j      wire.Journal
}

// drive makes an engine that acts.
func (p *Program) drive(j wire.Journal, spec migration.Spec, policy migration.Policy) *drive {
	d := &drive{p: p, key: spec.Name, j: j, show: &progress{p: p}}
	var slice time.Duration
	if p.Terminal {
		slice = time.Second
	}
	d.gate = newGate(slice, d.show.tick)
	gated := *p
	gated.Registry.Clock = gatedClock{p.Registry.Clock, d.gate}
	d.engine, d.fault = gated.driver(gatedJournal{j, d.gate}, spec, policy, d.event)
	return d
}

func (d *drive) event(e engine.Event) {
	if e.State.Mode == migration.ModeRollback {
		d.turned = true
	}
	d.show.event(e)
}

// loop turns until the engine leaves or a person stops it.
func (d *drive) loop(ctx context.Context, stay bool) (runbook.Decision, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var listening sync.WaitGroup
	ended := make(chan struct{})
	defer listening.Wait()
	defer close(ended)
	listening.Go(func() {
		d.gate.listen(d.p.Stop, cancel, func() { d.p.say("\nstopping after what has been begun; once more to stop at once") }, ended)
	})
	dec, err := d.engine.Run(ctx, stay)
	d.show.clear()
	if err != nil {
		_ = d.j.Release(context.WithoutCancel(ctx), d.key, d.p.holder())
	}
	return dec, err
}

// toEnd drives to the next person, wait or end, and gives the result.
func (d *drive) toEnd(ctx context.Context, stay bool) error {
	dec, err := d.loop(ctx, stay)
	if errors.Is(err, context.Canceled) {
		return d.stopped(ctx)
	}
	if err != nil {
		return err
	}
	s, err := d.engine.State(ctx)
	if err != nil {
		return err
	}
	v := resultOf(s, dec, d.code(s, dec))
	if err := d.p.emit(v, func(w io.Writer) { d.p.resultText(w, v) }); err != nil {
		return err
	}
	return exitWith(v.Exit)
}

// code is the exit code of a run that has ended by itself.
func (d *drive) code(s runbook.State, dec runbook.Decision) Code {
	switch dec.(type) {
	case runbook.Finished:
		return CodeDone
	case runbook.Block:
		if d.turned && s.Mode == migration.ModeRolledBack {
			return CodeRolledBack
		}
		return CodeBlocked
	}
	return CodeWaiting
}

// stopped says where a person has stopped it, and how it goes on.
func (d *drive) stopped(ctx context.Context) error {
	s, err := d.engine.State(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	v := resultOf(s, nil, CodeWaiting)
	v.Decision, v.Next = "stopped", resume(s)
	if s.Mode == migration.ModeForward && s.SwitchBegan() {
		v.Warning = "the names may lead to the new side, and nobody watches it now"
	}
	if err := d.p.emit(v, func(w io.Writer) { d.p.resultText(w, v) }); err != nil {
		return err
	}
	return exitWith(v.Exit)
}

// resume is the command with which a stopped migration goes on.
func resume(s runbook.State) string {
	switch s.Mode {
	case migration.ModeRollback:
		return "rehome rollback " + s.Key
	case migration.ModeAborting:
		return "rehome abort " + s.Key
	}
	return fmt.Sprintf("rehome run %s", s.File)
}

// exitWith ends a command whose result has been written.
func exitWith(c Code) error {
	if c == CodeDone {
		return nil
	}
	return silent(c)
}
