package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/unit"
	"rehome.dev/rehome/internal/inventory"
)

// resolve finds what was asked for: its unit where it has one, and its first
// processes.
func (a *application) resolve(ctx context.Context, t inventory.Target) (*inventory.Unit, error) {
	asked := 0
	for _, is := range []bool{t.Unit != "", t.PID != 0, t.Port != 0} {
		if is {
			asked++
		}
	}
	if asked != 1 || t.PID < 0 || t.Port < 0 || t.Port > 65535 || strings.HasPrefix(t.Unit, "-") {
		return nil, failed(ErrBadRequest, "", "name one: --unit, --pid or --port")
	}
	if t.Unit != "" {
		return a.resolveUnit(ctx, t.Unit)
	}
	pid, service := t.PID, ""
	if t.Port != 0 {
		var err error
		if pid, service, err = a.listener(ctx, t.Port); err != nil {
			return nil, err
		}
	}
	if service != "" {
		return a.resolveUnit(ctx, service)
	}
	if s, ok := a.table.stat(pid); !ok || s.zombie {
		return nil, failed(ErrNoProcess, fmt.Sprintf("process %d", pid), "ps -e lists them; a process inside a container is seen from outside by another number")
	}
	if a.above[pid] {
		return nil, failed(ErrProbeItself, fmt.Sprintf("process %d", pid), "name its unit, and the probe's own processes are left out")
	}
	a.target, a.main = pid, pid
	return a.adopt(ctx, pid), nil
}

func (a *application) resolveUnit(ctx context.Context, name string) (*inventory.Unit, error) {
	if !strings.Contains(name, ".") {
		name += ".service"
	}
	state, err := show(ctx, name, a.root)
	if err != nil {
		if errors.Is(err, unit.ErrNoSystemd) {
			return nil, failed(ErrNoSystemd, name, "without systemd, name the process (--pid) or the port (--port); as it said: "+err.Error())
		}
		return nil, err
	}
	switch {
	case state.Load == "not-found" || state.Load == "bad-setting" || state.Load == "error":
		return nil, failed(ErrNoUnit, name, "systemctl list-units --type=service lists them")
	case state.ControlGroup == "" && len(state.Members) > 0:
		return nil, failed(ErrNotRunning, name+" has no process ("+state.Unit.State+")", "name one of those that belong to it: "+strings.Join(state.Members, ", "))
	case state.ControlGroup == "":
		return nil, failed(ErrNotRunning, name+" has no process ("+state.Unit.State+")", "facts are those of a running application: start it, or name the one that runs")
	}
	a.cgroup, a.main = state.ControlGroup, state.Unit.MainPID
	return &state.Unit, nil
}

func show(ctx context.Context, name, root string) (unit.State, error) {
	p, err := unit.Show(ctx, name)
	if err != nil {
		return unit.State{}, err
	}
	state, _ := unit.Read(p, root)
	return state, nil
}

// managers start programs of others: their unit is not that of a process in it.
var managers = []string{"supervisord", "cron", "crond", "atd", "sshd", "systemd", "monit", "runsvdir", "s6-svscan",
	"inetd", "xinetd", "dockerd", "containerd", "circusd", "init", "pm2"}

// adopt takes the unit to which a process belongs, or nil where there is none, where
// it is that of a manager, or where the probe runs in it too.
func (a *application) adopt(ctx context.Context, pid int) *inventory.Unit {
	name, path := service(a.table.cgroup(pid))
	if name == "" {
		return nil
	}
	if own := a.table.cgroup(a.self); own == path || strings.HasPrefix(own, path+"/") {
		return nil
	}
	state, err := show(ctx, name, a.root)
	if err != nil || state.ControlGroup == "" {
		return nil
	}
	if main := state.Unit.MainPID; main != 0 && main != pid {
		if s, ok := a.table.stat(main); ok && (slices.Contains(managers, s.name) || strings.HasPrefix(s.name, "PM2 ")) {
			return nil
		}
	}
	a.cgroup = state.ControlGroup
	if state.Unit.MainPID != 0 {
		a.main = state.Unit.MainPID
	}
	return &state.Unit
}

// service is the unit of the system's manager in the path of a control group, and
// the path as far as the unit. Those of a user's own manager are not asked for.
func service(cgroup string) (name, path string) {
	for i, part := range strings.Split(cgroup, "/") {
		if strings.HasPrefix(part, "user@") {
			return "", ""
		}
		if strings.HasSuffix(part, ".service") {
			return part, strings.Join(strings.Split(cgroup, "/")[:i+1], "/")
		}
	}
	return "", ""
}
