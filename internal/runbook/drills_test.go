package runbook

import (
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// TestIsolated: what holds a drill back, what lets it be made, and what nobody can
// see.
func TestIsolated(t *testing.T) {
	const store = "postgres.golemtrust.am:5432"
	peer := func(address string, production bool) func(*migration.IsolationFacts) {
		return func(f *migration.IsolationFacts) {
			f.Peers = append(f.Peers, migration.StagingPeer{Address: address, Seen: []string{"a connection"}, Production: production})
		}
	}
	differs := func(f *migration.IsolationFacts) { f.Differences = append(f.Differences, "replicas: 1, not 2") }
	safe := func(address string) func(*migration.Spec) {
		return func(s *migration.Spec) {
			s.Drills.SafePeers = []migration.SafePeer{{Address: address, Reason: "a sink"}}
		}
	}
	for name, tt := range map[string]struct {
		sees []func(*migration.IsolationFacts)
		says func(*migration.Spec)
		err  string
		want migration.Verdict
	}{
		"nothing":                               {want: migration.Pass},
		"a peer of its own":                     {sees: []func(*migration.IsolationFacts){peer("postgres.staging:5432", false)}, want: migration.Pass},
		"the machines' peer":                    {sees: []func(*migration.IsolationFacts){peer("mail.golemtrust.am:25", true)}, want: migration.Fail},
		"declared safe":                         {sees: []func(*migration.IsolationFacts){peer("mail.golemtrust.am:25", true)}, says: safe("mail.golemtrust.am:25"), want: migration.Pass},
		"declared safe by its host":             {sees: []func(*migration.IsolationFacts){peer("Mail.GolemTrust.am.:25", true)}, says: safe("mail.golemtrust.am"), want: migration.Pass},
		"another port is not safe":              {sees: []func(*migration.IsolationFacts){peer("mail.golemtrust.am:587", true)}, says: safe("mail.golemtrust.am:25"), want: migration.Fail},
		"another host is not safe":              {sees: []func(*migration.IsolationFacts){peer("xmail.golemtrust.am:25", true)}, says: safe("mail.golemtrust.am"), want: migration.Fail},
		"one of two safe":                       {sees: []func(*migration.IsolationFacts){peer("mail.golemtrust.am:25", true), peer("pay.golemtrust.am:443", true)}, says: safe("mail.golemtrust.am"), want: migration.Fail},
		"an address of IPv6":                    {sees: []func(*migration.IsolationFacts){peer("[2001:db8::1]:25", true)}, says: safe("2001:db8::1"), want: migration.Pass},
		"a declared store":                      {sees: []func(*migration.IsolationFacts){peer(store, false)}, want: migration.Fail},
		"a difference":                          {sees: []func(*migration.IsolationFacts){differs}, want: migration.Fail},
		"a difference that was approved":        {sees: []func(*migration.IsolationFacts){differs}, says: func(s *migration.Spec) { s.Drills.Approved = []string{"replicas: 1, not 2"} }, want: migration.Pass},
		"approved in other words":               {sees: []func(*migration.IsolationFacts){differs}, says: func(s *migration.Spec) { s.Drills.Approved = []string{"replicas"} }, want: migration.Fail},
		"unseen":                                {err: "forbidden", want: migration.Unknown},
		"cannot see: a peer under another name": {sees: []func(*migration.IsolationFacts){peer("10.0.0.7:5432", false)}, want: migration.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			var f migration.IsolationFacts
			for _, see := range tt.sees {
				see(&f)
			}
			s := State{Spec: exampleSpec()}
			if tt.says != nil {
				tt.says(&s.Spec)
			}
			l := look{s: s, now: t0, f: Facts{Isolation: observe(t0, "pods", f, tt.err)}}
			made := 0
			todo, why := whenIsolated(func(look) ([]migration.Action, []migration.Reason) {
				made++
				return []migration.Action{migration.RunDrill{}}, nil
			})(l)
			for _, r := range why {
				if r.Code != migration.CodeIsolated || r.Verdict != tt.want || !r.Verdict.OK() && r.Remedy != migration.Blocks {
					t.Errorf("%s, want %s: %s", r.Verdict, tt.want, r.Text)
				}
			}
			if len(why) == 0 || (made == 1) != (tt.want == migration.Pass) || len(todo) != made {
				t.Errorf("%d drills for %s", made, asJSON(why))
			}
		})
	}
	if r := isolated(look{s: State{Spec: exampleSpec()}})[0]; r.Verdict != migration.Unknown {
		t.Errorf("nobody has looked, and it is %s", r.Verdict)
	}
}

