package faults

import (
	"context"
	"time"
)

// BubbleClock is the time of a testing/synctest bubble: the deadlines of calls
// that hang and the waits of the procedure pass in the same virtual time.
type BubbleClock struct{}

// Now is the bubble's time, without a monotonic reading.
func (BubbleClock) Now() time.Time { return time.Now().UTC().Round(0) }

// Sleep waits for d or until ctx ends, whichever is first.
func (BubbleClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
