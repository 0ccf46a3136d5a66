package part

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// identity names one process for good: a pid alone is given to another process
// sooner or later, and Down must never kill a stranger.
type identity struct {
	PID int `json:"pid"`
	// Started is field 22 of /proc/PID/stat: clock ticks since boot, proc(5).
	Started uint64 `json:"started"`
}

func identify(pid int) (identity, error) {
	stat, err := readStat(pid)
	if err != nil {
		return identity{}, err
	}
	return identity{PID: pid, Started: stat.started}, nil
}

// alive is false for a zombie: it serves nothing, and it may stay until a parent
// that is not ours looks at it.
func (id identity) alive() bool {
	stat, err := readStat(id.PID)
	return err == nil && stat.started == id.Started && stat.state != 'Z' && stat.state != 'X'
}

type procStat struct {
	state   byte
	parent  int
	started uint64
}

func readStat(pid int) (procStat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(string(data))
}

// parseStat reads proc(5)'s stat line. The command in parentheses may hold
// spaces and parentheses, so fields are counted after the last ')'.
func parseStat(line string) (procStat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return procStat{}, fmt.Errorf("stat line without a command: %q", line)
	}
	fields := strings.Fields(line[end+1:])
	const stateField, parentField, startedField = 0, 1, 19 // fields 3, 4 and 22 of the line
	if len(fields) <= startedField || len(fields[stateField]) != 1 {
		return procStat{}, fmt.Errorf("stat line with %d fields after the command", len(fields))
	}
	parent, err := strconv.Atoi(fields[parentField])
	if err != nil {
		return procStat{}, fmt.Errorf("parent in stat line: %w", err)
	}
	started, err := strconv.ParseUint(fields[startedField], 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("start time in stat line: %w", err)
	}
	return procStat{state: fields[stateField][0], parent: parent, started: started}, nil
}

// family is a process and all its living descendants, parents before children.
func family(root identity) []identity {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []identity{root}
	}
	children := map[int][]identity{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if stat, err := readStat(pid); err == nil {
			children[stat.parent] = append(children[stat.parent], identity{pid, stat.started})
		}
	}
	all := []identity{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].PID]...)
	}
	return all
}

func sumUp(names, missing []string) Status {
	switch {
	case len(missing) == 0:
		return Status{State: StateUp, Detail: fmt.Sprintf("%d of %d processes run", len(names), len(names))}
	case len(missing) == len(names):
		return Status{State: StateDown}
	}
	return Status{State: StatePartial, Detail: "not running: " + strings.Join(missing, ", ")}
}
