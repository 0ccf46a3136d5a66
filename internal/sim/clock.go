package sim

import (
	"context"
	"sync"
	"time"
)

// Clock is virtual: it stands still until somebody sleeps, and then the world
// goes on, tick by tick, until he wakes.
type Clock struct {
	mu   sync.Mutex
	now  time.Time
	tick func(from, to time.Time)
}

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// longestTick bounds how coarse the traffic becomes while nothing is decided.
const longestTick = 5 * time.Second

// Sleep lets d pass. It ends early only when ctx has ended.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	for d > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := min(d, longestTick)
		c.mu.Lock()
		from := c.now
		c.now = c.now.Add(step)
		to := c.now
		c.mu.Unlock()
		c.tick(from, to)
		d -= step
	}
	return ctx.Err()
}
