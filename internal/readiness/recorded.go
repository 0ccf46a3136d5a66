package readiness

import (
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Recorded is one experiment on one machine that a person has put on record: a
// load or a drill, which taking facts alone does not make. It counts where the
// facts of the machine hold no newer one of its kind, and as long as facts do.
type Recorded struct {
	Host  string           `json:"host"` // as the migration names the machine
	Unit  string           `json:"unit,omitempty"`
	Load  *inventory.Load  `json:"load,omitempty"` // one of Load and Drill is set
	Drill *inventory.Drill `json:"drill,omitempty"`
	Made  time.Time        `json:"made"`           // when the experiment ended
	Seen  string           `json:"seen,omitempty"` // "60 of 60 samples"
	By    string           `json:"by"`
	At    time.Time        `json:"at"`    // when it was put on record
	Facts string           `json:"facts"` // SHA-256 of the facts file that it is from
}

// Kind is "load", or "drill" with the drill's name: of each kind one counts on a
// machine.
func (r Recorded) Kind() string {
	if r.Drill != nil {
		return "drill " + string(r.Drill.Name)
	}
	return "load"
}

// Shows says what the experiment showed, in one line.
func (r Recorded) Shows() string {
	switch {
	case r.Drill != nil && r.Drill.Passed:
		return "passed"
	case r.Drill != nil:
		return "failed: " + r.Drill.Detail
	case r.Load != nil:
		return fmt.Sprintf("%.0f requests a second for %s, CPU p95 %dm, highest memory %s",
			r.Load.Achieved, r.Load.For.Round(time.Second), r.Load.Usage.CPUMilli.P95, size(r.Load.Usage.MemoryBytes.Max))
	}
	return "nothing"
}

// origin is where it comes from, as evidence says it.
func (r Recorded) origin() string {
	return fmt.Sprintf("the %s of %s, recorded by %s at %s", r.Kind(), r.Made.UTC().Format(time.RFC3339), r.By, r.At.UTC().Format(time.RFC3339))
}

// unfit says why it does not count at that time; empty where it does.
func (r Recorded) unfit(p migration.Policy, now time.Time) string {
	switch age := now.Sub(r.Made); {
	case r.Made.IsZero():
		return "the recorded " + r.Kind() + " carries no time"
	case -age > skew:
		return fmt.Sprintf("the recorded %s is %s in the future: one of the clocks is wrong", r.Kind(), ago(-age))
	case age > p.EvidenceAge:
		return fmt.Sprintf("the %s that %s recorded was made %s ago, too old: the policy allows %s", r.Kind(), r.By, ago(age), ago(p.EvidenceAge))
	}
	return ""
}

// Recordable are the experiments that facts hold, for a person to put on record.
// The errors say of each that proves nothing why it does not, and that facts are of
// no declared machine.
func Recordable(spec migration.Spec, policy migration.Policy, f inventory.Facts, now time.Time) ([]Recorded, []error) {
	i := slices.IndexFunc(spec.VMs, func(vm migration.VM) bool { return belongs(f, vm) })
	if i < 0 {
		return nil, []error{fmt.Errorf("%s: the migration declares no such machine", f.Target)}
	}
	base := Recorded{Host: spec.VMs[i].Host, Unit: spec.VMs[i].Unit, Made: f.Ended}
	if f.Coverage.Planned > 0 {
		base.Seen = f.Coverage.String()
	}
	var out []Recorded
	var faults []error
	take := func(r Recorded, empty string) {
		if empty == "" {
			empty = r.unfit(policy, now)
		}
		if empty != "" {
			faults = append(faults, fmt.Errorf("%s: the %s proves nothing: %s", r.Host, r.Kind(), empty))
			return
		}
		out = append(out, r)
	}
	if f.Load != nil {
		r, l := base, *f.Load
		r.Load = &l
		take(r, unusable(l))
	}
	for _, d := range f.Drills {
		r := base
		d.Opened = nil // belongs to the facts, which are not kept
		r.Drill, r.Made, r.Seen = &d, d.At, ""
		take(r, undrilled(d))
	}
	return out, faults
}

// undrilled says why a drill has proven nothing.
func undrilled(d inventory.Drill) string {
	switch {
	case d.Err != "":
		return "it could not be made: " + d.Err
	case d.Name != inventory.DrillSIGTERM && d.Name != inventory.DrillHealth:
		return "nobody here knows such a drill"
	case d.Name == inventory.DrillSIGTERM && d.Passed && d.InFlight == 0:
		return "no request was in flight at the signal"
	}
	return ""
}

// remember gives a machine the experiments that are on record for it, where its
// facts hold none of the kind. What counts no more is kept with the reason.
func (m machine) remember(in Input) machine {
	m.recorded, m.outdated = map[string]Recorded{}, map[string]string{}
	for _, r := range in.Recorded {
		if r.Host != m.declared.Host || unitName(r.Unit) != unitName(m.declared.Unit) || m.shows(r) {
			continue
		}
		if why := r.unfit(in.Policy, in.Now); why != "" {
			m.outdated[r.Kind()] = why
			continue
		}
		m.recorded[r.Kind()] = r
		if r.Load != nil {
			m.Load = r.Load
		} else if r.Drill != nil {
			m.Drills = append(slices.Clip(m.Drills), *r.Drill)
		}
	}
	return m
}

// shows says whether the machine's own facts hold an experiment of that kind that
// came about.
func (m machine) shows(r Recorded) bool {
	if r.Drill == nil {
		return m.Load != nil
	}
	_, drilled := m.drilled(r.Drill.Name)
	return drilled
}

// noteOrigin says of an experiment that was put on record by whom and when.
func (o *opinion) noteOrigin(m machine, kind string) {
	if r, ok := m.recorded[kind]; ok {
		o.note(m.then(kind), 0, "%s", r.origin())
	} else if why := m.outdated[kind]; why != "" {
		o.note(m, 0, "%s", why)
	}
}

// then is the machine at the time of a recorded experiment, for evidence of it.
func (m machine) then(kind string) machine {
	if r, ok := m.recorded[kind]; ok {
		m.Ended, m.Coverage = r.Made, inventory.Coverage{}
	}
	return m
}

// without adds to what is missing why a recorded experiment is none any more.
func (m machine) without(missing, kind string) string {
	if why := m.outdated[kind]; why != "" {
		return missing + "; " + why
	}
	return missing
}
