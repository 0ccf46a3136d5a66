package files

import (
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSample is what one sample takes of an application with ten thousand
// open files, on average over a minute's worth: ns/op at one sample a second is
// the share of a core, 10 ms being one per cent.
func BenchmarkSample(b *testing.B) {
	for _, files := range []int{0, 10_000} {
		b.Run(strconv.Itoa(files), func(b *testing.B) {
			a := launch(b, nil)
			if files > 0 {
				a.do("many", workplace(b))
			}
			for b.Loop() {
				s := scopeOf(a)
				s.Planned = 60
				var before, after syscall.Rusage
				syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				probe(b, s, nil)
				syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
				b.ReportMetric(used.Seconds()*1000/60, "cpu-ms/sample")
			}
		})
	}
}
