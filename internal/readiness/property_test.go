package readiness

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// someInput is one of the applications, looked at worse or better than it was.
func someInput(t *rapid.T) Input {
	names := []string{"good-service", "tomcat-sessions", "php-sessions", "nginx", "database", "nfs-and-cron", "two-drifting-vms", "seen-by-an-ordinary-user"}
	in := applications[rapid.SampledFrom(names).Draw(t, "application")]()
	for i := range in.Report.Machines {
		f := &in.Report.Machines[i]
		if rapid.Bool().Draw(t, "glance") {
			f.Coverage = inventory.Coverage{Samples: rapid.IntRange(0, 60).Draw(t, "samples"), Planned: 60}
		}
		without(f, rapid.SliceOfN(rapid.SampledFrom(everySubject), 0, 2).Draw(t, "not looked at")...)
		if rapid.Bool().Draw(t, "undrilled") {
			f.Drills = nil
		}
	}
	if rapid.Bool().Draw(t, "fixes") {
		in.Spec.Fixes = append(in.Spec.Fixes, migration.Fix{Code: migration.CodeStateDisk, Drill: migration.DrillSession})
	}
	return in
}

// worse checks that after less was seen nothing passes that did not, and what
// failed is no better than unknown.
func worse(t *rapid.T, before, after Assessment) {
	for i, f := range before.Findings {
		g := after.Findings[i]
		if g.Verdict == pass && f.Verdict != pass {
			t.Errorf("%s was %s (%s) and passes when less is seen (%s)", f.Code, f.Verdict, f.Observed, g.Observed)
		}
		if f.Blocks && !g.Blocks {
			if f.Verdict == fail && g.Verdict == unknown {
				continue // what blocks when it is seen was not seen any more
			}
			t.Errorf("%s blocked (%s) and does not when less is seen (%s)", f.Code, f.Observed, g.Observed)
		}
	}
}

func TestLessSeenPassesNothingMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		before := Judge(in)
		m := rapid.IntRange(0, len(in.Report.Machines)-1).Draw(t, "machine")
		f := &in.Report.Machines[m]
		switch rapid.SampledFrom([]string{"gap", "not looked at", "shorter", "machine gap", "machine gone", "older"}).Draw(t, "less") {
		case "gap":
			f.Gaps = append(f.Gaps, inventory.Gap{Subject: rapid.SampledFrom(everySubject).Draw(t, "subject"), Why: "permission denied"})
		case "not looked at":
			without(f, rapid.SampledFrom(everySubject).Draw(t, "subject"))
		case "shorter":
			f.Coverage.Samples = rapid.IntRange(0, f.Coverage.Samples).Draw(t, "samples")
		case "machine gap":
			f.Gaps = append(f.Gaps, inventory.Gap{Subject: inventory.SubjectMachine, Why: "the connection was lost"})
		case "machine gone":
			in.Report.Machines = slices.Delete(slices.Clone(in.Report.Machines), m, m+1)
		case "older":
			f.Began, f.Ended = f.Began.Add(-48*time.Hour), f.Ended.Add(-48*time.Hour)
		}
		after := Judge(in)
		worse(t, before, after)
		if after.Ready && !before.Ready {
			t.Error("ready when less is seen")
		}
	})
}

// TestAWholeGapLeavesNothingKnown: of a machine that was not seen whole nothing
// passes that rests on facts.
func TestAWholeGapLeavesNothingKnown(t *testing.T) {
	t.Parallel()
	for name, application := range applications {
		in := application()
		for i := range in.Report.Machines {
			in.Report.Machines[i].Gaps = append(in.Report.Machines[i].Gaps, inventory.Gap{Subject: inventory.SubjectMachine, Why: "lost"})
		}
		for _, f := range Judge(in).Findings {
			about := f.Code != migration.CodeBaseImage && f.Code != migration.CodeResources && f.Code != migration.CodeConfigDrift
			if f.Verdict == pass && about {
				t.Errorf("%s: %s passes: %s", name, f.Code, f.Observed)
			}
		}
	}
}

// TestMoreSeenBadIsNotBetter: a bad fact more never lets anything pass.
func TestMoreSeenBadIsNotBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		before := Judge(in)
		f := &in.Report.Machines[0]
		switch rapid.SampledFrom([]string{"file", "log", "schedule", "peer", "store", "secret", "entry"}).Draw(t, "more") {
		case "file":
			f.Files = append(slices.Clone(f.Files), written("/srv/x", rapid.SampledFrom([]inventory.FileClass{
				inventory.FileConfig, inventory.FileLog, inventory.FileData, inventory.FileSession, inventory.FileOther}).Draw(t, "class")))
		case "log":
			f.Logs = append(slices.Clone(f.Logs), inventory.LogSink{Kind: inventory.SinkFile, To: "/x.log"})
		case "schedule":
			f.Schedules = append(slices.Clone(f.Schedules), inventory.Schedule{Kind: "at", Name: "job 7", Related: true})
		case "peer":
			f.Peers = append(slices.Clone(f.Peers), inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: "127.0.0.1", Port: 11211})
		case "store":
			f.Stores = append(slices.Clone(f.Stores), inventory.Store{Kind: "redis", Role: "database", Where: "127.0.0.1:6379", Local: true})
		case "secret":
			f.Secrets = append(slices.Clone(f.Secrets), inventory.SecretPlace{In: "argument", Key: "2"})
		case "entry":
			f.Host.Hosts = append(slices.Clone(f.Host.Hosts), inventory.HostEntry{Names: []string{"x"}, Used: true})
		}
		worse(t, before, Judge(in))
	})
}

// TestJudgeIsDeterministic: the same input gives the same bytes, and is left as
// it was.
func TestJudgeIsDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		copied, _ := json.Marshal(in.Report)
		a, b := Judge(in), Judge(in)
		if !reflect.DeepEqual(a, b) {
			t.Error("two judgements of the same differ")
		}
		if after, _ := json.Marshal(in.Report); string(after) != string(copied) {
			t.Error("the facts were changed")
		}
		if blocked := slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Blocks }); blocked == a.Ready {
			t.Errorf("ready %t, blocked %t", a.Ready, blocked)
		}
	})
}

// FuzzJudge feeds arbitrary facts, specifications and policies: whatever a file
// says there is an answer for every item.
func FuzzJudge(f *testing.F) {
	for _, application := range applications {
		in := application()
		spec, _ := json.Marshal(in.Spec)
		report, _ := json.Marshal(in.Report)
		f.Add(spec, report, 0.3, int64(24*time.Hour))
	}
	f.Fuzz(func(t *testing.T, spec, report []byte, margin float64, age int64) {
		in := Input{Now: now}
		_ = json.Unmarshal(spec, &in.Spec)
		_ = json.Unmarshal(report, &in.Report)
		in.Policy = migration.Policy{ResourceMargin: margin, EvidenceAge: time.Duration(age)}
		if a := Judge(in); len(a.Findings) != len(Items()) {
			t.Errorf("%d findings", len(a.Findings))
		}
	})
}
