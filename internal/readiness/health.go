package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// undeclaredStartup is what a pod may take to start where the migration declares
// no time (package manifest): a boot within it needs no declaration.
const undeclaredStartup = 60 * time.Second

// healthEndpoint is HEALTH: one of the runbook's paths, or a path that a workload
// declares, answers 200. Whether the answer is true only a drill shows: one that
// did not turn fails, and without one it passes with a word about it.
func healthEndpoint(l look, m machine) opinion {
	var o opinion
	paths := []string{"/healthz", "/readyz"}
	for _, w := range l.Spec.Workloads {
		paths = append(paths, w.Health.ReadinessPath, w.Health.LivenessPath)
	}
	o.noteOrigin(m, "drill health")
	var good, other, silent []string
	for _, a := range m.Health {
		wanted := slices.Contains(paths, a.Path)
		switch {
		case a.Status == 200 && wanted:
			good = append(good, a.Path)
			o.command = showHealth(a.URL)
		case a.Status == 200:
			other = append(other, a.Path)
		case a.Status == 0 && wanted:
			silent = append(silent, fmt.Sprintf("%s: %s", a.Path, a.Err))
		}
		if a.Status == 0 {
			o.note(m, 0, "GET %s got no answer: %s", a.Path, a.Err)
			continue
		}
		o.note(m, 0, "GET %s answered %d", a.Path, a.Status)
	}
	if o.command == "" && len(m.Health) > 0 {
		o.command = showHealth(m.Health[0].URL)
	}
	drill, drilled := m.drilled(inventory.DrillHealth)
	if drilled {
		o.note(m.then("drill health"), 0, "drill health at %s: %s", drill.At.UTC().Format(time.RFC3339), drill.Detail)
	}
	why := m.unseen(inventory.SubjectHealth, inventory.SubjectListeners)
	switch {
	case drilled && !drill.Passed:
		return o.fails("the endpoint does not tell the truth: %s", drill.Detail)
	case why != "":
		return m.blind(o, why)
	case len(good) > 0 && drilled:
		return o.passes("200 from %s, which turned in the drill when a dependency was gone", strings.Join(slices.Compact(good), " and "))
	case len(good) > 0:
		return o.passes("200 from %s; %s", strings.Join(slices.Compact(good), " and "), m.without("that it turns when a dependency is gone was not drilled", "drill health"))
	case len(other) > 0:
		o.remedy = "declare it as health.readinessPath, or serve /readyz"
		return o.fails("%s answers 200, and no workload declares it as its path", other[0])
	case len(m.Listeners) == 0:
		o.remedy = "let it serve /readyz on a port, or look while it listens: " + m.probe()
		return o.unknown("it listens on no port that could be asked")
	case len(silent) > 0:
		return o.unknown("nobody answered: %s", some(silent))
	case len(m.Health) == 0:
		for _, s := range m.Listeners {
			o.note(m, s.Seen, "listens on %s, and does not speak HTTP there", netAddress(s.Address, s.Port))
		}
		return o.fails("no port speaks HTTP")
	}
	return o.fails("none of %s answers 200", strings.Join(present(paths), ", "))
}

func present(list []string) []string {
	var out []string
	for _, s := range list {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// boot is the longest measured start, 0 where none was.
func (m machine) boot() (time.Duration, string) {
	var longest time.Duration
	var by string
	if m.Unit != nil && m.Unit.Boot > 0 {
		longest, by = m.Unit.Boot, "by the unit"
	}
	for _, d := range m.Drills {
		if d.Boot > longest {
			longest, by = d.Boot, "in the drill "+string(d.Name)
		}
	}
	return longest, by
}

// probesApart is PROBES: the startup probe leaves the time that a start was seen
// to take, and liveness asks another question than readiness.
func probesApart(l look, m machine) opinion {
	var o opinion
	boot, by := m.boot()
	if boot > 0 {
		o.note(m, 0, "a start took %s, measured %s", boot.Round(time.Millisecond), by)
	}
	for _, w := range l.Spec.Workloads {
		h := w.Health
		may := time.Duration(h.StartupSeconds) * time.Second
		if may == 0 {
			may = undeclaredStartup
		}
		if h.LivenessPath != "" && h.LivenessPath == h.ReadinessPath {
			o.blame(m, 0, "workload %s asks %s for liveness and readiness: a busy pod would be restarted", w.Name, h.LivenessPath)
		}
		if boot > may {
			o.blame(m, 0, "workload %s may take %s to start, and a start took %s", w.Name, may, boot.Round(time.Millisecond))
			o.remedy = fmt.Sprintf("declare health.startupSeconds: %d", int64((boot+time.Second-1)/time.Second))
		}
	}
	if boot == 0 {
		o.doubt(m, 0, "how long a start takes was not measured: without a unit, or with one of type simple, nothing tells")
		o.remedy = "a drill measures it: " + m.probe() + " --drill health"
	}
	if len(l.Spec.Workloads) == 0 {
		o.doubt(m, 0, "no workload is declared")
	}
	return m.conclude(o, fmt.Sprintf("the probes leave time for the measured start of %s, and ask different questions", boot.Round(time.Millisecond)), inventory.SubjectProcesses)
}
