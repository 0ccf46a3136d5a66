package readiness

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// skew is how far a machine's clock may be ahead before its facts count as taken
// in the future.
const skew = time.Minute

// machine is one machine of the migration and the facts of it.
type machine struct {
	inventory.Facts
	name     string
	declared migration.VM
	// recorded are the experiments that count because somebody put them on record,
	// outdated says why others no longer do, both by kind.
	recorded map[string]Recorded
	outdated map[string]string
}

// meet finds the facts of each machine that the migration names. A machine
// without facts is there with a gap in everything; facts that belong to no
// declared machine are apart. Where the migration names none, all facts count.
func meet(in Input) (machines, strangers []machine) {
	used := make([]bool, len(in.Report.Machines))
	for _, vm := range in.Spec.VMs {
		i := slices.IndexFunc(in.Report.Machines, func(f inventory.Facts) bool { return belongs(f, vm) })
		if i < 0 {
			missing := inventory.Unreachable(inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}, time.Time{}, "no facts of "+vm.Host+" were taken")
			machines = append(machines, machine{Facts: missing, name: vm.Host, declared: vm})
			continue
		}
		used[i] = true
		machines = append(machines, machine{Facts: in.Report.Machines[i], name: vm.Host, declared: vm})
	}
	for i, f := range in.Report.Machines {
		m := machine{Facts: f, name: called(f)}
		switch {
		case len(in.Spec.VMs) == 0:
			machines = append(machines, m)
		case !used[i]:
			strangers = append(strangers, m)
		}
	}
	for i, m := range machines {
		machines[i] = m.remember(in)
	}
	return machines, strangers
}

func called(f inventory.Facts) string {
	switch {
	case f.Target.Host != "":
		return hostOf(f.Target.Host)
	case f.Host.Name != "":
		return f.Host.Name
	}
	return "this machine"
}

// belongs says whether facts are of a declared machine: by the name under which
// it was reached or, where they were taken on the machine itself, by its own name
// or one of its addresses. A unit that differs makes it another application.
func belongs(f inventory.Facts, vm migration.VM) bool {
	if f.Target.Unit != "" && vm.Unit != "" && unitName(f.Target.Unit) != unitName(vm.Unit) {
		return false
	}
	if t := f.Target.Host; t != "" && t != "local" {
		return t == vm.Host || t == vm.Reach || strings.EqualFold(hostOf(t), vm.Host) ||
			(vm.Reach != "" && hostOf(t) == hostOf(vm.Reach))
	}
	if vm.Reach == "local" || strings.EqualFold(f.Host.Name, vm.Host) {
		return true
	}
	label, _, _ := strings.Cut(vm.Host, ".")
	if _, err := netip.ParseAddr(vm.Host); err != nil && f.Host.Name != "" && strings.EqualFold(f.Host.Name, label) {
		return true
	}
	return slices.Contains(addresses(f), vm.Host)
}

func unitName(u string) string { return strings.TrimSuffix(u, ".service") }

// hostOf is the host in ssh://user@host:port; anything else is a host already.
func hostOf(reach string) string {
	if u, err := url.Parse(reach); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return reach
}

// addresses are those of the machine's cards, without prefix lengths.
func addresses(f inventory.Facts) []string {
	var out []string
	for _, i := range f.Host.Interfaces {
		for _, a := range i.Addresses {
			bare, _, _ := strings.Cut(a, "/")
			out = append(out, bare)
		}
	}
	return out
}

// oldest is the time of the oldest facts, and whether they have expired.
func (l look) oldest() (oldest time.Time, expired bool) {
	for _, m := range l.machines {
		if m.Ended.IsZero() {
			continue
		}
		if oldest.IsZero() || m.Ended.Before(oldest) {
			oldest = m.Ended
		}
	}
	return oldest, !oldest.IsZero() && l.Now.Sub(oldest) > l.Policy.EvidenceAge
}

// odd says why the facts of the machines cannot count: their time is wrong.
// A machine without facts has no time, and is a gap already.
func (l look) odd() string {
	for _, m := range l.machines {
		if why := l.mistimed(m); why != "" {
			return why
		}
	}
	return ""
}

func (l look) mistimed(m machine) string {
	switch {
	case m.Ended.IsZero() && len(m.Looked) == 0:
		return ""
	case m.Ended.IsZero():
		return fmt.Sprintf("the facts of %s carry no time", m.name)
	case m.Ended.Before(m.Began):
		return fmt.Sprintf("the facts of %s end before they begin", m.name)
	case m.Ended.Sub(l.Now) > skew:
		return fmt.Sprintf("the facts of %s are %s in the future: one of the clocks is wrong", m.name, ago(m.Ended.Sub(l.Now)))
	case l.Now.Sub(m.Ended) > l.Policy.EvidenceAge:
		return fmt.Sprintf("the facts of %s are %s old, the policy allows %s", m.name, ago(l.Now.Sub(m.Ended)), ago(l.Policy.EvidenceAge))
	}
	return ""
}

// fresh is STALE-EVIDENCE: facts of every machine that is declared, of no other,
// and not older than the policy allows.
func fresh(l look) opinion {
	o := opinion{remedy: "take the facts again, of all machines at once: rehome probe FILE"}
	for _, m := range l.machines {
		why := l.mistimed(m)
		if why == "" {
			why = m.unseen()
		}
		if why != "" {
			o.doubt(m, 0, "%s", why)
			continue
		}
		o.note(m, 0, "facts taken %s ago, %s", ago(l.Now.Sub(m.Ended)), m.Coverage)
	}
	for _, m := range l.strangers {
		o.note(m, 0, "facts of %s are there, and the migration names no such machine: they were not judged", m.name)
	}
	o.at, _ = l.oldest()
	switch {
	case len(l.machines) == 0:
		return o.unknown("there are no facts of any machine")
	case len(o.unsure) > 0:
		return o.unknown("%s", some(o.unsure))
	}
	return o.passes("the facts of %d machine(s) are at most %s old, the policy allows %s", len(l.machines), ago(l.Now.Sub(o.at)), ago(l.Policy.EvidenceAge))
}

// main is the process that decides how the application starts and ends.
func (m machine) main() (inventory.Process, bool) {
	for _, p := range m.Processes {
		if p.Main {
			return p, true
		}
	}
	if m.Unit != nil && m.Unit.MainPID > 0 {
		for _, p := range m.Processes {
			if p.PID == m.Unit.MainPID {
				return p, true
			}
		}
	}
	if len(m.Processes) == 1 {
		return m.Processes[0], true
	}
	return inventory.Process{}, false
}

// drilled is the last drill of that name that proved something, or why there is none.
func (m machine) drilled(name inventory.DrillName) (inventory.Drill, bool) {
	for _, d := range slices.Backward(m.Drills) {
		if d.Name == name && d.Err == "" {
			return d, true
		}
	}
	return inventory.Drill{}, false
}
