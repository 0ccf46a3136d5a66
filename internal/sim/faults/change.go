package faults

import (
	"context"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// Changes are the faults of a call that changes something outside. To be killed
// right before it is to be killed behind the append of its intent.
var Changes = []Fault{Refused, Lost, Hangs, HangsDone, Twice, KillAfter}

// Messages are the further faults of a change that travels as a message of its
// own, which can be late or be repeated.
var Messages = []Fault{Delayed, Copied}

// change makes a call that changes something outside.
func (r *Rig) change(ctx context.Context, op, what string, a migration.Action, do func(context.Context) (migration.Outcome, error)) (migration.Outcome, error) {
	effect := Effect{At: r.Now(), Action: a}
	if r.Head != nil {
		effect.Seq = r.Head()
	}
	c, fault := r.meet(ctx, op, what)
	effect.Call = c
	arrive := func() migration.Outcome {
		out, _ := do(context.WithoutCancel(ctx)) // nobody is there to be told
		return out
	}
	switch fault {
	case Refused:
		return migration.OutcomeNotDone, fmt.Errorf("%s: %w", op, ErrRefused)
	case Hangs:
		return migration.OutcomeUnknown, fmt.Errorf("%s: %w", op, wait(ctx))
	}
	r.sent(effect)
	switch fault {
	case Delayed:
		r.keep(arrive)
		return migration.OutcomeUnknown, fmt.Errorf("%s: %w", op, context.DeadlineExceeded)
	case Copied:
		r.keep(arrive)
	case Twice:
		arrive()
	}
	out, err := do(ctx)
	switch fault {
	case Lost:
		return migration.OutcomeUnknown, fmt.Errorf("%s: %w", op, context.DeadlineExceeded)
	case HangsDone:
		return migration.OutcomeUnknown, fmt.Errorf("%s: %w", op, wait(ctx))
	case KillAfter:
		panic(Killed{c})
	}
	return out, err
}
