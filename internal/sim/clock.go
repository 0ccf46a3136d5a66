package sim

import (
	"context"
	"sync"
	"time"
)

// Clock is virtual: it stands still until somebody sleeps. What has happened
// meanwhile in the world is played when somebody looks.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep lets d pass. It fails only when ctx has ended.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	return ctx.Err()
}
