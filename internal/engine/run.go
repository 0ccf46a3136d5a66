package engine

import (
	"context"
	"errors"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// What a passing failure of the journal is given while traffic may be on the
// new side: so many tries in a row, with a pause between.
const (
	mostFailures = 10
	failurePause = 2 * time.Second
)

// Run turns the loop until a person, a wait or the end. With stay it remains
// through waits too. While traffic may be on the new side it always goes on
// looking, asked or not, and bears with a journal that fails for a moment:
// leaving then would be leaving the watch.
func (e *Engine) Run(ctx context.Context, stay bool) (runbook.Decision, error) {
	failures := 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := e.Step(ctx)
		if err == nil {
			failures = 0
			pause, leave := e.pause(d, stay)
			if leave {
				_ = e.ports.Journal.Release(ctx, e.key, e.holder)
				return d, nil
			}
			err = e.sleep(ctx, pause)
		}
		switch {
		case err == nil:
		case errors.Is(err, ErrMoved), errors.Is(err, ErrFenced):
			e.notify(Event{At: e.ports.Clock.Now(), State: e.state, Err: err})
			// fold again; whoever holds the lease now is named by Acquire
		case failures < mostFailures && e.bears(err):
			failures++
			e.notify(Event{At: e.ports.Clock.Now(), State: e.state, Err: err})
			if err := e.ports.Clock.Sleep(ctx, failurePause); err != nil {
				return d, err
			}
		default:
			return d, err
		}
	}
}

// bears says whether an error may pass by itself, and leaving would leave
// traffic on the new side unwatched.
func (e *Engine) bears(err error) bool {
	var held *HeldError
	final := errors.As(err, &held) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrNoMigration) || errors.Is(err, context.Canceled)
	moving := e.state.Mode == migration.ModeForward || e.state.Mode == migration.ModeRollback
	return !final && moving && e.state.SwitchBegan()
}

// pause says how long to rest after a decision, or that it is time to leave.
func (e *Engine) pause(d runbook.Decision, stay bool) (time.Duration, bool) {
	switch d := d.(type) {
	case runbook.Watch:
		held := e.state.Mode == migration.ModeForward && !e.state.Step.Before(migration.StepHold)
		return d.Every, held && !stay
	case runbook.Wait:
		return d.Until.Sub(e.ports.Clock.Now()), !stay
	case runbook.Ask:
		if d.Every > 0 && (stay || e.state.SwitchBegan()) {
			return d.Every, false
		}
		return 0, true
	case runbook.Block, runbook.Finished:
		return 0, true
	}
	return 0, false
}

// sleep rests in slices short enough to keep the lease and to hear what a
// person says meanwhile.
func (e *Engine) sleep(ctx context.Context, d time.Duration) error {
	end := e.ports.Clock.Now().Add(d)
	for {
		left := end.Sub(e.ports.Clock.Now())
		if left <= 0 {
			return nil
		}
		if err := e.ports.Clock.Sleep(ctx, min(left, LeaseTTL/3)); err != nil {
			return err
		}
		if left <= LeaseTTL/3 {
			continue
		}
		heard, err := e.heard(ctx)
		if err != nil || heard {
			return err
		}
		if _, err := e.ports.Journal.Acquire(ctx, e.key, e.holder, LeaseTTL); err != nil {
			return err
		}
	}
}

// heard says whether the journal has grown while this engine slept.
func (e *Engine) heard(ctx context.Context) (bool, error) {
	recs, err := e.ports.Journal.Read(ctx, e.key, e.state.Head.Seq)
	return len(recs) > 0, err
}
