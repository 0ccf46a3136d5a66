package agent

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"rehome.dev/rehome/internal/collect"
	"rehome.dev/rehome/internal/collect/drill"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Probe takes the facts of an application on this machine, telling say of the
// progress. An error means that there are none: see collect.TargetError; whatever
// else could not be seen is a gap in the facts.
func Probe(ctx context.Context, req inventory.Request, say func(inventory.Event)) (inventory.Facts, error) {
	return probe(ctx, req, say, nil)
}

func probe(ctx context.Context, req inventory.Request, say func(inventory.Event), rest func()) (inventory.Facts, error) {
	o := collect.Options{Collectors: collect.Standard(), Say: say, Version: Version(), Rest: rest}
	if len(req.Drills) > 0 {
		o.Drill = func(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
			drill.Run(ctx, s, f, func(line string) {
				if say != nil {
					say(inventory.Event{Say: line})
				}
			})
		}
	}
	return collect.Take(ctx, req, o)
}

func hint(err error) string {
	var target *collect.TargetError
	if errors.As(err, &target) {
		return target.Hint
	}
	return ""
}

// enough is what the collector of garbage tries to stay below: above what the
// runtime takes for itself and the little that lives, or it would do nothing else.
const enough = 10 << 20

// modest makes this process one that disturbs nobody: it yields the processor to
// all others, is the first to go when memory is short, and keeps its own small. It
// gives what is to be called where the probe has a pause.
func modest() func() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(25)
	debug.SetMemoryLimit(enough)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	rest := lean()
	rest()
	return rest
}
