package agent

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
)

// textOf are the address ranges at which the program file itself is mapped and
// can only be read: start and length. They are clean pages, which the kernel
// reads in again when they are needed. None are given for a program that is moved
// when it is loaded: the loader has written to some of its pages.
func textOf(maps []byte, exe string) [][2]uintptr {
	var out [][2]uintptr
	for line := range bytes.Lines(maps) {
		fields := strings.Fields(string(line))
		if len(fields) < 6 || fields[5] != exe || (fields[1] != "r-xp" && fields[1] != "r--p") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && start < end {
			out = append(out, [2]uintptr{uintptr(start), uintptr(end - start)})
		}
	}
	return out
}

// fixed says that this program is loaded where it was linked for.
func fixed() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-buildmode" {
			return s.Value == "exe"
		}
	}
	return false
}

// worth is how much the heap must have grown since it was last given back, in
// bytes, before all of it is collected again for that: collecting takes a
// millisecond, and most pauses leave next to nothing behind.
const worth = 256 << 10

// lean gives a function that hands back to the machine what the agent holds and
// does not need at the moment: its heap's free pages, and those of its program
// that were needed to start or to sum up and are not needed to look (madvise(2)).
// They are half of its memory.
func lean() func() {
	var text [][2]uintptr
	if exe, err := os.Readlink("/proc/self/exe"); err == nil && fixed() {
		maps, _ := os.ReadFile("/proc/self/maps")
		text = textOf(maps, exe)
	}
	var kept uint64
	return func() {
		if held() > kept+worth {
			debug.FreeOSMemory()
			kept = held()
		}
		for _, r := range text {
			// Where it is refused, the pages stay: nothing is lost.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, r[0], r[1], syscall.MADV_DONTNEED)
		}
	}
}

// held is what the heap has from the machine, in bytes: objects that live, those that
// nobody collected yet, and what is free and was not given back.
func held() uint64 {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(heap)
	var sum uint64
	for _, m := range heap {
		if m.Value.Kind() == metrics.KindUint64 {
			sum += m.Value.Uint64()
		}
	}
	return sum
}
