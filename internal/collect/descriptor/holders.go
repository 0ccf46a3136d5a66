package descriptor

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holder is a process that has a descriptor open.
type Holder struct {
	PID, FD int
	Name    string // as the kernel calls the process; raw bytes
}

// Processes are the PIDs below proc.
func Processes(proc string) []int {
	dir, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Holders looks through all processes of the machine for those that have one of
// the wanted links open; of those that the walker follows it tells what it knows.
// Blind counts the processes that could not be looked into: whoever is missing
// may be among them. It costs a look at every open file of the machine, and
// belongs at the end of a probe.
func (w *Walker) Holders(ctx context.Context, wanted map[string]bool) (held map[string][]Holder, blind int) {
	held = map[string][]Holder{}
	if len(wanted) == 0 {
		return held, 0
	}
	for _, pid := range Processes(w.proc) {
		if ctx.Err() != nil {
			return held, blind + 1
		}
		if p := w.procs[pid]; p != nil {
			for fd, link := range p.open {
				if wanted[link] {
					held[link] = append(held[link], Holder{pid, fd, Name(w.proc, pid)})
				}
			}
			continue
		}
		if !holds(w.proc, pid, wanted, held) {
			blind++
		}
	}
	return held, blind
}

func holds(proc string, pid int, wanted map[string]bool, held map[string][]Holder) bool {
	dir, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "fd"))
	if err != nil {
		return gone(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return gone(err)
	}
	var room [256]byte
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, room[:])
		if err != nil {
			if gone(err) {
				continue
			}
			return false
		}
		if wanted[string(room[:n])] {
			fd, _ := strconv.Atoi(name)
			link := string(room[:n])
			held[link] = append(held[link], Holder{pid, fd, Name(proc, pid)})
		}
	}
	return true
}

// Name is what the kernel calls a process, "" where it is gone. The bytes are
// raw: see inventory.Name.
func Name(proc string, pid int) string {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

// Mode says how a descriptor was opened.
type Mode struct {
	Read, Write, Append bool
}

// ModeOf reads the flags of a descriptor from fdinfo (proc_pid_fdinfo(5)).
func ModeOf(proc string, pid, fd int) (Mode, bool) {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "fdinfo", strconv.Itoa(fd)))
	if err != nil {
		return Mode{}, false
	}
	return ParseMode(data)
}

// ParseMode finds the line "flags:" of an fdinfo, whose number is octal.
func ParseMode(data []byte) (Mode, bool) {
	for line := range bytes.Lines(data) {
		rest, is := bytes.CutPrefix(line, []byte("flags:"))
		if !is {
			continue
		}
		flags, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 8, 64)
		if err != nil {
			return Mode{}, false
		}
		how := flags & unix.O_ACCMODE
		return Mode{
			Read:   how == unix.O_RDONLY || how == unix.O_RDWR,
			Write:  how == unix.O_WRONLY || how == unix.O_RDWR,
			Append: flags&unix.O_APPEND != 0 && how != unix.O_RDONLY,
		}, true
	}
	return Mode{}, false
}

// Inode is the number in "socket:[N]" or "pipe:[N]".
func Inode(link, kind string) (uint64, bool) {
	rest, is := strings.CutPrefix(link, kind+":[")
	if !is {
		return 0, false
	}
	rest, is = strings.CutSuffix(rest, "]")
	if !is {
		return 0, false
	}
	n, err := strconv.ParseUint(rest, 10, 64)
	return n, err == nil
}
