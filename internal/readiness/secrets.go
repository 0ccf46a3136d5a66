package readiness

import (
	"fmt"

	"rehome.dev/rehome/internal/inventory"
)

// secretsMoved is SECRETS: all places are known, and a Secret is declared into
// which they go. An argument can be read by everybody on a node and a unit by
// everybody on the machine; neither has a counterpart that keeps it, so both
// fail. So does a variable that the migration itself would set in the clear.
func secretsMoved(l look, m machine) opinion {
	var o opinion
	found := map[string]bool{}
	for _, s := range m.Secrets {
		found[s.Key] = true
		o.command = showSecret(m, s)
		switch s.In {
		case "argument":
			o.blame(m, 0, "a secret in argument %s (%s)", s.Key, s.Rule)
		case "unit":
			o.blame(m, 0, "a secret in the unit: %s %s (%s)", where(s), s.Key, s.Rule)
		default:
			o.note(m, 0, "a secret in %s: %s (%s)", where(s), s.Key, s.Rule)
		}
	}
	for _, v := range m.Environment {
		if v.Secret && !v.Empty && !found[v.Name] {
			found[v.Name] = true
			o.note(m, 0, "a secret in variable %s, from the %s", v.Name, v.Origin)
		}
	}
	declared := false
	for _, w := range l.Spec.Workloads {
		for _, mt := range w.Mounts {
			declared = declared || mt.Secret != ""
		}
		for name := range w.Env {
			if found[name] {
				o.blame(m, 0, "workload %s declares %s in the clear, and on the machine it is a secret", w.Name, name)
			}
		}
	}
	if len(found) > 0 && !declared {
		o.blame(m, 0, "%s found, and no workload declares a Secret for them", plural(len(found), "secret"))
	}
	passed := "no secret was found"
	if len(found) > 0 {
		passed = fmt.Sprintf("%s located, and a Secret is declared", plural(len(found), "secret"))
	}
	return m.conclude(o, passed, inventory.SubjectSecrets, inventory.SubjectEnvironment, inventory.SubjectProcesses)
}

func where(s inventory.SecretPlace) string {
	switch {
	case s.File == "":
		return "the " + s.In
	case s.Line > 0:
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	}
	return s.File
}
