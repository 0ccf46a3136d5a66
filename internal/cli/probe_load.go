package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
)

// loading makes the load of a probe: it begins when the first sample of every
// machine is taken and lasts as long as the samples do, so that the usage in the
// facts is that under load.
type loading struct {
	mu      sync.Mutex
	waits   map[int]bool // orders whose first sample has not come
	begin   chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
	started bool
	made    inventory.Load
	err     error
}

// loading prepares the load that the flags want; without one it does nothing.
func (p *Program) loading(ctx context.Context, q probing, show *sampling) *loading {
	l := &loading{waits: map[int]bool{}, begin: make(chan struct{})}
	if !q.flags.loadIsGiven {
		return l
	}
	for i := range q.orders {
		l.waits[i] = true
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.done.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-l.begin:
		}
		l.started = true
		l.made, l.err = load.Attack(ctx, load.Options{
			URL: q.flags.load, Rate: q.flags.rate, For: q.orders[0].Request.For,
			Say: func(done, total uint64) { show.load(fmt.Sprintf("%d of %d requests answered", done, total)) },
		})
	})
	return l
}

// event begins the load when all machines are looked at.
func (l *loading) event(i int, e inventory.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.waits[i] || e.Samples == 0 {
		return
	}
	delete(l.waits, i)
	if len(l.waits) == 0 {
		close(l.begin)
	}
}

// end waits for the answers of a load that was begun, and gives what it was; nil
// where there was none. One that was not reached is an error beside it.
func (l *loading) end() (*inventory.Load, error) {
	if l.cancel == nil {
		return nil, nil
	}
	l.mu.Lock()
	if len(l.waits) > 0 {
		l.cancel() // a machine gave no facts: there is nothing to be loaded for
	}
	l.mu.Unlock()
	l.done.Wait()
	l.cancel()
	switch {
	case !l.started:
		return nil, errors.New("the load was not made: not every machine could be looked at")
	case l.err != nil:
		return nil, fmt.Errorf("make the load: %w", l.err)
	case !l.made.Valid:
		return &l.made, failed("the load says nothing: %s", l.made.Why).with("a smaller --rate, another --load URL, or more room for the machine that makes it")
	}
	return &l.made, nil
}
