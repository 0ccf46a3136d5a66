package readiness

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// measured is the good application without a load and drills in its facts, and
// what angua has put on record of them, made before the judgement by ago.
func measured(ago time.Duration) (Input, *inventory.Load, *inventory.Drill) {
	in := input(good())
	f := &in.Report.Machines[0]
	ld := *f.Load
	d := inventory.Drill{Name: inventory.DrillSIGTERM, At: in.Now.Add(-ago), Passed: true, InFlight: 24, Answered: 24, EndedIn: time.Second}
	f.Load, f.Drills = nil, nil
	vm := in.Spec.VMs[0]
	r := Recorded{Host: vm.Host, Unit: vm.Unit, Made: in.Now.Add(-ago), Seen: "60 of 60 samples", By: "angua", At: in.Now.Add(-ago / 2), Facts: "0123"}
	byLoad, byDrill := r, r
	byLoad.Load, byDrill.Drill = &ld, &d
	in.Recorded = []Recorded{byLoad, byDrill}
	return in, &ld, &d
}

func TestRecordedExperiments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ago             time.Duration
		change          func(in *Input, l *inventory.Load, d *inventory.Drill)
		load, drill     migration.Verdict
		loaded, drilled string // part of what was observed
	}{
		"counts": {time.Hour, func(*Input, *inventory.Load, *inventory.Drill) {}, pass, pass, "260m", "all 24 requests"},
		"just old enough": {
			24 * time.Hour, func(*Input, *inventory.Load, *inventory.Drill) {}, pass, pass, "", "",
		},
		"too old": {
			25 * time.Hour, func(*Input, *inventory.Load, *inventory.Drill) {}, unknown, unknown,
			"the load that angua recorded was made 25h0m ago, too old: the policy allows 24h0m", "the drill sigterm that angua recorded was made 25h0m ago, too old",
		},
		"of tomorrow": {
			-time.Hour, func(*Input, *inventory.Load, *inventory.Drill) {}, unknown, unknown, "1h0m in the future", "1h0m in the future",
		},
		"of another machine": {
			time.Hour, func(in *Input, _ *inventory.Load, _ *inventory.Drill) {
				in.Recorded[0].Host, in.Recorded[1].Host = "elsewhere", "elsewhere"
			}, unknown, unknown, "no load was made", "was not drilled",
		},
		"of another unit": {
			time.Hour, func(in *Input, _ *inventory.Load, _ *inventory.Drill) {
				in.Recorded[0].Unit, in.Recorded[1].Unit = "ledger", "ledger"
			}, unknown, unknown, "no load was made", "was not drilled",
		},
		"worse than declared": {
			time.Hour, func(_ *Input, l *inventory.Load, d *inventory.Drill) {
				l.Usage.CPUMilli.P95, d.Passed, d.Answered = 4000, false, 3
			}, fail, fail, "the p95 was 4000m", "3 of 24",
		},
		"the facts' own count more": {
			time.Hour, func(in *Input, l *inventory.Load, _ *inventory.Drill) {
				own := *l
				own.Usage.CPUMilli.P95 = 5000
				f := &in.Report.Machines[0]
				f.Load = &own
				f.Drills = []inventory.Drill{{Name: inventory.DrillSIGTERM, At: in.Now, InFlight: 9, Answered: 1}}
			}, fail, fail, "5000m", "1 of 9",
		},
		"a drill that could not be made hides none": {
			time.Hour, func(in *Input, _ *inventory.Load, _ *inventory.Drill) {
				in.Report.Machines[0].Drills = []inventory.Drill{{Name: inventory.DrillSIGTERM, At: in.Now, Err: "no second instance"}}
			}, pass, pass, "", "",
		},
	} {
		in, l, d := measured(tt.ago)
		tt.change(&in, l, d)
		before := len(in.Report.Machines[0].Drills)
		byLoad, byDrill := finding(in, migration.CodeResources), finding(in, migration.CodeSIGTERM)
		if byLoad.Verdict != tt.load || !strings.Contains(byLoad.Observed, tt.loaded) {
			t.Errorf("%s: load %s: %s", name, byLoad.Verdict, byLoad.Observed)
		}
		if byDrill.Verdict != tt.drill || !strings.Contains(byDrill.Observed, tt.drilled) {
			t.Errorf("%s: drill %s: %s", name, byDrill.Verdict, byDrill.Observed)
		}
		if len(in.Report.Machines[0].Drills) != before {
			t.Errorf("%s: the facts were changed", name)
		}
	}
}

