package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

func TestAddressedAndWarm(t *testing.T) {
	at := migration.StepGo
	warmFor := func(d time.Duration) func(*play) {
		return func(p *play) { p.s.Live.Warm = Streak{Since: p.w.now.Add(-d), Last: p.w.now} }
	}
	checkGuard(t, addressed(migration.Production), []guardCase{
		{name: "has an address", step: at, want: "pass"},
		{name: "has none yet", step: at, vary: production(func(c *migration.ClusterFacts) {
			c.Exposures = []migration.ExposureFacts{{Workload: key}}
		}), want: "fail, watches"},
		{name: "does not exist", step: at, vary: production(func(c *migration.ClusterFacts) { c.Exposures = nil }), want: "fail, watches"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
	checkGuard(t, warm, []guardCase{
		{name: "clean for long enough", step: at, vary: warmFor(3 * time.Minute), want: "pass"},
		{name: "clean for a second too little", step: at, vary: warmFor(3*time.Minute - time.Second), want: "fail, watches"},
		{name: "never clean", step: at, vary: func(p *play) { p.s.Live.Warm = Streak{} }, want: "fail, watches"},
		{name: "answers no more", step: at, vary: declared(warmFor(time.Hour), probes(migration.NewSide, "502", "")), want: "fail, watches"},
		{name: "cannot be probed", step: at, vary: declared(warmFor(time.Hour), probes(migration.NewSide, "", "no route")), want: "unknown, watches"},
		{name: "cannot see: what happened between two probes", step: at, vary: warmFor(3 * time.Minute), want: "pass"},
	})
	checkGuard(t, oldSideWell, []guardCase{
		{name: "answers", step: at, want: "pass"},
		{name: "refuses", step: at, vary: probes(migration.OldSide, "connection refused", ""), want: "fail, asks"},
		{name: "cannot be probed either", step: at, vary: probes(migration.OldSide, "", "no route"), want: "unknown, watches"},
	})
	checkGuard(t, healthy, []guardCase{
		{name: "200", step: at, want: "pass"},
		{name: "500", step: at, vary: probes(migration.NewSide, "500", ""), want: "fail, watches"},
		{name: "nobody can ask", step: at, vary: probes(migration.NewSide, "", "no route"), want: "unknown, watches"},
	})
}

func TestBaselineEnough(t *testing.T) {
	counted := func(n uint64) func(*look) {
		return func(l *look) { l.f.Baseline.Value.Requests = n }
	}
	none := func(p *play) { p.w.baselineErr = "connection refused" }
	checkGuard(t, baselineEnough, []guardCase{
		{name: "enough", step: migration.StepBaseline, see: counted(10_000), want: "pass"},
		{name: "one too few", step: migration.StepBaseline, see: counted(9_999), want: "fail, watches"},
		{name: "none to be had", step: migration.StepBaseline, vary: none, want: "unknown, watches"},
		{name: "taken before", step: migration.StepGo, vary: none, want: "pass"},
		{name: "taken before, and too small", step: migration.StepGo, vary: func(p *play) { none(p); p.s.Baseline = &analysis.Baseline{Requests: 10, At: p.w.now} }, want: "fail, watches"},
		{name: "nobody asked", step: migration.StepBaseline, see: func(l *look) { l.f = Facts{} }, want: "unknown, watches"},
	})
	vantages := func(old, now string) func(*play) {
		return spec(func(s *migration.Spec) { s.Metrics.Old.Vantage, s.Metrics.New.Vantage = old, now })
	}
	checkGuard(t, vantage, []guardCase{
		{name: "the same kind of point", step: migration.StepBaseline, want: "pass"},
		{name: "application and edge", step: migration.StepBaseline, vary: vantages("application", "edge"), want: "fail, blocks"},
		{name: "not said", step: migration.StepBaseline, vary: vantages("", ""), want: "fail, blocks"},
	})
	checkGuard(t, counting, []guardCase{
		{name: "both counted", step: migration.StepGo, want: "pass"},
		{name: "missing", step: migration.StepGo, vary: func(p *play) { p.w.metricsErr = "connection refused" }, want: "unknown, watches"},
		{name: "never read", step: migration.StepGo, see: func(l *look) { l.f.Sample = nil }, want: "unknown, watches"},
	})
}

func TestFresh(t *testing.T) {
	at := migration.StepSwitch
	smokeAge := func(d time.Duration) func(*play) {
		return func(p *play) {
			p.s.Smoke = map[string]Observation[SmokeResult]{smokeKey(migration.Production, migration.ViaPortForward): {SmokeResult{Ran: 1}, p.w.now.Add(-d)}}
		}
	}
	checkGuard(t, fresh, []guardCase{
		{name: "all of today", step: at, want: "pass"},
		{name: "smoke test a day old", step: at, vary: smokeAge(24 * time.Hour), want: "pass"},
		{name: "smoke test older", step: at, vary: smokeAge(24*time.Hour + time.Second), want: "fail, blocks"},
		{name: "no smoke test", step: at, vary: func(p *play) { p.s.Smoke = nil }, want: "fail, blocks"},
		{name: "baseline older", step: at, vary: func(p *play) { p.s.Baseline = &analysis.Baseline{At: p.w.now.Add(-25 * time.Hour)} }, want: "fail, blocks"},
	})
	old := standAt(t, migration.StepGo)
	old.s.Baseline = &analysis.Baseline{Requests: 1, At: old.w.now.Add(-25 * time.Hour)}
	if to, why := staleBaseline(looked(old)); to != migration.StepBaseline || len(failing(why)) == 0 {
		t.Errorf("a baseline of yesterday is not taken again: %s %v", to, why)
	}
	if to, _ := staleBaseline(looked(standAt(t, migration.StepGo))); to != "" {
		t.Errorf("a baseline of now is taken again at %s", to)
	}
}

func TestWindow(t *testing.T) {
	at := migration.StepGo
	windows := func(from, to time.Duration, more ...time.Duration) func(*play) {
		return func(p *play) {
			w := func(a, b time.Duration) migration.Window {
				return migration.Window{From: p.w.now.Add(a), To: p.w.now.Add(b)}
			}
			p.s.Spec.Windows = []migration.Window{w(from, to)}
			if len(more) == 2 {
				p.s.Spec.Windows = append(p.s.Spec.Windows, w(more[0], more[1]))
			}
		}
	}
	checkGuard(t, window, []guardCase{
		{name: "none declared", step: at, want: "pass"},
		{name: "open", step: at, vary: windows(-time.Hour, time.Hour), want: "pass"},
		{name: "opens right now", step: at, vary: windows(0, time.Hour), want: "pass"},
		{name: "not yet", step: at, vary: windows(time.Second, time.Hour), want: "fail, waits"},
		{name: "ends right now", step: at, vary: windows(-time.Hour, 0), want: "fail, blocks"},
		{name: "closed, and another comes", step: at, vary: windows(-2*time.Hour, -time.Hour, time.Hour, 2*time.Hour), want: "fail, waits"},
	})
	checkGuard(t, night, []guardCase{
		{name: "no window", step: at, want: "pass"},
		{name: "just in time", step: at, vary: windows(-time.Hour, 30*time.Minute), want: "pass"},
		{name: "a second too late", step: at, vary: windows(-time.Hour, 30*time.Minute-time.Second), want: "fail, blocks"},
		{name: "another window is not this one", step: at, vary: windows(-2*time.Hour, -time.Hour, time.Hour, 2*time.Hour), want: "pass"},
	})
}

func TestFreeze(t *testing.T) {
	at := migration.StepGo
	freeze := func(from, to time.Duration, except ...string) func(*play) {
		return func(p *play) {
			p.s.Policy.Freezes = append(p.s.Policy.Freezes, migration.Freeze{Name: "Hogswatch", From: p.w.now.Add(from), To: p.w.now.Add(to), Except: except})
		}
	}
	// The watch takes 15 minutes, and as many are kept for a rollback.
	checkGuard(t, thawed, []guardCase{
		{name: "none declared", step: at, want: "pass"},
		{name: "holds", step: at, vary: freeze(-time.Hour, time.Hour), want: "fail, waits"},
		{name: "ends right now", step: at, vary: freeze(-time.Hour, 0), want: "pass"},
		{name: "begins in the watch", step: at, vary: freeze(30*time.Minute-time.Second, time.Hour), want: "fail, waits"},
		{name: "begins when a rollback would be over", step: at, vary: freeze(30*time.Minute, time.Hour), want: "pass"},
		{name: "excepts this migration", step: at, vary: freeze(-time.Hour, time.Hour, "post-office", "royal-bank-api"), want: "pass"},
		{name: "excepts another", step: at, vary: freeze(-time.Hour, time.Hour, "post-office"), want: "fail, waits"},
	})
	p := standAt(t, at)
	freeze(-time.Hour, 2*time.Hour)(p)
	freeze(-time.Hour, time.Hour)(p)
	if r := thawed(looked(p)); !r.Until.Equal(p.w.now.Add(2 * time.Hour)) {
		t.Errorf("waits until %s, and the longest freeze ends in two hours", r.Until)
	}
}

func TestApproved(t *testing.T) {
	at := migration.StepGo
	rule := func(n int, from ...string) func(*play) {
		return spec(func(s *migration.Spec) { s.Approvals = migration.ApprovalRule{Required: n, From: from} })
	}
	yes := func(by string, change ...func(*migration.Approval)) func(*play) {
		return func(p *play) {
			a := migration.Approval{Migration: key, Attempt: 1, By: by, Digest: p.s.Spec.Digest(), Until: p.w.now.Add(time.Hour)}
			for _, c := range change {
				c(&a)
			}
			p.s.Approvals = append(p.s.Approvals, a)
		}
	}
	ended := func(a *migration.Approval) { a.Until = a.Until.Add(-time.Hour) }
	earlier := func(a *migration.Approval) { a.Digest = "before" }
	first := func(a *migration.Approval) { a.Attempt = 0 }
	checkGuard(t, approved, []guardCase{
		{name: "none required", step: at, want: "pass"},
		{name: "none given", step: at, vary: rule(1), want: "fail, asks"},
		{name: "given by anybody", step: at, vary: declared(rule(1), yes("ponder")), want: "pass"},
		{name: "given by one who is named", step: at, vary: declared(rule(1, "carrot"), yes("carrot")), want: "pass"},
		{name: "given by one who is not", step: at, vary: declared(rule(1, "carrot"), yes("ponder")), want: "fail, asks"},
		{name: "one of two", step: at, vary: declared(rule(2), yes("carrot")), want: "fail, asks"},
		{name: "twice by the same", step: at, vary: declared(rule(2), yes("carrot"), yes("carrot")), want: "fail, asks"},
		{name: "two of two", step: at, vary: declared(rule(2), yes("carrot"), yes("ponder")), want: "pass"},
		{name: "ended this moment", step: at, vary: declared(rule(1), yes("carrot", ended)), want: "fail, asks"},
		{name: "of an earlier file", step: at, vary: declared(rule(1), yes("carrot", earlier)), want: "fail, asks"},
		{name: "of another attempt", step: at, vary: declared(rule(1), yes("carrot", first)), want: "fail, asks"},
		{name: "by the one who runs it", step: at, vary: declared(rule(1), yes("angua")), want: "fail, asks"},
		{name: "by the one who runs it, where that is allowed", step: at, vary: declared(rule(1), yes("angua"), policy(func(p *migration.Policy) { p.SelfApproval = true })), want: "pass"},
	})
}
