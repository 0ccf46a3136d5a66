package faults

import (
	"context"
	"fmt"
)

// Reads are the faults of a call that only looks.
var Reads = []Fault{Refused, Hangs, Stale}

// read makes a call that changes nothing outside.
func read[T any](ctx context.Context, r *Rig, op, what string, do func() (T, error)) (T, error) {
	var none T
	c, fault := r.meet(ctx, op, what)
	switch fault {
	case Refused:
		return none, fmt.Errorf("%s: %w", op, ErrRefused)
	case Hangs:
		return none, fmt.Errorf("%s: %w", op, wait(ctx))
	}
	v, err := do()
	switch {
	case err != nil:
	case fault == Stale:
		return r.older(c, v).(T), nil
	default:
		r.remember(c, v)
	}
	switch fault {
	case Lost:
		return none, fmt.Errorf("%s: %w", op, context.DeadlineExceeded)
	case HangsDone:
		return none, fmt.Errorf("%s: %w", op, wait(ctx))
	case KillAfter:
		panic(Killed{c})
	}
	return v, err
}
