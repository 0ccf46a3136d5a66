package disk

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// accounts are the names of users and groups by their numbers: from passwd(5) and
// group(5), and for who is not there from what getent(1) says, which asks the
// machine's other sources (nsswitch.conf(5)).
type accounts struct {
	users, groups map[uint32]string
}

func (a *accounts) names(ctx context.Context, uid, gid uint32) (user, group string) {
	if a.users == nil {
		a.users, a.groups = accountsIn("/etc/passwd"), accountsIn("/etc/group")
	}
	return a.name(ctx, a.users, "passwd", uid), a.name(ctx, a.groups, "group", gid)
}

// askFor is how long the machine's directory service may take.
const askFor = 2 * time.Second

func (a *accounts) name(ctx context.Context, known map[uint32]string, database string, id uint32) string {
	name, ok := known[id]
	if ok {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, "getent", database, strconv.FormatUint(uint64(id), 10))
	cmd.WaitDelay = askFor
	out, err := cmd.Output()
	if err == nil {
		name, _, _ = strings.Cut(string(out), ":")
	}
	known[id] = name // also that it has none: it is asked once
	return name
}

func accountsIn(file string) map[uint32]string {
	out := map[uint32]string{}
	b, err := os.ReadFile(file)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(fields) < 3 || fields[0] == "" {
			continue
		}
		if id, err := strconv.ParseUint(fields[2], 10, 32); err == nil {
			if _, twice := out[uint32(id)]; !twice { // the first counts, as for getpwuid(3)
				out[uint32(id)] = fields[0]
			}
		}
	}
	return out
}

// mountsBelow are the mount points of this process's view, as whole paths, and the
// path of the directory fd without links, from proc_pid_mountinfo(5).
func mountsBelow(fd int) (real string, points map[string]bool) {
	real, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", nil
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return real, nil
	}
	return real, mountPoints(string(b))
}

func mountPoints(mountinfo string) map[string]bool {
	points := map[string]bool{}
	for line := range strings.Lines(mountinfo) {
		if f := strings.Fields(line); len(f) > 4 {
			points[unescape(f[4])] = true
		}
	}
	return points
}

// unescape undoes \040 and its like.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
