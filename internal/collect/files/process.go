package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
)

// ticks is USER_HZ, which is 100 wherever Linux runs servers.
const ticks = 100

// startOf is when a process began: its start in ticks since the boot
// (proc_pid_stat(5), column 22) and the time of the boot.
func startOf(proc string, pid int) (time.Time, bool) {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return time.Time{}, false
	}
	after, ok := startTicks(data)
	boot, known := bootTime(proc)
	if !ok || !known {
		return time.Time{}, false
	}
	return boot.Add(time.Duration(after) * time.Second / ticks), true
}

// startTicks finds column 22: the name before it may hold blanks and brackets.
func startTicks(data []byte) (uint64, bool) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return 0, false
	}
	column := strings.Fields(string(data[end+1:]))
	if len(column) < 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(column[19], 10, 62)
	return n, err == nil && n < 1<<40
}

// bootTime is when the machine was booted, from how long it is up, which is told
// to a tick; from "btime", which is told to the second, where that is not known.
func bootTime(proc string) (time.Time, bool) {
	if data, err := os.ReadFile(filepath.Join(proc, "uptime")); err == nil {
		up, _, _ := strings.Cut(string(data), " ")
		if seconds, err := strconv.ParseFloat(up, 64); err == nil {
			return time.Now().Add(-time.Duration(seconds * float64(time.Second))), true
		}
	}
	data, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return time.Time{}, false
	}
	for line := range bytes.Lines(data) {
		if rest, is := bytes.CutPrefix(line, []byte("btime ")); is {
			n, err := strconv.ParseInt(strings.TrimSpace(string(rest)), 10, 64)
			return time.Unix(n, 0), err == nil
		}
	}
	return time.Time{}, false
}

// rootOf is the directory that a process takes for /, "" where it is that of the
// machine.
func rootOf(s *scope.Scope, pid int) string {
	root, err := os.Readlink(procPath(s, pid, "root"))
	if err != nil || root == "/" {
		return ""
	}
	return root
}

// inside is a path as the process sees it. The kernel shows links as whoever
// asks would see them, with the chroot before them.
func (c *Collector) inside(pid int, path string) string {
	root := c.roots[pid]
	if root == "" || !below(path, root) || path == root {
		return path
	}
	return path[len(root):]
}

// view is where the agent finds a file that a process calls path: through
// /proc/PID/root, which leads into its chroot and its mounts.
func view(s *scope.Scope, pid int, path string) string {
	through := procPath(s, pid, "root")
	if _, err := os.Stat(through); err != nil {
		return filepath.Join(s.Root, path)
	}
	return through + path
}

// ended says that a process is gone, which is no gap.
func ended(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// why says for people why something could not be read.
func why(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "no permission to read it"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}
