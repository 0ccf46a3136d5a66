package agent

import (
	"context"
	"time"
)

// slimEvery is how often what is not needed is handed back.
const slimEvery = time.Minute

// slim keeps what stands warm and does nothing small.
func slim(ctx context.Context) {
	give := lean()
	for wait := 2 * time.Second; ; wait = slimEvery {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			give()
		}
	}
}
