package runbook

import (
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

func TestWatched(t *testing.T) {
	at := migration.StepWatch
	over := later(15 * time.Minute)
	said := func(k analysis.VerdictKind) func(*play) { return verdict(analysis.Verdict{Kind: k}) }
	checkGuard(t, watched, []guardCase{
		{name: "good to the end", step: at, vary: declared(said(analysis.Good), over), want: "pass"},
		{name: "unresolved to the end", step: at, vary: declared(said(analysis.Unresolved), over), want: "pass"},
		{name: "good, a second too early", step: at, vary: declared(said(analysis.Good), later(15*time.Minute-time.Second)), want: "fail, watches"},
		{name: "blind to the end", step: at, vary: declared(said(analysis.Blind), over), want: "unknown, watches"},
		{name: "never judged", step: at, vary: declared(said(""), over), want: "unknown, watches"},
		{name: "not switched", step: at, vary: func(p *play) { p.s.Switched = nil }, want: "unknown, watches"},
	})
}

func TestErrorRateAndLatency(t *testing.T) {
	at := migration.StepValidate
	say := func(v analysis.Verdict) func(*play) { return verdict(v) }
	bad := analysis.Verdict{Kind: analysis.Bad, Metric: analysis.ErrorRate}
	slow := analysis.Verdict{Kind: analysis.Bad, Metric: analysis.LatencyP99}
	edge := analysis.Verdict{Kind: analysis.Unresolved, Metric: analysis.LatencyP99, ErrorRateGood: true}
	more := analysis.Verdict{Kind: analysis.Unresolved, Metric: analysis.LatencyP99, Needed: 1000}
	checkGuard(t, errorRateWithin, []guardCase{
		{name: "good", step: at, vary: say(analysis.Verdict{Kind: analysis.Good}), want: "pass"},
		{name: "certified while latency is not", step: at, vary: say(edge), want: "pass"},
		{name: "unresolved goes on into the hold", step: at, vary: say(analysis.Verdict{Kind: analysis.Unresolved}), want: "pass"},
		{name: "bad", step: at, vary: say(bad), want: "fail, blocks"},
		{name: "all failing", step: at, vary: say(analysis.Verdict{Kind: analysis.Bad, Metric: analysis.AllFailing}), want: "fail, blocks"},
		{name: "blind", step: at, vary: say(analysis.Verdict{Kind: analysis.Blind}), want: "unknown, watches"},
		{name: "not judged", step: at, vary: say(analysis.Verdict{}), want: "unknown, watches"},
	})
	checkGuard(t, latencyWithin, []guardCase{
		{name: "latency good", step: at, vary: say(analysis.Verdict{Kind: analysis.Good}), want: "pass"},
		{name: "more requests would tell", step: at, vary: say(more), want: "pass"},
		{name: "no number of requests could tell", step: at, vary: say(edge), want: "unknown, asks"},
		{name: "slow", step: at, vary: say(slow), want: "fail, blocks"},
		{name: "latency blind", step: at, vary: say(analysis.Verdict{Kind: analysis.Blind}), want: "unknown, watches"},
	})
}

func TestPodsRunning(t *testing.T) {
	at := migration.StepValidate
	pod := func(change func(*migration.PodFacts)) func(*play) {
		return pods(func(f *migration.WorkloadFacts) { change(&f.Pods[0]) })
	}
	checkGuard(t, podsRunning, []guardCase{
		{name: "all run", step: at, want: "pass"},
		{name: "first minutes not over", step: migration.StepWatch, want: "fail, watches"},
		{name: "restarted", step: at, vary: pod(func(p *migration.PodFacts) { p.Restarts = 1 }), want: "fail, blocks"},
		{name: "restarted before the switch only", step: at, vary: declared(pod(func(p *migration.PodFacts) { p.Restarts = 1 }), func(p *play) {
			p.s.Switched = &migration.Switched{At: p.s.Switched.At, Restarts: restartsOf(p.w.cluster[migration.Production])}
		}), want: "pass"},
		{name: "pending", step: at, vary: pod(func(p *migration.PodFacts) { p.Phase = "Pending" }), want: "fail, watches"},
		{name: "not ready", step: at, vary: pod(func(p *migration.PodFacts) { p.Ready = false }), want: "fail, watches"},
		{name: "on its way out", step: at, vary: pod(func(p *migration.PodFacts) { p.Ready, p.Deleting = false, true }), want: "pass"},
		{name: "none", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.Pods = nil }), want: "fail, blocks"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
		{name: "not switched", step: at, vary: func(p *play) { p.s.Switched = nil }, want: "unknown, watches"},
		{name: "cannot see: a pod that crashed and was replaced", step: at, vary: pod(func(p *migration.PodFacts) { p.Name = "new" }), want: "pass"},
	})
}