// TestWhichDrills: each workload has the drills that it has something for.
func TestWhichDrills(t *testing.T) {
	all := len(migration.StagingDrills())
	for name, tt := range map[string]struct {
		vary func(*migration.Spec)
		not  []migration.StagingDrill
	}{
		"the example":                      {func(*migration.Spec) {}, nil},
		"without a session":                {func(s *migration.Spec) { s.Drills.Session = nil }, []migration.StagingDrill{migration.DrillSession}},
		"without a name":                   {func(s *migration.Spec) { s.Names = nil }, []migration.StagingDrill{migration.DrillSession}},
		"a worker":                         {func(s *migration.Spec) { s.Workloads[0].Ports = nil }, []migration.StagingDrill{migration.DrillTruth, migration.DrillDrain}},
		"its directory is mounted nowhere": {func(s *migration.Spec) { s.Workloads[0].Mounts = nil }, nil},
		"without configuration":            {func(s *migration.Spec) { s.Workloads[0].Mounts, s.VMs[0].ConfigDirs = nil, nil }, []migration.StagingDrill{migration.DrillRoundTrip}},
	} {
		spec := exampleSpec()
		tt.vary(&spec)
		got := drillsOf(spec)
		if len(got) != all-len(tt.not) || slices.ContainsFunc(got, func(d drillOf) bool { return slices.Contains(tt.not, d.drill) }) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, d := range migration.StagingDrills() {
		if DrillCode(d) == "" {
			t.Errorf("%s discharges nothing", d)
		}
	}
}

// TestWhatCounts: a result counts for the workload and the settings that it was
// made with, not for ever, and not longer than the attempt stays where it is.
func TestWhatCounts(t *testing.T) {
	image := func(s *migration.Spec) { s.Workloads[0].Image = image("two") }
	rate := func(s *migration.Spec) { s.Drills.Rate = 80 }
	approved := func(s *migration.Spec) { s.Drills.Approved = []string{"app.yaml is left out"} }
	for name, tt := range map[string]struct {
		drill migration.StagingDrill
		vary  func(*migration.Spec)
		later time.Duration
		due   bool
	}{
		"the same":            {migration.DrillDrain, nil, 0, false},
		"young enough":        {migration.DrillDrain, nil, 24 * time.Hour, false},
		"too old":             {migration.DrillDrain, nil, 25 * time.Hour, true},
		"another image":       {migration.DrillDrain, image, 0, true},
		"another rate":        {migration.DrillDrain, rate, 0, true},
		"what was approved":   {migration.DrillRoundTrip, approved, 0, true},
		"of no concern to it": {migration.DrillReplace, rate, 0, false},
		"left out": {migration.DrillReplace, func(s *migration.Spec) {
			s.Drills.Skip = map[migration.StagingDrill]string{migration.DrillReplace: "x"}
		}, 25 * time.Hour, false},
		"left out, for a fix": {migration.DrillReplace, func(s *migration.Spec) {
			s.Drills.Skip = map[migration.StagingDrill]string{migration.DrillReplace: "x"}
			s.Fixes = []migration.Fix{{Code: migration.CodeStateDisk, Drill: migration.DrillReplace}}
		}, 25 * time.Hour, true},
	} {
		p := standAt(t, migration.StepRehearse)
		spec := p.s.Spec
		spec.Workloads = slices.Clone(spec.Workloads)
		if tt.vary != nil {
			tt.vary(&spec)
		}
		p.s.Spec = spec
		l := look{s: p.s, now: p.w.now.Add(tt.later)}
		if due := l.due(drillOf{tt.drill, key}); due != tt.due {
			t.Errorf("%s: due %t", name, due)
		}
	}
	p := standAt(t, migration.StepRehearse)
	if n := len(DrillResults(p.s)); n != len(migration.StagingDrills()) || len(DrillsToRepeat(p.s)) > 0 {
		t.Fatalf("%d results", n)
	}
	drillFails(migration.DrillDrain)(p)
	if again := DrillsToRepeat(p.s); !slices.Equal(again, []string{key + "/drain-load"}) {
		t.Errorf("to repeat: %v", again)
	}
	p.says("angua", migration.KindAgain, migration.Said{})
	if n := len(DrillResults(p.s)); n != len(migration.StagingDrills())-1 {
		t.Errorf("%d results when what failed is to be made again", n)
	}
	for _, to := range []migration.Step{migration.StepStage, migration.StepAssess} {
		if s := forget(p.s, to); len(s.Drills) > 0 {
			t.Errorf("%d results are left when the attempt goes back to %s", len(s.Drills), to)
		}
	}
	if s := forget(p.s, migration.StepRehearse); len(s.Drills) == 0 {
		t.Error("what was drilled is forgotten although the attempt stays behind it")
	}
}

// TestNotMadeWhereWaived: what was let pass by name is not made, and one that was
// made and failed passes by it.
func TestNotMadeWhereWaived(t *testing.T) {
	p := standAt(t, migration.StepStage)
	letPass(migration.CodeSigtermRace)(p)
	p.run(time.Minute, func(s State, _ Decision) bool { return s.Step != migration.StepStage })
	if p.s.Step != migration.StepRehearse {
		t.Fatal(asJSON(p.decide()))
	}
	if _, made := p.s.made(drillOf{migration.DrillDrain, key}); made {
		t.Error("it was made although it is waived")
	}
	if n := len(DrillResults(p.s)); n != len(migration.StagingDrills())-1 {
		t.Errorf("%d were made", n)
	}
}

// TestPatienceBehindADrill: pods that a drill has just replaced are given their
// time, however long ago the step was entered.
func TestPatienceBehindADrill(t *testing.T) {
	p := readyToLeave(t, migration.StepStage)
	p.w.now = p.w.now.Add(2 * p.s.Policy.Rollout)
	p.w.changePods(migration.Staging, key, func(f *migration.WorkloadFacts) { f.Ready = 1 })
	l := looked(p)
	if r := rolledOut(migration.Staging)(l); r.Remedy != migration.Blocks {
		t.Errorf("long after the last drill: %s", r.Remedy)
	}
	drillFails(migration.DrillDrain)(p) // at this very moment
	l.s = p.s
	if r := rolledOut(migration.Staging)(l); r.Remedy != migration.Watches {
		t.Errorf("behind a drill: %s", r.Remedy)
	}
}

// TestStaleProof: right before the switch a proof that has become too old holds it
// up, and a young one does not.
func TestStaleProof(t *testing.T) {
	for age, held := range map[time.Duration]bool{time.Hour: false, 25 * time.Hour: true} {
		p, i := atIntent(t)
		fixing(migration.CodeSIGTERM, migration.DrillDrain)(p)
		p.s.Assessed = standAt(t, migration.StepSwitch).s.Assessed
		p.s.Assessed = &Assessed{Oldest: p.s.Assessed.Oldest} // without a word of SIGTERM
		drillFails(migration.DrillDrain)(p)
		k := drillOf{migration.DrillDrain, key}.key()
		got := p.s.Drills[k]
		got.Verdict, got.At = migration.Pass, p.w.now.Add(-age)
		p.s.Drills[k] = got
		l := looked(p)
		why := Confirm(p.s, i, l.f, l.now)
		if stale := slices.ContainsFunc(why, func(r migration.Reason) bool { return r.Code == migration.CodeStale }); stale != held {
			t.Errorf("a proof of %s ago holds the switch up: %t: %s", age, stale, asJSON(why))
		}
	}
}
