package network

import (
	"context"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Finish puts what was seen into f.
func (c *Collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	if c.walker != nil && len(s.PIDs) > 0 {
		c.walk(s)
		c.look(ctx, s, true)
		c.lookUnix(s)
	}
	c.resolve(ctx, s, true)
	c.tellListeners(ctx, s, f)
	c.tellPeers(ctx, s, f)
	c.tellUnix(ctx, s, f)
	c.tellStores(s, f)
	keepers(s, f)
	tellLogs(f)
}
