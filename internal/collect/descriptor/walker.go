// Package descriptor follows the open file descriptors of processes: which are
// open, where they lead, and who holds the other end of a pipe or socket. It
// reads /proc and asks the kernel's socket tables, and attaches to nothing.
//
// It is what the collectors of files and of the network both stand on. It must
// not know what a descriptor means to the application.
package descriptor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// linksPerLook is how many links are read in one sample, over all processes
	// that were seen before: it bounds the cost, not what is seen in the end.
	linksPerLook = 800
	// many is from how many descriptors on a process is looked at piece by piece.
	many = 300
	// slice is how many known descriptors of such a process are looked at again in
	// one sample, gaps how many free numbers.
	slice = 100
	gaps  = 64
	// longestLink is PATH_MAX of limits.h.
	longestLink = 4096
)

// FD is one open file descriptor. Link is what /proc/PID/fd says of it, byte by
// byte: a path, or "socket:[INODE]", "pipe:[INODE]", "anon_inode:…".
type FD struct {
	PID, FD int
	Link    string
}

// Look is what was new in one process: a descriptor that leads elsewhere than
// before is closed and opened. Err is set where the process may not be read;
// Ended where it is gone, and then all that it had open is closed.
type Look struct {
	Opened, Closed []FD
	Ended          bool
	Err            error
}

// Walker remembers what was open. The zero value is not usable.
type Walker struct {
	proc  string
	keep  func(link []byte) bool
	procs map[int]*process
	next  int
	links int
	room  []byte // for one link
}

type process struct {
	open   map[int]string // those that are kept
	count  int            // all of them, at the last whole look
	top    int            // highest number in use
	free   []int          // lowest free numbers
	met    []int          // free numbers that this turn has met so far
	cursor int            // where the next slice begins
	burst  bool           // most of the free numbers were taken at once
}

// NewWalker reads below proc. It keeps the descriptors that keep says yes to;
// nil keeps all.
func NewWalker(proc string, keep func(link []byte) bool) *Walker {
	return &Walker{proc: proc, keep: keep, procs: map[int]*process{}, room: make([]byte, longestLink)}
}

// Sample looks at the processes once and calls visit for each in which something
// changed. A process that is new is looked at whole; the known ones in turns, as
// far as the sample's share of links goes. Of a process with very many
// descriptors the free numbers are looked at, since the kernel gives a new file
// the lowest of them (POSIX open), and a slice of the others, so that all of
// them have their turn.
func (w *Walker) Sample(pids []int, visit func(pid int, l Look)) {
	w.links = 0
	for pid, p := range w.procs {
		if !slices.Contains(pids, pid) {
			delete(w.procs, pid)
			visit(pid, Look{Closed: p.all(pid), Ended: true})
		}
	}
	var known []int
	for _, pid := range pids {
		if w.procs[pid] != nil {
			known = append(known, pid)
			continue
		}
		w.look(pid, visit)
	}
	w.links = 0
	for i := range known {
		if w.links >= linksPerLook {
			w.next += i
			return
		}
		w.look(known[(w.next+i)%len(known)], visit)
	}
}

// Each calls f for everything that is known to be open.
func (w *Walker) Each(f func(FD)) {
	for pid, p := range w.procs {
		for fd, link := range p.open {
			f(FD{pid, fd, link})
		}
	}
}

func (p *process) all(pid int) []FD {
	closed := make([]FD, 0, len(p.open))
	for fd, link := range p.open {
		closed = append(closed, FD{pid, fd, link})
	}
	return closed
}