// TestRecordedIsNamed: whoever reads a finding sees that it rests on a record, by
// whom and of when, and evidence carries the experiment's time.
func TestRecordedIsNamed(t *testing.T) {
	t.Parallel()
	in, _, _ := measured(time.Hour)
	made := in.Now.Add(-time.Hour)
	for code, kind := range map[migration.Code]string{migration.CodeResources: "load", migration.CodeSIGTERM: "drill sigterm"} {
		want := "the " + kind + " of " + made.UTC().Format(time.RFC3339) + ", recorded by angua at " + in.Now.Add(-30*time.Minute).UTC().Format(time.RFC3339)
		first := finding(in, code).Evidence[0]
		if first.What != want || !first.At.Equal(made) {
			t.Errorf("%s: %q of %s, want %q", code, first.What, first.At, want)
		}
	}
}

// TestRecordable: only what proves something, of a machine that is declared, can
// be put on record.
func TestRecordable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(f *inventory.Facts)
		kinds  string
		says   string // of the errors
	}{
		"both":             {func(*inventory.Facts) {}, "load, drill sigterm", ""},
		"a failed drill":   {func(f *inventory.Facts) { f.Drills[0].Passed = false }, "load, drill sigterm", ""},
		"an invalid load":  {func(f *inventory.Facts) { f.Load.Valid, f.Load.Why = false, "too slow" }, "drill sigterm", "the load proves nothing: the rate was not reached"},
		"a broken drill":   {func(f *inventory.Facts) { f.Drills[0].Err = "no second instance" }, "load", "the drill sigterm proves nothing: it could not be made: no second instance"},
		"nothing in air":   {func(f *inventory.Facts) { f.Drills[0].InFlight, f.Drills[0].Answered = 0, 0 }, "load", "no request was in flight"},
		"an unknown drill": {func(f *inventory.Facts) { f.Drills[0].Name = "dance" }, "load", "nobody here knows such a drill"},
		"an old load":      {func(f *inventory.Facts) { f.Ended = f.Ended.Add(-30 * time.Hour) }, "drill sigterm", "too old"},
		"an old drill":     {func(f *inventory.Facts) { f.Drills[0].At = f.Drills[0].At.Add(-30 * time.Hour) }, "load", "too old"},
		"neither":          {func(f *inventory.Facts) { f.Load, f.Drills = nil, nil }, "", ""},
		"a stranger":       {func(f *inventory.Facts) { f.Target.Host = "elsewhere" }, "", "declares no such machine"},
	} {
		in := input(good())
		f := in.Report.Machines[0]
		ld := *f.Load
		f.Load = &ld
		f.Drills = []inventory.Drill{{Name: inventory.DrillSIGTERM, At: in.Now.Add(-time.Hour), Passed: true, InFlight: 2, Answered: 2, Opened: []string{"/etc/passwd"}}}
		tt.change(&f)
		got, faults := Recordable(in.Spec, in.Policy, f, in.Now)
		var kinds, words []string
		for _, r := range got {
			kinds = append(kinds, r.Kind())
			if r.Host != in.Spec.VMs[0].Host || r.Made.IsZero() || r.Shows() == "nothing" || r.Drill != nil && r.Drill.Opened != nil {
				t.Errorf("%s: %+v", name, r)
			}
		}
		for _, err := range faults {
			words = append(words, err.Error())
		}
		if strings.Join(kinds, ", ") != tt.kinds || !strings.Contains(strings.Join(words, "\n"), tt.says) || (tt.says == "") != (len(faults) == 0) {
			t.Errorf("%s: %v, %v", name, kinds, words)
		}
	}
}
