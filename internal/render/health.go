package render

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// probes take the measured boot time, and a liveness path that was seen to stay
// while a dependency was gone: one that turns with it would restart pods that
// cannot help it.
func (s subject) probes() {
	h := &s.w.Health
	boot, by := s.boot()
	switch {
	case h.StartupSeconds != 0:
		s.choose("health.startup", seconds(int64(h.StartupSeconds)), FromFile, "%s", bootText(boot, by))
		if boot > time.Duration(h.StartupSeconds)*time.Second {
			s.note(migration.CodeProbes, "declares a start of %ds, and one took %s", h.StartupSeconds, boot.Round(time.Millisecond))
		}
	case boot > 0:
		h.StartupSeconds = int32((boot + time.Second - 1) / time.Second)
		s.choose("health.startup", seconds(int64(h.StartupSeconds)), FromFacts, "%s", bootText(boot, by))
	default:
		s.note(migration.CodeProbes, "how long a start takes is neither declared nor measured: a pod may take 60s")
	}
	if len(s.w.Ports) == 0 {
		if len(h.Command) == 0 {
			s.note(migration.CodeProbes, "has no port and no health.command: nobody sees that it hangs")
		}
		return
	}
	s.choose("health.readinessPath", h.ReadinessPath, FromFile, "%s", s.answered(h.ReadinessPath))
	if h.LivenessPath != "" {
		s.choose("health.livenessPath", h.LivenessPath, FromFile, "%s", s.answered(h.LivenessPath))
		if path, turned := s.turns(h.LivenessPath); turned {
			s.note(migration.CodeProbes, "asks %s for liveness, which turned in the health drill when a dependency was gone: every pod would be restarted with it", path)
		}
		return
	}
	if path, ok := s.steady(h.ReadinessPath); ok {
		h.LivenessPath = path
		s.choose("health.livenessPath", path, FromFacts, "it answered 200 in the health drill while a dependency was gone, and is another question than readiness")
		return
	}
	s.choose("health.livenessPath", "none", FromDefault, "liveness is that the port takes a connection: no path was seen to stay while a dependency is gone")
}

// boot is the longest measured start.
func (s subject) boot() (time.Duration, string) {
	var longest time.Duration
	var by string
	for _, m := range s.machines {
		if m.Unit != nil && m.Unit.Boot > longest {
			longest, by = m.Unit.Boot, "by the unit on "+hostOf(m)
		}
		for _, d := range m.Drills {
			if d.Boot > longest {
				longest, by = d.Boot, "in the drill "+string(d.Name)+" on "+hostOf(m)
			}
		}
	}
	return longest, by
}

func bootText(boot time.Duration, by string) string {
	if boot == 0 {
		return "nobody has measured a start"
	}
	return fmt.Sprintf("a start took %s, measured %s; the startup probe leaves three times that, and at least 60s", boot.Round(time.Millisecond), by)
}

// answered says what a path answered on the machines.
func (s subject) answered(path string) string {
	for _, m := range s.machines {
		for _, a := range m.Health {
			if a.Path == path && a.Status != 0 {
				return fmt.Sprintf("it answered %d on %s", a.Status, hostOf(m))
			}
		}
	}
	return "nobody has asked it on the machines"
}

// turns says whether a path answered 200 and no longer when a dependency was gone.
func (s subject) turns(path string) (string, bool) {
	for _, m := range s.machines {
		for _, d := range m.Drills {
			if d.Name == inventory.DrillHealth && d.Err == "" && status(d.Before, path) == 200 && has(d.After, path) && status(d.After, path) != 200 {
				return path, true
			}
		}
	}
	return path, false
}

// steady is a path that answered 200 before and after a dependency was gone.
func (s subject) steady(not string) (string, bool) {
	for _, m := range s.machines {
		for _, d := range m.Drills {
			if d.Name != inventory.DrillHealth || d.Err != "" || !d.Passed {
				continue
			}
			for _, a := range d.After {
				if a.Path != not && a.Status == 200 && status(d.Before, a.Path) == 200 {
					return a.Path, true
				}
			}
		}
	}
	return "", false
}

func has(answers []inventory.HealthAnswer, path string) bool {
	return slices.ContainsFunc(answers, func(a inventory.HealthAnswer) bool { return a.Path == path })
}

func status(answers []inventory.HealthAnswer, path string) int {
	for _, a := range answers {
		if a.Path == path {
			return a.Status
		}
	}
	return 0
}

// What a migration has where it says nothing, in seconds.
const (
	usualGrace = 30
	usualPause = 5
)

// drain gives SIGTERM twice the time that the measured drain took.
func (s subject) drain() {
	w := s.w
	var longest time.Duration
	var on string
	for _, m := range s.machines {
		for _, d := range m.Drills {
			if d.Name == inventory.DrillSIGTERM && d.Err == "" && d.Passed && d.EndedIn > longest {
				longest, on = d.EndedIn, hostOf(m)
			}
		}
	}
	need := int64((2*longest + time.Second - 1) / time.Second)
	grace := w.TerminationGraceSeconds
	if grace == 0 {
		grace = usualGrace
	}
	from := FromFile
	if grace == usualGrace {
		from = FromDefault
	}
	switch {
	case longest == 0:
		s.choose("terminationGrace", seconds(grace), from, "nobody has measured the drain")
	case need > grace && grace == usualGrace:
		w.TerminationGraceSeconds = need
		s.choose("terminationGrace", seconds(need), FromFacts, "the drain under load took %s on %s, twice that", longest.Round(time.Millisecond), on)
	case need > grace:
		s.choose("terminationGrace", seconds(grace), FromFile, "less than twice the %s that the drain under load took on %s", longest.Round(time.Millisecond), on)
		s.note(migration.CodeSigtermRace, "leaves %ds for the drain, which took %s under load on %s", grace, longest.Round(time.Millisecond), on)
	default:
		s.choose("terminationGrace", seconds(grace), from, "covers twice the %s that the drain under load took on %s", longest.Round(time.Millisecond), on)
	}
	s.pause()
}

// pause is how long a pod goes on serving while the balancer forgets it.
func (s subject) pause() {
	w := s.w
	switch {
	case len(w.Ports) == 0 && w.PreStopSeconds > 0:
		w.PreStopSeconds = 0
		s.choose("preStop", "0s", FromDefault, "without ports no balancer has to forget the pod")
	case w.PreStopSeconds == usualPause:
		s.choose("preStop", seconds(w.PreStopSeconds), FromDefault, "the pod goes on serving while the balancer forgets it")
	case w.PreStopSeconds > 0:
		s.choose("preStop", seconds(w.PreStopSeconds), FromFile, "the pod goes on serving while the balancer forgets it")
	case len(w.Ports) > 0:
		s.note(migration.CodeSigtermRace, "has no preStop: a pod may be gone before the balancer has stopped sending")
	}
}

func seconds(n int64) string { return fmt.Sprintf("%ds", n) }

func hostOf(m inventory.Facts) string { return cmp.Or(m.Name(), "the machine") }
