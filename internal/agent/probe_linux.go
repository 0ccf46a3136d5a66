package agent

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"rehome.dev/rehome/internal/collect"
	"rehome.dev/rehome/internal/inventory"
)

// Probe takes the facts of an application on this machine, telling say of the
// progress. An error means that there are none: see collect.TargetError; whatever
// else could not be seen is a gap in the facts.
func Probe(ctx context.Context, req inventory.Request, say func(inventory.Event)) (inventory.Facts, error) {
	return collect.Take(ctx, req, collect.Options{Collectors: collect.Standard(), Say: say, Version: Version()})
}

func hint(err error) string {
	var target *collect.TargetError
	if errors.As(err, &target) {
		return target.Hint
	}
	return ""
}

// modest makes this process one that disturbs nobody: it yields the processor to
// all others, is the first to go when memory is short, and keeps its own small.
func modest() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(25)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}
