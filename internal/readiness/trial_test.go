package readiness

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

const (
	pass    = migration.Pass
	fail    = migration.Fail
	unknown = migration.Unknown
)

// trial is one application that differs in one thing from the good one.
type trial struct {
	name   string
	code   migration.Code
	change func(in *Input, f *inventory.Facts)
	want   migration.Verdict
	says   string // part of what was observed
}

func (tr trial) run(t *testing.T) {
	t.Helper()
	in := input(good(), good())
	in.Report.Machines[1].Target.Host = "vm2"
	in.Spec.VMs[1].Host = "vm2"
	// The second machine stays good: one is enough to fail, and to leave unknown.
	in.Report.Machines[1].Host.Interfaces[1].Addresses = []string{"192.0.2.12/24"}
	tr.change(&in, &in.Report.Machines[0])
	got := finding(in, tr.code)
	if got.Verdict != tr.want || !strings.Contains(got.Observed, tr.says) {
		t.Errorf("%s, want %s: %q, want %q in it", got.Verdict, tr.want, got.Observed, tr.says)
	}
	if got.Title == "" || got.Required == "" {
		t.Errorf("title %q, required %q", got.Title, got.Required)
	}
	if !got.Verdict.OK() && got.Remedy == "" {
		t.Error("nothing is said about what helps")
	}
	if got.Command == "" && tr.code != migration.CodeStale && len(in.Spec.Workloads) > 0 {
		t.Error("no command shows it")
	}
	if tr.want == fail && tr.code != migration.CodeBaseImage && tr.code != migration.CodeResources {
		found := false
		for _, e := range got.Evidence {
			found = found || e.Machine == "vm1" && !e.At.IsZero()
		}
		if !found {
			t.Errorf("no evidence names the machine and the time: %+v", got.Evidence)
		}
	}
}

func runTrials(t *testing.T, trials []trial) {
	t.Helper()
	for _, tr := range trials {
		t.Run(string(tr.code)+"/"+tr.name, func(t *testing.T) { t.Parallel(); tr.run(t) })
	}
}

func unchanged(*Input, *inventory.Facts) {}

// facts makes a change of the facts alone.
func facts(change func(f *inventory.Facts)) func(*Input, *inventory.Facts) {
	return func(_ *Input, f *inventory.Facts) { change(f) }
}

// unseen takes subjects from those that were looked at.
func unseen(s ...inventory.Subject) func(*Input, *inventory.Facts) {
	return facts(func(f *inventory.Facts) { without(f, s...) })
}

// gap leaves a subject with something that could not be seen.
func gap(s inventory.Subject) func(*Input, *inventory.Facts) {
	return facts(func(f *inventory.Facts) {
		f.Gaps = append(f.Gaps, inventory.Gap{Subject: s, What: "/proc/100", Why: "permission denied"})
	})
}

func glance(f *inventory.Facts) { f.Coverage.Samples, f.Coverage.Planned = 1, 1 }

func written(path string, class inventory.FileClass) inventory.File {
	return inventory.File{Path: path, Class: class, By: []string{"fd"}, Written: true, Seen: 41, PIDs: []int{100}, Growth: 4096}
}
