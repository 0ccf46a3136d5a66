package process

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// kept bounds the values of one measurement; beyond it a fair choice of them is
// kept, and the highest always.
const kept = 8192

// series are the values of one measurement.
type series struct {
	values []int64
	n      int
	max    int64
}

func (s *series) add(v int64) {
	s.n++
	s.max = max(s.max, v)
	if len(s.values) < kept {
		s.values = append(s.values, v)
	} else if i := rand.IntN(s.n); i < kept {
		s.values[i] = v
	}
}

// quantiles are by nearest rank: each is a value that was measured.
func (s *series) quantiles() inventory.Quantiles {
	if s.n == 0 {
		return inventory.Quantiles{}
	}
	v := slices.Sorted(slices.Values(s.values))
	rank := func(percent int) int64 { return v[(len(v)*percent+99)/100-1] }
	return inventory.Quantiles{P50: rank(50), P95: rank(95), P99: rank(99), Max: s.max, N: s.n}
}

// total is what all processes took at one sample.
type total struct {
	at                        time.Time
	processes, threads, files int64
	resident, memory          int64
}

// usage sums up the samples.
type usage struct {
	cpu, resident, memory, threads, files, processes series
	first, last                                      time.Time
	read, written                                    uint64
	// noPSS: the proportional memory of a process could not be read.
	noPSS bool
	// next is when memory may be measured exactly again.
	next time.Time
	// burnt and reaped are the clock ticks of CPU since the last sample: of the
	// processes, and of children that they have waited for. Owed is what of the
	// latter was counted while those children lived.
	burnt, reaped, owed uint64
	throttles           uint64
	counted             bool
	throttled           bool
}

// costly bounds what part of a core the exact measuring of memory may take.
const costly = 1.0 / 500

// exact says whether memory is measured exactly at this sample: at the first and
// the last, and between them as often as it costs little. In between, the private
// part of it is followed, which is cheap to read.
func (u *usage) exact(now time.Time, last bool) bool { return last || !now.Before(u.next) }

func (u *usage) took(cost time.Duration) {
	u.next = time.Now().Add(time.Duration(float64(cost) / costly))
}

// burn adds the CPU time of one process since it was last seen.
func (u *usage) burn(last, now counters) {
	u.burnt += now.ticks - min(now.ticks, last.ticks)
	u.reaped += now.children - min(now.children, last.children)
}

// ticks gives the CPU time since the last sample. A process that came and went
// between two samples is known from the parent that waited for it.
func (u *usage) ticks() uint64 {
	settled := min(u.reaped, u.owed)
	n := u.burnt + u.reaped - settled
	u.owed -= settled
	u.burnt, u.reaped = 0, 0
	return n
}

func (u *usage) add(t total) {
	ticks := u.ticks()
	if !u.last.IsZero() {
		if passed := t.at.Sub(u.last); passed > 0 {
			u.cpu.add(int64(time.Duration(ticks) * tick * 1000 / passed))
		}
	} else {
		u.first = t.at
	}
	u.last = t.at
	u.resident.add(t.resident)
	u.memory.add(t.memory)
	u.threads.add(t.threads)
	u.files.add(t.files)
	u.processes.add(t.processes)
}

func (u *usage) sum(gaps *scope.Gaps) inventory.Usage {
	out := inventory.Usage{
		CPUMilli: u.cpu.quantiles(), MemoryBytes: u.memory.quantiles(), MemoryFrom: "pss",
		Threads: u.threads.quantiles(), OpenFiles: u.files.quantiles(), Processes: u.processes.quantiles(),
		Throttled: u.throttled,
	}
	if u.noPSS {
		out.MemoryBytes, out.MemoryFrom = u.resident.quantiles(), "rss"
	}
	if passed := u.last.Sub(u.first); passed > 0 {
		out.ReadBytes = int64(float64(u.read) / passed.Hours())
		out.WriteBytes = int64(float64(u.written) / passed.Hours())
	}
	if u.cpu.n == 0 {
		gaps.Add(inventory.SubjectUsage, "CPU time", "it takes two samples to see any")
	}
	return out
}

// filesAt counts open files, at each sample where the kernel counts them and
// otherwise now and then.
type filesAt struct {
	of   map[int]int
	next time.Time
}

// between is how long a count stands that had to be made by listing.
const between = 30 * time.Second

func (a *filesAt) due(now time.Time) bool {
	if a.of == nil {
		a.of = map[int]int{}
	}
	if now.Before(a.next) {
		return false
	}
	a.next = now.Add(between)
	return true
}

func (a *filesAt) count(c *collector, s *scope.Scope, p *seen, list bool) {
	if _, known := a.of[p.PID]; known && !list && c.listed {
		return
	}
	n, cheap, err := c.openFiles(p.PID)
	if err != nil {
		if !gone(err) {
			s.Gaps.Add(inventory.SubjectProcesses, "open files of "+p.called(), why(err))
		}
		return
	}
	c.listed = !cheap
	a.of[p.PID] = n
	p.OpenFiles = max(p.OpenFiles, n)
}

// throttled notes whether the control group of the main process was held back by
// a CPU limit while it was looked at (cpu.stat of cgroup v1 and v2).
func (c *collector) throttled(s *scope.Scope) {
	if s.Main == 0 {
		return
	}
	if !c.usage.counted {
		c.stat = c.cpuStat(s)
	}
	if c.stat == "" {
		return
	}
	text, err := scope.Read(c.stat, c.buf)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if digits, ok := strings.CutPrefix(line, "nr_throttled "); ok {
			n := parse([]byte(digits))
			c.usage.throttled = c.usage.throttled || (c.usage.counted && n > c.usage.throttles)
			c.usage.throttles, c.usage.counted = n, true
		}
	}
}

// cpuStat is the file of the control group, "" where there is none.
func (c *collector) cpuStat(s *scope.Scope) string {
	text, err := c.read(s.Main, "cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		where := "sys/fs/cgroup"
		if fields[1] != "" {
			if !slices.Contains(strings.Split(fields[1], ","), "cpu") {
				continue
			}
			where = "sys/fs/cgroup/cpu"
		}
		file := filepath.Join(s.Root, where, fields[2], "cpu.stat")
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}
