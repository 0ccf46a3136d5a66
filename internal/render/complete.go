package render

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/workload"
)

// completion fills in what a migration leaves open. What is declared stays.
type completion struct {
	in      Input
	spec    migration.Spec
	choices []Choice
	notes   []Note
}

func newCompletion(in Input) *completion {
	c := &completion{in: in, spec: in.Spec, choices: []Choice{}, notes: []Note{}}
	c.spec.Workloads = slices.Clone(in.Spec.Workloads)
	c.spec.Schedules = slices.Clone(in.Spec.Schedules)
	return c
}

// subject is one workload while it is completed, and the facts that are about it.
type subject struct {
	*completion
	w        *migration.Workload
	machines []inventory.Facts
	decision workload.Decision
}

func (c *completion) all() error {
	for i := range c.spec.Workloads {
		w := &c.spec.Workloads[i]
		s := subject{completion: c, w: w}
		if c.in.Report != nil {
			about, whole := workload.About(c.in.Spec, *w, *c.in.Report)
			if !whole {
				s.note(migration.CodeStale, "none of the facts can be told to be about it: no machine listens on one of its ports")
				about = inventory.Report{}
			}
			s.machines = about.Machines
			s.decision = workload.Owed(workload.Decide(*w, about), c.in.Spec.Fixes)
		}
		if err := s.complete(); err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
	}
	c.schedules()
	return nil
}

func (s subject) complete() error {
	if err := s.kind(); err != nil {
		return err
	}
	s.storage()
	s.resources()
	s.probes()
	s.drain()
	s.security()
	s.scratch()
	s.network()
	if s.w.Replicas < 2 && s.w.Autoscale == nil {
		s.note(migration.CodePods, "has one pod: a budget would hold up every drain of its node, and none is written")
	}
	return nil
}

func (s subject) choose(field, value string, from From, format string, args ...any) {
	s.chooseFor(s.w.Name, field, value, from, fmt.Sprintf(format, args...))
}

func (c *completion) chooseFor(workload, field, value string, from From, why string) {
	c.choices = append(c.choices, Choice{workload, field, value, from, why})
}

func (c *completion) noteOf(workload string, code migration.Code, format string, args ...any) {
	c.notes = append(c.notes, Note{Code: code, Workload: workload, Text: fmt.Sprintf(format, args...)})
}

func (s subject) note(code migration.Code, format string, args ...any) {
	s.noteOf(s.w.Name, code, format, args...)
}

// kind is the declared one, or what the facts say.
func (s subject) kind() error {
	w := s.w
	auto := w.Kind == migration.KindAuto || w.Kind == ""
	switch {
	case !auto:
		s.choose("kind", string(w.Kind), FromFile, "")
		if s.decision.Verdict == migration.Fail {
			s.note(migration.CodeWorkloadKind, "is declared a %s, and the facts speak against it: %s; %s", w.Kind, s.decision.Thumb, s.decision.Remedy)
		}
	case len(s.machines) == 0:
		w.Kind = manifest.KindOf(*w)
		s.choose("kind", string(w.Kind), FromDefault, "no facts are given, and it has %s", either(len(w.Storage) > 0, "storage of each pod", "no storage of each pod"))
	case s.decision.Kind == migration.KindAuto:
		return fmt.Errorf("kind is auto, and the facts cannot say which: %s", strings.Join(s.decision.Unknown, "; "))
	default:
		w.Kind = s.decision.Kind
		if len(w.Storage) > 0 {
			w.Kind = migration.KindStatefulSet
		}
		s.choose("kind", string(w.Kind), FromFacts, "%s", s.decision.Thumb)
	}
	if w.Kind == migration.KindDeployment {
		w.PodManagement, w.UpdateStrategy = "", ""
	}
	return nil
}

// storage is that of a StatefulSet: the declared one, or what was measured.
func (s subject) storage() {
	w, set := s.w, s.decision.StatefulSet
	if w.Kind != migration.KindStatefulSet || set == nil {
		return
	}
	for i, v := range set.Volumes {
		field := fmt.Sprintf("storage[%d]", i)
		if v.Declared {
			s.choose(field, v.Path+" "+bytesText(v.SizeBytes), FromFile, "%s", strings.TrimPrefix(strings.TrimPrefix(v.Why, "declared"), "; "))
			continue
		}
		w.Storage = append(slices.Clip(w.Storage), v.Storage)
		s.choose(field, v.Path+" "+bytesText(v.SizeBytes), FromFacts, "%s; class: %s", v.Why, v.ClassWhy)
	}
	if w.PodManagement == "" {
		w.PodManagement = set.PodManagement
		s.choose("podManagement", set.PodManagement, FromFacts, "%s", set.ManagementWhy)
	}
	if w.UpdateStrategy == "" {
		w.UpdateStrategy = set.UpdateStrategy
		s.choose("updateStrategy", set.UpdateStrategy, FromFacts, "%s", set.UpdateWhy)
	}
	if o := s.decision.Operator; o != nil {
		s.note(migration.CodeWorkloadKind, "is itself a store, %s, and %s would serve it better: %s", o.Store, o.Name, o.Why)
	}
}

// resources are the declared ones, or those of the profile under load.
func (s subject) resources() {
	p := s.in.Profile
	if p != nil && len(s.spec.Workloads) > 1 {
		s.note(migration.CodeResources, "there are several workloads, and the profile is that of them all: declare resources of each")
		p = nil
	}
	r := &s.w.Resources
	for _, f := range []struct {
		field    string
		have     *int64
		measured int64
		text     func(int64) string
	}{
		{"resources.requests.cpu", &r.CPURequestMilli, orZero(p).CPURequestMilli, milliText},
		{"resources.requests.memory", &r.MemoryRequestBytes, orZero(p).MemoryRequestBytes, bytesText},
		{"resources.limits.memory", &r.MemoryLimitBytes, orZero(p).MemoryLimitBytes, bytesText},
	} {
		switch {
		case *f.have != 0 && f.measured > *f.have:
			s.choose(f.field, f.text(*f.have), FromFile, "less than the %s that the profile under load leads to", f.text(f.measured))
			s.note(migration.CodeResources, "declares %s %s, and the profile under load leads to %s", f.field, f.text(*f.have), f.text(f.measured))
		case *f.have != 0 && f.measured != 0:
			s.choose(f.field, f.text(*f.have), FromFile, "covers the %s that the profile under load leads to", f.text(f.measured))
		case *f.have != 0:
			s.choose(f.field, f.text(*f.have), FromFile, "no profile under load was given")
		case f.measured != 0:
			*f.have = f.measured
			s.choose(f.field, f.text(f.measured), FromFacts, "the profile under load, with the policy's margin")
		default:
			s.note(migration.CodeResources, "%s is not set: it is not declared, and there is no profile under load", f.field)
		}
	}
	if r.CPULimitMilli != 0 {
		s.choose("resources.limits.cpu", milliText(r.CPULimitMilli), FromFile, "")
	}
	if r.MemoryLimitBytes != 0 && r.MemoryRequestBytes > r.MemoryLimitBytes {
		r.MemoryRequestBytes = r.MemoryLimitBytes
	}
}

func orZero(r *migration.Resources) migration.Resources {
	if r == nil {
		return migration.Resources{}
	}
	return *r
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
