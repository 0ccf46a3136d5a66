package runbook

import (
	"reflect"
	"slices"

	"rehome.dev/rehome/internal/migration"
)

// edits are the parts of a spec, and the first step that each affects.
var edits = []struct {
	field string
	step  migration.Step
	same  func(a, b migration.Spec) bool
}{
	{"cutover", migration.StepAssess, func(a, b migration.Spec) bool { return a.Cutover == b.Cutover && a.Delivery == b.Delivery }},
	{"vms", migration.StepAssess, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.VMs, b.VMs) }},
	{"fixes", migration.StepAssess, func(a, b migration.Spec) bool { return slices.Equal(a.Fixes, b.Fixes) }},
	{"schedules", migration.StepAssess, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Schedules, b.Schedules) }},
	{"workloads.dockerfile", migration.StepContainer, func(a, b migration.Spec) bool { return slices.Equal(dockerfiles(a), dockerfiles(b)) }},
	{"workloads.image", migration.StepContainer, func(a, b migration.Spec) bool { return slices.Equal(a.Images(), b.Images()) }},
	{"target", migration.StepConvert, func(a, b migration.Spec) bool { return a.Target == b.Target }},
	{"workloads", migration.StepConvert, func(a, b migration.Spec) bool { return reflect.DeepEqual(withoutImages(a), withoutImages(b)) }},
	{"smoke", migration.StepStage, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Smoke, b.Smoke) }},
	{"drills", migration.StepStage, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Drills, b.Drills) }},
	{"returnPath", migration.StepRehearse, func(a, b migration.Spec) bool { return a.ReturnPath == b.ReturnPath }},
	{"rehearsal", migration.StepRehearse, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Rehearsal, b.Rehearsal) }},
	{"names", migration.StepExpose, sameNames},
	{"oldEntry", migration.StepLowerTTL, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.OldEntry, b.OldEntry) }},
	{"metrics", migration.StepBaseline, func(a, b migration.Spec) bool { return a.Metrics == b.Metrics }},
	{"data", migration.StepGo, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Data, b.Data) }},
	{"windows", migration.StepGo, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Windows, b.Windows) }},
	{"approvals", migration.StepGo, func(a, b migration.Spec) bool { return reflect.DeepEqual(a.Approvals, b.Approvals) }},
}

// withoutImages are the workloads as they are but for their images and what
// those are built from, which are compared by themselves.
func withoutImages(s migration.Spec) []migration.Workload {
	out := slices.Clone(s.Workloads)
	for i := range out {
		out[i].Image, out[i].Dockerfile = "", ""
	}
	return out
}

func dockerfiles(s migration.Spec) []string {
	var out []string
	for _, w := range s.Workloads {
		out = append(out, w.Dockerfile)
	}
	return out
}

func sameNames(a, b migration.Spec) bool { return slices.Equal(a.Names, b.Names) }

// Edited names the parts in which two specs differ, in the procedure's order.
func Edited(a, b migration.Spec) []string {
	var out []string
	for _, e := range edits {
		if !e.same(a, b) {
			out = append(out, e.field)
		}
	}
	return out
}

// Affected is the first step whose ground an edit changes. A policy's numbers
// are read anew at every decision and send nothing back, except the TTL.
func Affected(a, b migration.Spec, pa, pb migration.Policy) (migration.Step, bool) {
	for _, e := range edits {
		if !e.same(a, b) {
			return e.step, true
		}
	}
	if pb.TTL < pa.TTL {
		return migration.StepLowerTTL, true
	}
	return "", false
}
