package network

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkSample is what one sample takes of the machine's CPU, on average over
// a minute's worth with its end: at one sample a second 10 ms are one per cent of
// a core. Tables is the same without the kernel's socket diagnosis.
func BenchmarkSample(b *testing.B) {
	for _, tables := range []bool{false, true} {
		name := "diagnosis"
		if tables {
			name = "tables"
		}
		b.Run(name, func(b *testing.B) {
			a := launch(b, "bank", nil)
			at := a.do("listen", "tcp", "127.0.0.1:0")
			for range 100 {
				a.do("dial", "tcp", at)
			}
			for b.Loop() {
				s := scopeOf(a)
				s.Planned = 60
				if tables {
					s.Proc = "/proc/." // another name: as if it were a copy
				}
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
