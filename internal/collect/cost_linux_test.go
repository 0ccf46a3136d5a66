package collect

import (
	"testing"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// BenchmarkSample is what one sample of one process costs with all collectors, on
// this machine with all its other processes: at one a second, 10 ms are one
// hundredth of a core.
func BenchmarkSample(b *testing.B) {
	cmd := again("wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	a := newApplication("/proc", "/")
	a.target, a.main = cmd.Process.Pid, cmd.Process.Pid
	collectors := Standard()
	s := &scope.Scope{Proc: "/proc", Root: "/", Ever: map[int]bool{}, Planned: 1 << 30, Gaps: &scope.Gaps{},
		Request: inventory.Request{Target: inventory.Target{PID: cmd.Process.Pid}}}
	b.ReportAllocs()
	for b.Loop() {
		if s.PIDs, err = a.look(); err != nil || len(s.PIDs) != 1 {
			b.Fatal(s.PIDs, err)
		}
		s.Main = s.PIDs[0]
		for _, c := range collectors {
			c.Sample(b.Context(), s)
		}
		s.Sample++
	}
}
