package process

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// most bounds how many processes are told of one by one: an application that
// forks for each request has thousands.
const most = 1024

// id is a process; its start tells it from another one with the same number.
type id struct {
	pid     int
	started uint64
}

// seen is one process, and what was last known of it.
type seen struct {
	inventory.Process
	last    counters
	at      int // sample at which it was last seen
	read    [2]uint64
	blocks  bool
	shared  int64 // proportional minus private memory, when it was last measured
	drawn   int   // samples after which it was described
	secrets []inventory.SecretPlace
}

// collector looks at every process at every sample.
type collector struct {
	reader
	procs map[id]*seen
	users map[int]string
	boot  time.Time
	// left counts processes beyond most.
	left  int
	usage usage
	files filesAt
	// listed: the kernel does not count open files, they have to be listed.
	listed bool
	stat   string // of the control group; see throttled
}

// New is the collector of processes and of what they use.
func New() scope.Collector {
	return &collector{procs: map[id]*seen{}}
}

// Subjects says what it looks at.
func (c *collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectProcesses, inventory.SubjectUsage}
}

// Sample reads the counters of each process, and describes one that is new.
func (c *collector) Sample(_ context.Context, s *scope.Scope) {
	c.proc = s.Proc
	if c.boot.IsZero() {
		c.boot = c.bootTime()
	}
	t := total{at: time.Now()}
	exact := c.usage.exact(t.at, s.Sample+1 >= s.Planned)
	list := c.files.due(t.at)
	for _, pid := range s.PIDs {
		now, err := c.counters(pid)
		if err != nil {
			if !gone(err) {
				s.Gaps.Add(inventory.SubjectProcesses, "process "+strconv.Itoa(pid), why(err))
			}
			continue
		}
		p := c.process(pid, now, s)
		if p == nil {
			continue
		}
		p.Seen++
		p.at = s.Sample
		p.Threads = max(p.Threads, now.threads)
		p.Main = p.Main || pid == s.Main
		p.CPU += time.Duration(now.ticks-p.last.ticks) * tick
		c.usage.burn(p.last, now)
		p.last = now
		c.measure(s, p, &t, exact, list)
	}
	if exact {
		c.usage.took(time.Since(t.at))
	}
	for _, p := range c.procs {
		if p.at == s.Sample-1 {
			c.usage.owed += p.last.ticks
		}
	}
	c.throttled(s)
	c.usage.add(t)
}

// process finds or makes the entry of a process. What was described in the
// middle of its exec is described once more at the second sight.
func (c *collector) process(pid int, now counters, s *scope.Scope) *seen {
	key := id{pid, now.started}
	p := c.procs[key]
	if p == nil {
		if len(c.procs) >= most {
			c.left++
			return nil
		}
		p = &seen{Process: inventory.Process{PID: pid, Parent: now.parent}, last: now}
		if born := c.boot.Add(time.Duration(now.started) * tick); s.Sample > 0 && born.After(c.usage.first) {
			p.last.ticks, p.last.children = 0, 0 // all that it took, it took while it was looked at
		}
		c.procs[key] = p
	}
	if p.drawn < 2 {
		p.drawn++
		c.describe(s, p)
	}
	return p
}

// measure adds what the process takes to the sample.
func (c *collector) measure(s *scope.Scope, p *seen, t *total, exact, list bool) {
	t.processes++
	t.threads += int64(p.last.threads)
	if resident, private, err := c.memory(p.PID); err == nil {
		t.resident += resident
		if exact {
			pss, err := c.proportional(p.PID)
			switch {
			case err == nil:
				p.shared = pss - private
			case !gone(err):
				c.usage.noPSS = true
			}
		}
		t.memory += max(0, private+p.shared)
	}
	if read, written, err := c.blocks(p.PID); err == nil {
		if p.blocks {
			c.usage.read += read - min(read, p.read[0])
			c.usage.written += written - min(written, p.read[1])
		}
		p.read, p.blocks = [2]uint64{read, written}, true
	} else if !gone(err) {
		s.Gaps.Add(inventory.SubjectProcesses, "bytes read and written by "+p.Name, why(err))
	}
	c.files.count(c, s, p, list)
	t.files += int64(c.files.of[p.PID])
}

// Finish describes whoever is still there as it is now, and sums up.
func (c *collector) Finish(_ context.Context, s *scope.Scope, f *inventory.Facts) {
	for _, p := range c.procs {
		now, err := c.counters(p.PID)
		p.Ended = err != nil || now.started != p.last.started
		if !p.Ended {
			c.describe(s, p)
		}
		f.Processes = append(f.Processes, p.Process)
		f.Secrets = append(f.Secrets, p.secrets...)
	}
	slices.SortFunc(f.Processes, func(a, b inventory.Process) int {
		return cmp.Or(cmp.Compare(b2i(b.Main), b2i(a.Main)), cmp.Compare(a.PID, b.PID), a.Started.Compare(b.Started))
	})
	slices.SortFunc(f.Secrets, bySecretPlace)
	f.Secrets = slices.Compact(f.Secrets)
	if c.left > 0 {
		s.Gaps.Add(inventory.SubjectProcesses, "", fmt.Sprintf("more than %d processes were seen; the others are not listed", most))
	}
	f.Usage = c.usage.sum(s.Gaps)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
