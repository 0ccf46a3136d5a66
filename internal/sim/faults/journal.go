package faults

import (
	"context"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

// Appends are the faults of an append to the journal. Twice is a message that
// was sent again: the second one finds that the journal has moved. To be killed
// right before it is to be killed behind the effect or the append before it.
var Appends = []Fault{Refused, Lost, Hangs, Twice, KillAfter}

type journal struct {
	engine.Journal
	r *Rig
}

func (j journal) Append(ctx context.Context, key string, prev migration.Head, recs ...migration.Record) (migration.Head, error) {
	c, fault := j.r.meet(ctx, "journal.append", string(recs[0].Kind))
	switch fault {
	case Refused:
		return migration.Head{}, fmt.Errorf("append: %w", ErrRefused)
	case Hangs:
		return migration.Head{}, fmt.Errorf("append: %w", wait(ctx))
	}
	head, err := j.Journal.Append(ctx, key, prev, recs...)
	switch fault {
	case Lost:
		return migration.Head{}, fmt.Errorf("append: %w", context.DeadlineExceeded)
	case HangsDone:
		return migration.Head{}, fmt.Errorf("append: %w", wait(ctx))
	case Twice:
		return j.Journal.Append(ctx, key, prev, recs...)
	case KillAfter:
		panic(Killed{c})
	}
	return head, err
}

// Read is never stale: the port demands of a journal that it is not.
func (j journal) Read(ctx context.Context, key string, after uint64) ([]migration.Record, error) {
	_, fault := j.r.meet(ctx, "journal.read", "")
	switch fault {
	case Refused:
		return nil, fmt.Errorf("read: %w", ErrRefused)
	case Hangs:
		return nil, fmt.Errorf("read: %w", wait(ctx))
	}
	return j.Journal.Read(ctx, key, after)
}

func (j journal) Acquire(ctx context.Context, key, holder string, ttl time.Duration) (uint64, error) {
	c, fault := j.r.meet(ctx, "journal.acquire", "")
	switch fault {
	case Refused:
		return 0, fmt.Errorf("acquire: %w", ErrRefused)
	case Hangs:
		return 0, fmt.Errorf("acquire: %w", wait(ctx))
	}
	fence, err := j.Journal.Acquire(ctx, key, holder, ttl)
	switch fault {
	case Lost:
		return 0, fmt.Errorf("acquire: %w", context.DeadlineExceeded)
	case KillAfter:
		panic(Killed{c})
	}
	return fence, err
}
