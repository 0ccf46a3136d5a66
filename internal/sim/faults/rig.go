// Package faults stands between an engine and its ports and lets single calls
// fail in every way that a real call can: refused, done without an answer,
// hanging, answered with what was true before, done twice, arriving later, or
// with the process killed around it.
//
// It must not know the procedure: which call fails is said by a test. It keeps
// what was sent, and beside it how long the journal was at that moment, so that
// a test can hold the one against the other.
package faults

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Fault is how one call fails.
type Fault string

// The faults. Not every call knows every one: Reads, Changes, Messages and
// Appends say which. What a call does not know lets it pass.
const (
	None       Fault = ""
	Refused    Fault = "refused"     // an error at once; nothing is done
	Lost       Fault = "lost"        // done, and the answer is lost
	Hangs      Fault = "hangs"       // nothing is done; it lasts as long as the context
	HangsDone  Fault = "hangs-done"  // done, and then it lasts as long as the context
	Stale      Fault = "stale"       // answered with what was true before
	Twice      Fault = "twice"       // sent twice; the second answer is the one that is heard
	Delayed    Fault = "delayed"     // on its way until Deliver; no answer
	Copied     Fault = "copied"      // done; a copy is on its way until Deliver
	KillBefore Fault = "kill-before" // the process ends before the call
	KillAfter  Fault = "kill-after"  // the process ends when the call is done
)

// ErrRefused is what a refused call answers.
var ErrRefused = errors.New("connection refused")

// Call is one call of a port. Two calls at the same position that ask for the
// same are told apart by N, which counts from 0.
type Call struct {
	At   migration.Position
	Op   string // port.method
	What string // of what
	N    int
}

// String names the call in a way that can be told to go test -run.
func (c Call) String() string {
	name := c.Op
	if c.What != "" {
		name += "." + c.What
	}
	return fmt.Sprintf("%s-%d/%s.%d", c.At.Step, c.At.Attempt, name, c.N)
}

// Killed is what the engine's goroutine panics with when its process is killed.
type Killed struct{ Call Call }

// Effect is a change that was sent to the outside, and the journal's length when
// the call was begun.
type Effect struct {
	At     time.Time
	Seq    uint64
	Call   Call
	Action migration.Action
}

// Rig lets calls fail. Choose says how, and may be nil as Head may. One Rig serves all the
// engines of a world.
type Rig struct {
	Now    func() time.Time
	Head   func() uint64 // the journal's length, whoever wrote it
	Choose func(Call) Fault

	mu        sync.Mutex
	at        migration.Position
	counts    map[Call]int
	given     map[Call][]any // answers, by what was asked, in their order
	effects   []Effect
	unbounded []Call
	kept      []func() migration.Outcome
}

// Stand says where the procedure stands from now on, for the names of calls.
func (r *Rig) Stand(at migration.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = at
}

// Effects are all changes that were sent so far.
func (r *Rig) Effects() []Effect {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Effect(nil), r.effects...)
}

// Unbounded are the calls that were made without a deadline.
func (r *Rig) Unbounded() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Call(nil), r.unbounded...)
}

// Deliver lets everything arrive that is still on its way.
func (r *Rig) Deliver() []migration.Outcome {
	r.mu.Lock()
	kept := r.kept
	r.kept = nil
	r.mu.Unlock()
	var out []migration.Outcome
	for _, arrive := range kept {
		out = append(out, arrive())
	}
	return out
}

func (r *Rig) keep(arrive func() migration.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, arrive)
}

func (r *Rig) sent(e Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.effects = append(r.effects, e)
}

// meet names the call and chooses its fault.
func (r *Rig) meet(ctx context.Context, op, what string) (Call, Fault) {
	r.mu.Lock()
	c := Call{At: r.at, Op: op, What: what}
	if r.counts == nil {
		r.counts, r.given = map[Call]int{}, map[Call][]any{}
	}
	c.N = r.counts[c]
	r.counts[Call{At: r.at, Op: op, What: what}]++
	_, bounded := ctx.Deadline()
	if !bounded {
		r.unbounded = append(r.unbounded, c)
	}
	r.mu.Unlock()
	if r.Choose == nil {
		return c, None
	}
	f := r.Choose(c)
	switch {
	case f == KillBefore:
		panic(Killed{c})
	case !bounded && (f == Hangs || f == HangsDone):
		return c, Refused // it would hang for ever; Unbounded tells
	}
	return c, f
}

// older is the last answer to the same question that differs from now's.
func (r *Rig) older(c Call, now any) any {
	key := Call{Op: c.Op, What: c.What}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.given[key]) - 1; i >= 0; i-- {
		if !reflect.DeepEqual(r.given[key][i], now) {
			return r.given[key][i]
		}
	}
	return now
}

// remember keeps the answers that differ from the one before.
func (r *Rig) remember(c Call, v any) {
	key := Call{Op: c.Op, What: c.What}
	r.mu.Lock()
	defer r.mu.Unlock()
	if all := r.given[key]; len(all) == 0 || !reflect.DeepEqual(all[len(all)-1], v) {
		r.given[key] = append(all, v)
	}
}

func wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
