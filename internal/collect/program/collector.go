package program

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// most bounds how many different programs are told of.
const most = 256

// key is a program: the file that the kernel runs, and the script that it reads.
type key struct{ exe, script string }

// running is one program, with the processes that run it.
type running struct {
	key
	first process // of those that run it
	pids  []int
	kind
	mapped map[string]bool // libraries
}

type collector struct {
	proc     string
	buf      []byte
	sights   map[int]int
	of       map[int]*running
	programs map[key]*running
}

// New is the collector of programs.
func New() scope.Collector {
	return &collector{sights: map[int]int{}, of: map[int]*running{}, programs: map[key]*running{}}
}

// Subjects says what it looks at.
func (c *collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectPrograms}
}

// Sample reads who has come: twice, since at first sight a process may be just
// before its exec.
func (c *collector) Sample(_ context.Context, s *scope.Scope) {
	c.proc = s.Proc
	for _, pid := range s.PIDs {
		if c.sights[pid] < 2 && len(c.sights) < 8*most {
			c.sights[pid]++
			c.see(s, pid)
		}
	}
}

func (c *collector) see(s *scope.Scope, pid int) {
	exe, err := os.Readlink(c.path(pid, "exe"))
	if err != nil {
		if !os.IsNotExist(err) {
			s.Gaps.Add(inventory.SubjectPrograms, "executable of "+c.comm(pid), reason(err))
		}
		return
	}
	p := process{pid: pid, exe: strings.TrimSuffix(exe, " (deleted)"), argv: c.argv(pid)}
	p.cwd, _ = os.Readlink(c.path(pid, "cwd"))
	p.root = strings.TrimSuffix(c.path(pid, "root"), "/")
	k := recognise(p)
	id := key{p.exe, k.script}
	if c.sights[pid] > 1 { // its first sight may have been that of its parent's program
		if was := c.of[pid]; was != nil && was.key != id {
			was.pids = slices.DeleteFunc(was.pids, func(p int) bool { return p == pid })
			if len(was.pids) == 0 {
				delete(c.programs, was.key)
			}
		}
	}
	r := c.programs[id]
	if r == nil {
		if len(c.programs) >= most {
			s.Gaps.Add(inventory.SubjectPrograms, "", "more than "+strconv.Itoa(most)+" programs were seen; the others are not listed")
			return
		}
		r = &running{key: id, first: p, kind: k, mapped: map[string]bool{}}
		c.programs[id] = r
	}
	c.of[pid] = r
	if !slices.Contains(r.pids, pid) {
		r.pids = append(r.pids, pid)
	}
}

// Finish reads headers, maps and the machine's packages.
func (c *collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	var all []*running
	for _, r := range c.programs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *running) int {
		return cmp.Or(cmp.Compare(a.exe, b.exe), cmp.Compare(a.key.script, b.key.script))
	})
	executables := map[string]*inventory.Program{}
	var order []string
	for _, r := range all {
		p := c.program(s, r)
		if r.key.script != "" {
			f.Programs = append(f.Programs, p)
			p = inventory.Program{Path: inventory.Name(r.exe), Runtime: p.Runtime, Libraries: p.Libraries, Static: p.Static, PIDs: p.PIDs}
			f.Programs[len(f.Programs)-1].Libraries = nil
			f.Programs[len(f.Programs)-1].Static = false
		}
		if was := executables[r.exe]; was != nil {
			was.PIDs = append(was.PIDs, p.PIDs...)
			was.Libraries = union(was.Libraries, p.Libraries)
			continue
		}
		executables[r.exe] = &p
		order = append(order, r.exe)
	}
	for _, exe := range order {
		f.Programs = append(f.Programs, *executables[exe])
	}
	packages(ctx, s, f.Programs)
}

// program puts together what is known of one.
func (c *collector) program(s *scope.Scope, r *running) inventory.Program {
	slices.Sort(r.pids)
	p := inventory.Program{Path: inventory.Name(cmp.Or(r.key.script, r.exe)), PIDs: r.pids}
	c.maps(s, r)
	header := c.header(s, r)
	r.complete(r.first, header, r.mapped)
	p.Language, p.Runtime, p.Framework, p.Options = r.language, r.runtime, r.framework, r.options
	p.Static = header.static
	p.Libraries = c.libraries(s, r, header)
	return p
}

func union(a, b []inventory.Library) []inventory.Library {
	for _, l := range b {
		if !slices.ContainsFunc(a, func(o inventory.Library) bool { return o.Path == l.Path }) {
			a = append(a, l)
		}
	}
	return a
}

func (c *collector) path(pid int, name string) string {
	return filepath.Join(c.proc, strconv.Itoa(pid)) + "/" + name
}

func (c *collector) read(pid int, name string) ([]byte, error) {
	text, err := scope.Read(c.path(pid, name), c.buf)
	if cap(text) > cap(c.buf) {
		c.buf = text
	}
	return text, err
}

func (c *collector) argv(pid int) []string {
	text, err := c.read(pid, "cmdline")
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

func (c *collector) comm(pid int) string {
	text, err := c.read(pid, "comm")
	if err != nil {
		return "process " + strconv.Itoa(pid)
	}
	return inventory.Name(strings.TrimSpace(string(text)))
}

func reason(err error) string {
	if os.IsPermission(err) {
		return "permission denied"
	}
	return err.Error()
}
