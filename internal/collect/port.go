package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/collect/unit"
)

// listener finds who listens on a port: the process, or the unit for which
// systemd holds the socket.
func (a *application) listener(ctx context.Context, port int) (pid int, service string, err error) {
	what := fmt.Sprintf("port %d", port)
	inodes, err := a.listening(port)
	if err != nil {
		return 0, "", err
	}
	if len(inodes) == 0 {
		return 0, "", failed(ErrNoListener, what, "ss -lntup lists who listens; a port of a container belongs to its own network")
	}
	holders, hidden, err := a.holders(inodes)
	if err != nil {
		return 0, "", err
	}
	delete(holders, 1)
	switch roots := a.roots(holders); {
	case len(roots) == 1 && a.above[roots[0]]:
		return 0, "", failed(ErrProbeItself, what, "name its unit, and the probe's own processes are left out")
	case len(roots) == 1:
		return roots[0], "", nil
	case len(roots) > 1:
		return 0, "", failed(ErrAmbiguous, fmt.Sprintf("%s (processes %s)", what, join(roots)), "name one of them with --pid")
	case hidden > 0:
		return 0, "", failed(ErrPermission, fmt.Sprintf("%s (the open files of %d processes could not be read)", what, hidden), "probe as root, or with sudo")
	}
	if service := activated(ctx, port); service != "" {
		return 0, service, nil
	}
	return 0, "", failed(ErrNoListener, what+" is held by no process that can be seen", "it may be held by the kernel (NFS) or by another name space")
}

// listening are the sockets on a port that wait for somebody: TCP in LISTEN, UDP
// that is connected to nobody (proc_pid_net(5)).
func (a *application) listening(port int) (map[string]bool, error) {
	found := map[string]bool{}
	suffix := fmt.Sprintf(":%04X", port)
	for name, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		text, err := scope.Read(filepath.Join(a.table.proc, "net", name), nil)
		if errors.Is(err, fs.ErrNotExist) { // without IPv6 there is no tcp6
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find who listens on port %d: %w", port, err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == state && fields[9] != "0" {
				found["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return found, nil
}

// holders are the processes that have one of the sockets open, and how many
// processes would not tell.
func (a *application) holders(sockets map[string]bool) (map[int]stat, int, error) {
	all, err := a.table.all()
	if err != nil {
		return nil, 0, fmt.Errorf("list the processes: %w", err)
	}
	held, hidden := map[int]stat{}, 0
	for pid, s := range all {
		dir := a.table.path(pid, "fd")
		open, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) {
			hidden++
		}
		for _, fd := range open {
			if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && sockets[to] {
				held[pid] = s
				break
			}
		}
	}
	return held, hidden, nil
}

// roots are the holders that are no children of one. Several workers of one
// parent that runs the same program are that parent's.
func (a *application) roots(holders map[int]stat) []int {
	var roots []int
	for pid, s := range holders {
		if _, ok := holders[s.parent]; !ok {
			roots = append(roots, pid)
		}
	}
	slices.Sort(roots)
	if len(roots) < 2 {
		return roots
	}
	parent := holders[roots[0]].parent
	for _, pid := range roots {
		if holders[pid].parent != parent || parent <= 1 || !a.sameProgram(pid, parent) {
			return roots
		}
	}
	return []int{parent}
}

func (a *application) sameProgram(one, other int) bool {
	x, err1 := os.Readlink(a.table.path(one, "exe"))
	y, err2 := os.Readlink(a.table.path(other, "exe"))
	return err1 == nil && err2 == nil && x == y
}

// activated is the unit that systemd starts for a connection to the port.
func activated(ctx context.Context, port int) string {
	sockets, err := unit.Sockets(ctx)
	if err != nil {
		return ""
	}
	suffix := ":" + strconv.Itoa(port)
	for _, s := range sockets {
		for _, listens := range s["Listen"] {
			address, _, _ := strings.Cut(listens, " ")
			if strings.HasSuffix(address, suffix) {
				return s.First("Triggers")
			}
		}
	}
	return ""
}

func join(pids []int) string {
	var words []string
	for _, pid := range pids {
		words = append(words, strconv.Itoa(pid))
	}
	return strings.Join(words, ", ")
}