func (w *Walker) look(pid int, visit func(int, Look)) {
	p := w.procs[pid]
	fresh := p == nil
	if fresh {
		p = &process{open: map[int]string{}}
	}
	l := w.read(pid, p, fresh)
	switch {
	case gone(l.Err):
		delete(w.procs, pid)
		visit(pid, Look{Closed: p.all(pid), Ended: true})
	case l.Err != nil:
		delete(w.procs, pid)
		visit(pid, Look{Closed: p.all(pid), Err: l.Err})
	default:
		w.procs[pid] = p
		if len(l.Opened)+len(l.Closed) > 0 {
			visit(pid, l)
		}
	}
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

func (w *Walker) read(pid int, p *process, fresh bool) Look {
	dir, err := os.Open(filepath.Join(w.proc, strconv.Itoa(pid), "fd"))
	if err != nil {
		return Look{Err: err}
	}
	defer dir.Close()
	if fresh || p.count < many || p.burst {
		return w.whole(dir, pid, p)
	}
	return w.piece(dir, pid, p)
}

// whole reads every descriptor.
func (w *Walker) whole(dir *os.File, pid int, p *process) (l Look) {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return Look{Err: err}
	}
	numbers := make([]int, 0, len(names))
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for fd := range p.open {
		if _, still := slices.BinarySearch(numbers, fd); !still {
			l.Closed = append(l.Closed, FD{pid, fd, p.open[fd]})
			delete(p.open, fd)
		}
	}
	for _, fd := range numbers {
		if _, l.Err = w.one(dir, pid, fd, p, &l); l.Err != nil {
			return l
		}
	}
	p.count, p.cursor, p.burst, p.met = len(numbers), 0, false, nil
	p.span(numbers)
	return l
}

// span notes the highest number and the lowest free ones.
func (p *process) span(numbers []int) {
	p.free = p.free[:0]
	p.top = 0
	expect := 0
	for _, n := range numbers {
		for ; expect < n && len(p.free) < gaps; expect++ {
			p.free = append(p.free, expect)
		}
		expect, p.top = n+1, n
	}
	for n := p.top + 1; len(p.free) < gaps; n++ {
		p.free = append(p.free, n)
	}
}

// piece reads the free numbers and the next slice of all up to the highest. After
// the last slice the free numbers are those that the slices have met.
func (w *Walker) piece(dir *os.File, pid int, p *process) (l Look) {
	taken := 0
	for _, fd := range p.free {
		used, err := w.one(dir, pid, fd, p, &l)
		if err != nil {
			return Look{Err: err}
		}
		if used {
			taken++
			p.top = max(p.top, fd)
		}
	}
	p.burst = taken > len(p.free)/2
	for end := p.cursor + slice; p.cursor < end && p.cursor <= p.top; p.cursor++ {
		used, err := w.one(dir, pid, p.cursor, p, &l)
		if err != nil {
			return Look{Err: err}
		}
		if !used && len(p.met) < gaps {
			p.met = append(p.met, p.cursor)
		}
	}
	if p.cursor > p.top {
		for n := p.top + 1; len(p.met) < gaps; n++ {
			p.met = append(p.met, n)
		}
		p.free, p.met, p.cursor = p.met, nil, 0
	}
	return l
}

// one reads one descriptor and compares it with what is known of it. A number
// that is not open is no error, and not used.
func (w *Walker) one(dir *os.File, pid, fd int, p *process, l *Look) (used bool, err error) {
	w.links++
	n, err := unix.Readlinkat(int(dir.Fd()), strconv.Itoa(fd), w.room)
	if err != nil && !gone(err) {
		return false, &fs.PathError{Op: "readlink", Path: filepath.Join(dir.Name(), strconv.Itoa(fd)), Err: err}
	}
	used = err == nil
	to := w.room[:max(n, 0)]
	old, was := p.open[fd]
	now := used && (w.keep == nil || w.keep(to))
	if was && now && old == string(to) {
		return used, nil
	}
	if was {
		l.Closed = append(l.Closed, FD{pid, fd, old})
		delete(p.open, fd)
	}
	if now {
		link := string(to)
		p.open[fd] = link
		l.Opened = append(l.Opened, FD{pid, fd, link})
	}
	return used, nil
}