func TestChecklist(t *testing.T) {
	at := migration.StepValidate
	claim := func(phase string) func(*play) {
		return production(func(c *migration.ClusterFacts) { c.Claims = []migration.ClaimFacts{{Name: "data", Phase: phase}} })
	}
	checkGuard(t, claimsBound, []guardCase{
		{name: "no claims", step: at, want: "pass"},
		{name: "bound", step: at, vary: claim("Bound"), want: "pass"},
		{name: "claim pending", step: at, vary: claim("Pending"), want: "fail, watches"},
		{name: "claims unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
	mesh := policy(func(p *migration.Policy) { p.Mesh = "istio" })
	injected := pods(func(f *migration.WorkloadFacts) {
		for i := range f.Pods {
			f.Pods[i].Sidecar = true
		}
	})
	checkGuard(t, sidecars, []guardCase{
		{name: "no mesh", step: at, want: "pass"},
		{name: "injected", step: at, vary: declared(mesh, injected), want: "pass"},
		{name: "one pod without", step: at, vary: declared(mesh, injected, pods(func(f *migration.WorkloadFacts) { f.Pods[1].Sidecar = false })), want: "fail, blocks"},
		{name: "sidecars unseen", step: at, vary: declared(mesh, unseenCluster), want: "unknown, watches"},
	})
	quota := func(exceeded bool) func(*play) {
		return production(func(c *migration.ClusterFacts) {
			c.Quotas = []migration.QuotaFacts{{Quota: "q", Resource: "cpu", Exceeded: exceeded}}
		})
	}
	checkGuard(t, quotaKept, []guardCase{
		{name: "no quota", step: at, want: "pass"},
		{name: "kept", step: at, vary: quota(false), want: "pass"},
		{name: "exceeded", step: at, vary: quota(true), want: "fail, blocks"},
		{name: "quotas unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

func TestHeldLong(t *testing.T) {
	at := migration.StepHold
	checkGuard(t, heldLong, []guardCase{
		{name: "just begun", step: at, want: "fail, watches"},
		{name: "not begun", step: at, vary: func(p *play) { p.s.Hold = nil }, want: "fail, watches"},
		{name: "a second too early", step: at, vary: later(standHold - time.Second), want: "fail, watches"},
		{name: "long enough", step: at, vary: later(standHold), want: "pass"},
		{name: "long enough, and unseen", step: at, vary: declared(later(standHold), unseenCluster), want: "unknown, watches"},
	})
	say := func(k analysis.VerdictKind) func(*play) { return verdict(analysis.Verdict{Kind: k}) }
	checkGuard(t, certified, []guardCase{
		{name: "certified", step: at, vary: say(analysis.Good), want: "pass"},
		{name: "error rate alone", step: at, vary: verdict(analysis.Verdict{Kind: analysis.Unresolved, ErrorRateGood: true}), want: "pass"},
		{name: "unresolved during the hold", step: at, vary: say(analysis.Unresolved), want: "fail, watches"},
		{name: "unresolved at its end", step: at, vary: declared(say(analysis.Unresolved), later(standHold)), want: "fail, asks"},
		{name: "blind in the hold", step: at, vary: say(analysis.Blind), want: "unknown, watches"},
	})
}

func TestSilent(t *testing.T) {
	at := migration.StepRetire
	quiet := func(d time.Duration) func(*play) {
		return func(p *play) { p.s.Live.OldQuiet = Traffic{Quiet: Streak{Since: p.w.now.Add(-d), Last: p.w.now}} }
	}
	checkGuard(t, silent(migration.CodeResidual), []guardCase{
		{name: "silent for long enough", step: at, vary: quiet(standResidual), want: "pass"},
		{name: "silent for a second less", step: at, vary: quiet(standResidual - time.Second), want: "fail, watches"},
		{name: "never looked at", step: at, see: func(l *look) { l.f.Sample = nil }, want: "unknown, watches"},
		{name: "metrics missing", step: at, vary: declared(quiet(48*time.Hour), func(p *play) { p.w.metricsErr = "connection refused" }), want: "unknown, watches"},
		{name: "the old side has no series any more", step: at, vary: quiet(48 * time.Hour), see: func(l *look) { l.f.Sample = &analysis.Sample{At: l.now, Old: map[string]analysis.Counters{}} }, want: "unknown, watches"},
		{name: "cannot see: who comes past the metrics", step: at, vary: quiet(48 * time.Hour), want: "pass"},
	})
	drain := func(d time.Duration) func(*play) {
		return func(p *play) { p.s.Live.NewQuiet = Traffic{Quiet: Streak{Since: p.w.now.Add(-d), Last: p.w.now}} }
	}
	checkGuard(t, drained, []guardCase{
		{name: "quiet for three samples", step: at, vary: drain(15 * time.Second), want: "pass"},
		{name: "quiet for less", step: at, vary: drain(14 * time.Second), want: "fail, watches"},
		{name: "traffic unknown", step: at, vary: func(p *play) { p.w.metricsErr = "connection refused" }, want: "unknown, watches"},
		{name: "traffic never looked at", step: at, see: func(l *look) { l.f.Sample = nil }, want: "unknown, watches"},
	})
	checkGuard(t, scaledDown, []guardCase{
		{name: "still there", step: at, want: "fail, watches"},
		{name: "scaled, pods going", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.Desired = 0 }), want: "fail, watches"},
		{name: "gone", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.Desired, f.Pods = 0, nil }), want: "pass"},
		{name: "pods unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

func TestBreach(t *testing.T) {
	tests := []struct {
		name   string
		vary   func(*play)
		breach bool
	}{
		{"stable", nil, false},
		{"restarted", pods(func(f *migration.WorkloadFacts) { f.Pods[1].Restarts++ }), true},
		{"another image", pods(func(f *migration.WorkloadFacts) { f.Image = image("other") }), true},
		{"a drained node: a new pod without a restart", pods(func(f *migration.WorkloadFacts) { f.Pods[0].Name = "new" }), false},
		{"a new pod that restarted", pods(func(f *migration.WorkloadFacts) { f.Pods[0].Name, f.Pods[0].Restarts = "new", 1 }), true},
		{"scaled down", pods(func(f *migration.WorkloadFacts) { f.Pods = slices.Clone(f.Pods[:1]) }), false},
		{"did not answer", declared(probes(migration.NewSide, "502", ""), later(time.Second)), true},
		{"could not be probed", declared(probes(migration.NewSide, "", "no route"), later(time.Second)), false},
		{"cluster unseen", unseenCluster, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := standAt(t, migration.StepHold)
			if tt.vary != nil {
				tt.vary(p)
			}
			if why := looked(p).breach(); (why != "") != tt.breach {
				t.Errorf("breach %q, want %t", why, tt.breach)
			}
		})
	}
}
