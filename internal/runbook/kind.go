package runbook

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
	workloads "rehome.dev/rehome/internal/workload"
)

// asDeclared demands that the facts do not contradict what each workload is
// declared as: a Deployment whose instances keep data loses it with the first pod
// that is replaced. What keeps the facts from being known, onMachines says.
func asDeclared(l look) []migration.Reason {
	if !l.f.Inventory.Known() {
		return nil
	}
	var out []migration.Reason
	for _, d := range workloads.Of(l.s.Spec, l.f.Inventory.Value) {
		if d.Declared == migration.KindAuto {
			continue // refused already, with what the facts say
		}
		out = append(out, seen(kindReason(d), l.f.Inventory.Source, l.f.Inventory.At))
	}
	return out
}

func kindReason(d workloads.Decision) migration.Reason {
	switch {
	case d.Fix != nil:
		return passes(migration.CodeWorkloadKind, "%s is declared a %s, and the machines speak against it: %s", d.Workload, d.Declared, d.Remedy)
	case d.Verdict == migration.Pass:
		return passes(migration.CodeWorkloadKind, "%s is declared a %s, and nothing that was seen speaks against it", d.Workload, d.Declared)
	case d.Verdict == migration.Fail:
		r := fails(migration.CodeWorkloadKind, "%s is declared a %s, and the facts speak against it: %s", d.Workload, d.Declared, d.Thumb)
		return hint(r, "%s; rehome workload FILE shows what was seen", d.Remedy)
	}
	r := migration.Reason{
		Code: migration.CodeWorkloadKind, Verdict: migration.Unknown, Advice: true,
		Text: fmt.Sprintf("whether %s is a %s cannot be said: %s", d.Workload, d.Declared, strings.Join(d.Unknown, "; ")),
	}
	return hint(r, "%s; rehome workload FILE shows what was seen", d.Remedy)
}

// kinds says what the facts say of the workloads whose kind is left to them.
func kinds(l look) string {
	if !l.f.Inventory.Known() {
		return ""
	}
	var said []string
	for _, d := range workloads.Of(l.s.Spec, l.f.Inventory.Value) {
		if d.Declared == migration.KindAuto && d.Kind != migration.KindAuto {
			said = append(said, fmt.Sprintf("kind: %s for %s", d.Kind, d.Workload))
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "; the facts say " + strings.Join(said, ", ")
}
