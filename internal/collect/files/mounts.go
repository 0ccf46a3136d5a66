package files

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
)

// mount is one line of /proc/PID/mountinfo.
type mount struct {
	point, fstype string
	noatime       bool
}

type mounts []mount

// mountsOf are the mounts that a process sees, none where they cannot be read.
func mountsOf(proc string, pid int) mounts {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "mountinfo"))
	if err != nil {
		return nil
	}
	return parseMounts(data)
}

// parseMounts reads mountinfo (proc_pid_mountinfo(5)): six columns, optional
// ones up to a dash, then the type, the source and the options of the file system.
func parseMounts(data []byte) mounts {
	var all mounts
	for line := range bytes.Lines(data) {
		column := strings.Fields(string(line))
		dash := -1
		for i := 6; i < len(column); i++ {
			if column[i] == "-" {
				dash = i
				break
			}
		}
		if dash < 0 || len(column) < dash+2 {
			continue
		}
		m := mount{point: scope.Unescape(column[4]), fstype: column[dash+1]}
		for option := range strings.SplitSeq(column[5], ",") {
			m.noatime = m.noatime || option == "noatime"
		}
		all = append(all, m)
	}
	return all
}

// of is the mount below which a path lies: the longest, and of equal ones the
// last, which hides the others.
func (all mounts) of(path string) (mount, bool) {
	best := -1
	for i, m := range all {
		if below(path, m.point) && (best < 0 || len(m.point) >= len(all[best].point)) {
			best = i
		}
	}
	if best < 0 {
		return mount{}, false
	}
	return all[best], true
}
