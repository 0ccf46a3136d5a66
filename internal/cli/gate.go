package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/wire"
)

// errStopped ends the engine's loop where a person has asked it to stop. It is a
// cancellation to the engine, which does not try again.
var errStopped = fmt.Errorf("stopped by a person: %w", context.Canceled)

// gate lets a person stop the engine between two decisions: every turn of the
// loop begins with the lease and ends with a rest, and neither is granted any
// more. What has been begun is finished, so that its outcome is journalled.
type gate struct {
	open  context.Context
	close func()
	tick  func(now time.Time) // called while the engine rests
	slice time.Duration       // between two ticks, 0: at the end of each rest
}

func newGate(slice time.Duration, tick func(time.Time)) *gate {
	ctx, cancel := context.WithCancel(context.Background())
	return &gate{open: ctx, close: cancel, tick: tick, slice: slice}
}

func (g *gate) closed() bool { return g.open.Err() != nil }

// listen closes the gate at the first signal and cancels everything at the
// second, until ended is closed.
func (g *gate) listen(signals <-chan os.Signal, cancel func(), asked func(), ended <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-ended:
			return
		case <-signals:
		}
		if n > 0 {
			cancel()
			return
		}
		asked()
		g.close()
	}
}

// gatedJournal grants no lease once the gate is closed.
type gatedJournal struct {
	wire.Journal
	gate *gate
}

func (j gatedJournal) Acquire(ctx context.Context, key, holder string, ttl time.Duration) (uint64, error) {
	if j.gate.closed() {
		return 0, errStopped
	}
	return j.Journal.Acquire(ctx, key, holder, ttl)
}

// gatedClock rests in slices, so that a countdown can be shown, and not at all
// once the gate is closed.
type gatedClock struct {
	engine.Clock
	gate *gate
}

func (c gatedClock) Sleep(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.gate.open, cancel)()
	for d > 0 {
		step := d
		if c.gate.slice > 0 {
			step = min(d, c.gate.slice)
		}
		if err := c.Clock.Sleep(ctx, step); err != nil {
			if c.gate.closed() {
				return errStopped
			}
			return err
		}
		d -= step
		c.gate.tick(c.Clock.Now())
	}
	return nil
}
