package agent

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// sparing is modest for somebody who holds a tree in memory: a bound on the heap
// would have the collector of garbage run all the time. No core of this process is
// ever written (core(5)): files' contents are in its memory.
func sparing() {
	modest()
	debug.SetMemoryLimit(1 << 62)
	debug.SetGCPercent(50)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
