package collect

import (
	"context"
	"runtime"
	"testing"
	"weak"

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

// remembering is a collector with something in mind.
type remembering struct {
	each
	mind *[1 << 16]byte
}

// What a collector has in mind is let go when it has summed up: what the next one
// needs comes on top of it.
func TestACollectorIsLetGo(t *testing.T) {
	a := start(t, again("wait"))
	first := &remembering{each: func(*scope.Scope) {}, mind: new([1 << 16]byte)}
	mind := weak.Make(first.mind)
	kept := true
	last := finishing(func() {
		for range 2 {
			runtime.GC()
		}
		kept = mind.Value() != nil
	})
	_, err := Take(bounded(t), inventory.Request{Target: inventory.Target{PID: a.Process.Pid}}, Options{Collectors: []scope.Collector{first, last}})
	if err != nil {
		t.Fatal(err)
	}
	if kept {
		t.Error("it is still there when the next one sums up")
	}
}

// finishing is a collector that calls a function at the end.
type finishing func()

func (finishing) Subjects() []inventory.Subject                            { return nil }
func (finishing) Sample(context.Context, *scope.Scope)                     {}
func (f finishing) Finish(context.Context, *scope.Scope, *inventory.Facts) { f() }
