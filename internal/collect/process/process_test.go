package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

func TestMasks(t *testing.T) {
	if got := signals("0000000000014202"); !slices.Equal(got, []string{"SIGINT", "SIGUSR1", "SIGTERM", "SIGCHLD"}) {
		t.Errorf("got %q", got)
	}
	if got := signals("0000000080000000"); !slices.Equal(got, []string{"SIGRT0"}) {
		t.Errorf("got %q", got)
	}
	if got := signals("none"); got != nil {
		t.Errorf("got %q", got)
	}
	if got := capabilities("0000000000000400"); !slices.Equal(got, []string{"CAP_NET_BIND_SERVICE"}) {
		t.Errorf("got %q", got)
	}
	if got := capabilities("8000000000000000"); !slices.Equal(got, []string{"CAP_63"}) {
		t.Errorf("got %q", got)
	}
}

const header = "Limit                     Soft Limit           Hard Limit           Units     \n"

func line(name, soft, hard string) string {
	return fmt.Sprintf("%-25s %-20s %-20s %-10s\n", name, soft, hard, "units")
}

func TestLimitsThatSomebodyHasSet(t *testing.T) {
	first := header + line("Max processes", "31234", "31234")
	own := header + line("Max processes", "31234", "31234") + line("Max open files", "1024", "524288") +
		line("Max stack size", "unlimited", "unlimited") + line("Max core file size", "unlimited", "unlimited") +
		line("Max address space", "unlimited", "unlimited") + line("Max locked memory", "67108864", "67108864")
	got := limits(own, first)
	want := []inventory.Limit{{Name: "Max stack size", Soft: "unlimited", Hard: "unlimited"}, {Name: "Max locked memory", Soft: "67108864", Hard: "67108864"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := limits("nonsense\n", ""); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestQuantilesAreMeasuredValues(t *testing.T) {
	var s series
	for v := range 100 {
		s.add(int64(v + 1))
	}
	if got := s.quantiles(); got != (inventory.Quantiles{P50: 50, P95: 95, P99: 99, Max: 100, N: 100}) {
		t.Errorf("got %+v", got)
	}
	one := series{}
	one.add(7)
	if got := one.quantiles(); got != (inventory.Quantiles{P50: 7, P95: 7, P99: 7, Max: 7, N: 1}) {
		t.Errorf("got %+v", got)
	}
}

// However long a probe is, its memory is bounded and the highest value is kept.
func TestALongSeriesKeepsItsHighest(t *testing.T) {
	var s series
	s.add(1 << 40)
	for range 10 * kept {
		s.add(5)
	}
	if q := s.quantiles(); len(s.values) != kept || q.Max != 1<<40 || q.N != 10*kept+1 || q.P50 != 5 {
		t.Errorf("%d values, %+v", len(s.values), q)
	}
}

// fake is a /proc in files, of one parent with what it has waited for.
type fake struct{ proc string }

func (f fake) process(t *testing.T, pid, parent, ticks, children, rss int) {
	t.Helper()
	dir := filepath.Join(f.proc, fmt.Sprint(pid))
	if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"stat":         fmt.Sprintf("%d (a) b) S %d 1 1 0 -1 0 0 0 0 0 %d 0 %d 0 20 0 3 0 %d 0 0\n", pid, parent, ticks, children, 1000+pid),
		"statm":        fmt.Sprintf("1000 %d 10 0 0 0 0\n", rss),
		"smaps_rollup": fmt.Sprintf("x\nPss:  %d kB\n", (rss-10)*4+4),
		"io":           "rchar: 1\nread_bytes: 0\nwrite_bytes: 0\n",
		"status":       "Name:\ta) b\nUid:\t0\t998\t0\t0\nSigCgt:\t0000000000004000\n",
		"cgroup":       "0::/bank\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChildrenThatCameAndWentAreCounted(t *testing.T) {
	var u usage
	// A child that was seen to take 40 ticks took 50 before it was waited for, another
	// that nobody saw 25.
	u.owed = 40
	u.burn(counters{ticks: 100}, counters{ticks: 105, children: 50 + 25})
	if got := u.ticks(); got != 5+10+25 {
		t.Errorf("%d ticks, want 40: 5 of its own, 10 and 25 of its children", got)
	}
	if got := u.ticks(); got != 0 {
		t.Errorf("%d ticks are counted twice", got)
	}
	// A child that has ended and that nobody has waited for yet owes nothing to others.
	u.owed = 40
	u.burn(counters{ticks: 105, children: 75}, counters{ticks: 106, children: 75})
	u.burn(counters{ticks: 9}, counters{ticks: 3}) // a counter that falls is another process
	if got := u.ticks(); got != 1 {
		t.Errorf("%d ticks, want 1", got)
	}
	if u.owed != 40 {
		t.Errorf("%d ticks are owed, want 40", u.owed)
	}
}

func TestMemoryIsProportional(t *testing.T) {
	f := fake{t.TempDir()}
	f.process(t, 10, 1, 0, 0, 100)
	s := &scope.Scope{Proc: f.proc, Root: t.TempDir(), PIDs: []int{10}, Main: 10, Planned: 9, Gaps: &scope.Gaps{}}
	c := New().(*collector)
	c.Sample(t.Context(), s)
	c.usage.next = time.Now().Add(time.Hour) // too dear to be measured again
	f.process(t, 10, 1, 0, 0, 200)
	s.Sample = 1
	c.Sample(t.Context(), s)
	var facts inventory.Facts
	c.Finish(t.Context(), s, &facts)
	private := func(pages int64) int64 { return (pages - 10) * page }
	if u := facts.Usage; u.MemoryFrom != "pss" || u.MemoryBytes.P50 != private(100)+(((100-10)*4+4)*1024-private(100)) ||
		u.MemoryBytes.Max != private(200)+(((100-10)*4+4)*1024-private(100)) {
		t.Errorf("usage %+v", u)
	}
	if err := os.Remove(filepath.Join(f.proc, "10", "smaps_rollup")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(f.proc, "10", "smaps_rollup"), 0o755); err != nil { // not to be read
		t.Fatal(err)
	}
	c = New().(*collector)
	c.Sample(t.Context(), s)
	if got := c.usage.sum(s.Gaps); got.MemoryFrom != "rss" || got.MemoryBytes.Max != 200*page {
		t.Errorf("usage %+v", got)
	}
}

func TestThrottled(t *testing.T) {
	f := fake{t.TempDir()}
	f.process(t, 10, 1, 0, 0, 100)
	root := t.TempDir()
	stat := filepath.Join(root, "sys/fs/cgroup/bank/cpu.stat")
	if err := os.MkdirAll(filepath.Dir(stat), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &scope.Scope{Proc: f.proc, Root: root, PIDs: []int{10}, Main: 10, Planned: 9, Gaps: &scope.Gaps{}}
	c := New().(*collector)
	for i, n := range []int{7, 7, 8} { // it was held back before, but that is not now
		if err := os.WriteFile(stat, fmt.Appendf(nil, "usage_usec 1\nnr_throttled %d\n", n), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Sample = i
		c.Sample(t.Context(), s)
		if c.usage.throttled != (i == 2) {
			t.Errorf("sample %d: throttled %t", i, c.usage.throttled)
		}
	}
}

func TestTooManyProcessesAreAGap(t *testing.T) {
	f := fake{t.TempDir()}
	s := &scope.Scope{Proc: f.proc, Root: t.TempDir(), Main: 1, Planned: 1, Gaps: &scope.Gaps{}}
	c := New().(*collector)
	for pid := range most {
		c.procs[id{-pid, 0}] = &seen{}
	}
	f.process(t, 10, 1, 0, 0, 100)
	s.PIDs = []int{10}
	c.Sample(t.Context(), s)
	var facts inventory.Facts
	c.Finish(t.Context(), s, &facts)
	facts.Gaps, facts.Looked = s.Gaps.List(), c.Subjects()
	if seen, _ := facts.Saw(inventory.SubjectProcesses); seen {
		t.Error("a process was left out, and nothing says so")
	}
}

func TestTheEffectiveUserCounts(t *testing.T) {
	f := fake{t.TempDir()}
	f.process(t, 10, 1, 0, 0, 100)
	root := t.TempDir()
	os.MkdirAll(filepath.Join(root, "etc"), 0o755)
	os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/:/bin/sh\nbank:x:998:998::/:/bin/sh\n"), 0o644)
	s := &scope.Scope{Proc: f.proc, Root: root, PIDs: []int{10}, Main: 10, Planned: 1, Gaps: &scope.Gaps{}}
	c := New().(*collector)
	c.Sample(t.Context(), s)
	p := c.procs[id{10, 1010}]
	if p.User != "bank" || p.UID != 998 || p.Name != "a) b" || p.Threads != 3 || !slices.Equal(p.Signals.Caught, []string{"SIGTERM"}) {
		t.Errorf("process %+v", p.Process)
	}
}
