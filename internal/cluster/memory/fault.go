package memory

import (
	"context"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// Op is one of the calls of the port.
type Op string

// The calls.
const (
	OpObserve Op = "observe"
	OpApply   Op = "apply"
	OpRemove  Op = "remove"
	OpScale   Op = "scale"
	OpForward Op = "forward"
	OpLogs    Op = "logs"
	OpTurn    Op = "turn"
)

// Changes says whether the call changes the cluster.
func (o Op) Changes() bool { return o == OpApply || o == OpRemove || o == OpScale || o == OpTurn }

// Call is one call, before it is done. Part is empty where the call has none,
// and Workload for an observation, which is of all.
type Call struct {
	Op       Op
	Env      migration.Env
	Part     migration.Part
	Workload string
}

// Fault is the way in which a call fails.
type Fault int

// The faults. For a call that changes nothing, all but Hang are one error.
const (
	None        Fault = iota
	Refused           // the cluster says no: not done
	Unreachable       // nothing was sent: not done
	Lost              // done, but the answer never came: unknown
	TimedOut          // not done, and no answer came: unknown
	Hang              // nothing happens until the context ends: unknown
)

// The errors of the faults.
var (
	ErrRefused     = errors.New("the server refused the request")
	ErrUnreachable = errors.New("connect to the cluster: connection refused")
	ErrTimedOut    = errors.New("no answer from the cluster in time")
)

// SetFault replaces what is asked at every call; nil heals the cluster. What is
// asked is asked one call at a time, and must not call the cluster itself.
func (c *Cluster) SetFault(f func(Call) Fault) {
	if f == nil {
		f = func(Call) Fault { return None }
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

// Once fails the next call of op and no other.
func Once(op Op, fault Fault) func(Call) Fault {
	done := false
	return func(c Call) Fault {
		if done || c.Op != op {
			return None
		}
		done = true
		return fault
	}
}

// Always fails every call.
func Always(fault Fault) func(Call) Fault {
	return func(Call) Fault { return fault }
}

// enter asks for a fault and, unless the call fails here, leaves c locked. With
// lost set the call is to be done, and its answer to be withheld.
func (c *Cluster) enter(ctx context.Context, call Call) (lost bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("%s: %w", call.Op, err)
	}
	c.mu.Lock()
	fault := c.fault(call)
	if fault == None || (fault == Lost && call.Op.Changes()) {
		return fault == Lost, nil
	}
	c.mu.Unlock()
	switch fault {
	case Refused:
		err = ErrRefused
	case Unreachable:
		err = ErrUnreachable
	case Hang:
		<-ctx.Done()
		err = ctx.Err()
	default:
		err = ErrTimedOut
	}
	return false, fmt.Errorf("%s: %w", call.Op, err)
}

// change performs one call that changes something.
func (c *Cluster) change(ctx context.Context, call Call, do func() (migration.Outcome, error)) (migration.Outcome, error) {
	lost, err := c.enter(ctx, call)
	if err != nil {
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrUnreachable) {
			return migration.OutcomeNotDone, err
		}
		return migration.OutcomeUnknown, err
	}
	defer c.mu.Unlock()
	out, err := do()
	if lost {
		return migration.OutcomeUnknown, fmt.Errorf("%s: %w", call.Op, ErrTimedOut)
	}
	return out, err
}
