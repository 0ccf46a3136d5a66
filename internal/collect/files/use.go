package files

import (
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

type kind int

const (
	special kind = iota // a FIFO, a socket
	regular
	directory
	device
)

// meta is what the file system says of a file.
type meta struct {
	kind         kind
	size         int64
	links, uid   int
	inode        uint64
	major, minor uint32
	sticky       bool
	read, write  bool // of a link in /proc/PID/fd: how it was opened
	atime, mtime time.Time
	born         time.Time // zero where the file system does not know
}

// The ways in which a file was seen, in the order in which they are told.
const (
	byFD = 1 << iota
	byMap
	byArgument
	byUnit
	byTree
	byEvent
	byAtime
	byMtime
)

var byNames = []string{"fd", "map", "argument", "unit", "tree", "event", "atime", "mtime"}

// use is one file that the application uses. Path is raw, as the process sees it.
type use struct {
	path string
	by   int
	kind kind
	// How it was used. Appended: opened for appending alone; declared: below a
	// directory of settings.
	read, written, appended, executable bool
	deleted, atStart, created, declared bool
	gone                                bool // when it was heard that it was closed
	seen, last                          int  // samples; one more than the last that counted
	pids                                []int
	inode                               uint64
	size, grown                         int64
	since, until                        time.Time // of the measurements
	pkg                                 string
	edited                              bool
	class                               inventory.FileClass
	why                                 string
}

// handle is one descriptor.
type handle struct{ pid, fd int }

func (u *use) holder(pid int) {
	if !slices.Contains(u.pids, pid) {
		u.pids = append(u.pids, pid)
	}
}

func (u *use) sample(n int) {
	if u.last != n+1 {
		u.last = n + 1
		u.seen++
	}
}

// measure takes a size of now. A file that became shorter was cut or begun anew:
// only what it gains counts.
func (u *use) measure(size int64, now time.Time) {
	if u.since.IsZero() {
		u.since = now
	} else if size > u.size {
		u.grown += size - u.size
	}
	u.size, u.until = size, now
}

func (u *use) perHour() int64 {
	if took := u.until.Sub(u.since); took > 0 {
		return int64(float64(u.grown) * float64(time.Hour) / float64(took))
	}
	return 0
}

func (u *use) fact(m mounts) inventory.File {
	f := inventory.File{
		Path: inventory.Name(u.path), Class: u.class, Why: u.why,
		Read: u.read, Written: u.written || u.grown > 0, Deleted: u.deleted, AtStart: u.atStart,
		Seen: u.seen, PIDs: slices.Sorted(slices.Values(u.pids)), Size: u.size, Growth: u.perHour(),
		Package: u.pkg, Edited: u.edited,
	}
	for i, name := range byNames {
		if u.by&(1<<i) != 0 {
			f.By = append(f.By, name)
		}
	}
	if at, found := m.of(u.path); found {
		f.Mount, f.FSType = inventory.Name(at.point), at.fstype
	}
	return f
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// parent is the directory of a path, "/" for what lies in the root.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// below says whether path is dir or lies in it.
func below(path, dir string) bool {
	rest, is := strings.CutPrefix(path, strings.TrimSuffix(dir, "/"))
	return is && (rest == "" || rest[0] == '/')
}
