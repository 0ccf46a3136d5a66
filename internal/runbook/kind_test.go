package runbook

import (
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

// withFacts takes facts of every machine, changed.
func withFacts(change func(*inventory.Facts)) func(*look) {
	return func(l *look) {
		r := inventory.Report{Format: inventory.Format}
		for _, vm := range l.s.Spec.VMs {
			f := imagined.Service(inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}, l.now)
			if change != nil {
				change(&f)
			}
			r.Machines = append(r.Machines, f)
		}
		l.f.Inventory = migration.Observed[inventory.Report]{Value: r, At: l.now, Source: "machines"}
	}
}

func keepsData(f *inventory.Facts) {
	f.Files = append(f.Files, inventory.File{Path: "/var/lib/ledger/book.db", Class: inventory.FileData, Written: true, Size: 1 << 30})
}

func kindOf(kind migration.Kind) func(*play) {
	return spec(func(s *migration.Spec) {
		s.Workloads = slices.Clone(s.Workloads)
		s.Workloads[0].Kind = kind
	})
}

func TestAsDeclared(t *testing.T) {
	one := func(l look) migration.Reason {
		reasons := asDeclared(l)
		if len(reasons) != 1 {
			t.Fatalf("%d reasons: %+v", len(reasons), reasons)
		}
		return reasons[0]
	}
	at := migration.StepAssess
	checkGuard(t, one, []guardCase{
		{name: "a Deployment without state", step: at, see: withFacts(nil), want: "pass"},
		{name: "a Deployment with data", step: at, see: withFacts(keepsData), want: "fail, blocks"},
		{name: "a Deployment with data that the release mends", step: at, vary: spec(func(s *migration.Spec) {
			s.Fixes = append(slices.Clone(s.Fixes), migration.Fix{Code: migration.CodeStateDisk, Drill: migration.DrillReplace, How: "it is in the database"})
		}), see: withFacts(keepsData), want: "pass"},
		{name: "a StatefulSet without state", step: at, vary: kindOf(migration.KindStatefulSet), see: withFacts(nil), want: "fail, blocks"},
		{name: "not looked at whole", step: at, see: withFacts(func(f *inventory.Facts) {
			f.Gaps = append(f.Gaps, inventory.Gap{Subject: inventory.SubjectFiles, Why: "permission denied"})
		}), want: "unknown, blocks"},
	})
}

// What was not seen blocks by the items of the checklist, not a second time.
func TestKindUnknownIsAdvice(t *testing.T) {
	l := looked(standAt(t, migration.StepAssess))
	withFacts(func(f *inventory.Facts) { f.Looked = nil })(&l)
	if r := asDeclared(l); len(r) != 1 || !r[0].OK() || r[0].Verdict != migration.Unknown {
		t.Errorf("%+v", r)
	}
	if !slices.ContainsFunc(onMachines(l), func(r migration.Reason) bool { return r.Code == migration.CodeStateDisk && !r.OK() }) {
		t.Error("nothing else blocks")
	}
	l.f.Inventory = migration.Observed[inventory.Report]{}
	if r := asDeclared(l); len(r) != 0 {
		t.Errorf("without facts: %+v", r)
	}
}

// The refusal of auto says what the facts say.
func TestAutoIsRefusedWithWhatFactsSay(t *testing.T) {
	p := standAt(t, migration.StepAssess)
	kindOf(migration.KindAuto)(p)
	l := looked(p)
	withFacts(nil)(&l)
	if r := supported(l); r.Verdict != migration.Fail || !strings.Contains(r.Hint, "the facts say kind: Deployment for royal-bank-api") {
		t.Errorf("%+v", r)
	}
	withFacts(keepsData)(&l)
	if r := supported(l); !strings.Contains(r.Hint, "kind: StatefulSet for royal-bank-api") {
		t.Errorf("%+v", r)
	}
	l.f.Inventory = migration.Observed[inventory.Report]{}
	if r := supported(l); strings.Contains(r.Hint, "facts say") {
		t.Errorf("%+v", r)
	}
}
