package collect

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
)

// application finds the processes of one application, at every sample anew.
type application struct {
	table *table
	root  string
	self  int
	// above are the probe and everything that it is a child of: never the
	// application's.
	above map[int]bool
	// cgroup is the control group of its unit, "" where it has none; then it is
	// the tree below target.
	cgroup string
	target int
	main   int
	// known are the processes that were found, with their start: they stay the
	// application's when they leave the group or lose their parent.
	known map[int]uint64
	// next is when all processes may be looked at again, see share.
	next time.Time
}

// share bounds what part of a core the reading of all processes may take, where
// the application is no unit and forks can only be found that way.
const share = 1.0 / 300

func newApplication(proc, root string) *application {
	a := &application{table: &table{proc: proc}, root: root, self: os.Getpid(), above: map[int]bool{}, known: map[int]uint64{}}
	for pid := a.self; pid > 0 && !a.above[pid]; {
		a.above[pid] = true
		s, ok := a.table.stat(pid)
		if !ok {
			break
		}
		pid = s.parent
	}
	return a
}

// look finds the processes as they are now, the main one first.
func (a *application) look() ([]int, error) {
	now := map[int]stat{}
	for pid, started := range a.known {
		if s, ok := a.table.stat(pid); ok && s.started == started && !s.zombie {
			now[pid] = s
		}
	}
	var err error
	if a.cgroup != "" {
		err = a.fromGroup(now)
	} else {
		err = a.fromTree(now)
	}
	for pid, s := range now {
		a.known[pid] = s.started
	}
	return a.order(now), err
}

// fromGroup adds the processes of the control group and of those below it.
func (a *application) fromGroup(now map[int]stat) error {
	pids, err := a.groupPIDs(a.cgroup)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if _, ok := now[pid]; ok || a.above[pid] {
			continue
		}
		if s, ok := a.table.stat(pid); ok && !s.zombie && (s.parent != a.self || pid == a.main) {
			now[pid] = s
		}
	}
	return nil
}

// hierarchies are where a control group of systemd may be: v1, hybrid and v2.
var hierarchies = []string{"sys/fs/cgroup/systemd", "sys/fs/cgroup/unified", "sys/fs/cgroup"}

func (a *application) groupPIDs(cgroup string) ([]int, error) {
	for _, h := range hierarchies {
		dir := filepath.Join(a.root, h, cgroup)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			continue
		}
		return a.walk(dir)
	}
	return a.groupFromProcesses(cgroup)
}

func (a *application) walk(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // a group that has just ended
				return nil
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		text, err := scope.Read(filepath.Join(path, "cgroup.procs"), a.table.buffer())
		if err != nil { // it has ended, or is a threaded one whose processes are listed above it
			return nil //nolint:nilerr // see above
		}
		for line := range strings.Lines(string(text)) {
			if pid := number([]byte(strings.TrimSpace(line))); pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// groupFromProcesses asks every process for its group, where the hierarchy itself
// is not to be seen.
func (a *application) groupFromProcesses(cgroup string) ([]int, error) {
	all, err := a.table.all()
	if err != nil {
		return nil, err
	}
	var pids []int
	for pid := range all {
		if of := a.table.cgroup(pid); of == cgroup || strings.HasPrefix(of, strings.TrimSuffix(cgroup, "/")+"/") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// fromTree adds the children of what is known, and whatever runs in a session or
// process group that one of them leads or has led. A process that left both
// before anybody looked cannot be found this way.
func (a *application) fromTree(now map[int]stat) error {
	began := time.Now()
	if began.Before(a.next) {
		return nil
	}
	all, err := a.table.all()
	if err != nil {
		return err
	}
	if s, ok := all[a.target]; ok && len(a.known) == 0 {
		now[a.target] = s
	}
	for grown := true; grown; {
		grown = false
		for pid, s := range all {
			if _, ok := now[pid]; ok || a.above[pid] || s.zombie {
				continue
			}
			if _, child := now[s.parent]; child || a.leads(now, s.session) || a.leads(now, s.group) {
				now[pid] = s
				grown = true
			}
		}
	}
	a.next = began.Add(time.Duration(float64(time.Since(began)) / share))
	return nil
}

func (a *application) leads(now map[int]stat, pid int) bool {
	_, is := now[pid]
	_, was := a.known[pid]
	return is || was
}

// order sorts by PID with the main process first. Where the main one has ended,
// it is the oldest that is nobody's child in the application.
func (a *application) order(now map[int]stat) []int {
	pids := slices.Sorted(maps.Keys(now))
	if len(pids) == 0 {
		a.main = 0
		return nil
	}
	if _, ok := now[a.main]; !ok {
		a.main = 0
		for _, pid := range pids {
			_, child := now[now[pid].parent]
			if child {
				continue
			}
			if a.main == 0 || now[pid].started < now[a.main].started {
				a.main = pid
			}
		}
		if a.main == 0 {
			a.main = pids[0]
		}
	}
	i := slices.Index(pids, a.main)
	return append([]int{a.main}, slices.Delete(pids, i, i+1)...)
}
