package runbook

import (
	"slices"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func TestSupported(t *testing.T) {
	at := migration.StepAssess
	port := func(proto string) func(*play) {
		return spec(func(s *migration.Spec) {
			s.Workloads = slices.Clone(s.Workloads)
			s.Workloads[0].Ports = []migration.Port{{Port: 53, Protocol: proto}}
		})
	}
	checkGuard(t, supported, []guardCase{
		{name: "the example", step: at, want: "pass"},
		{name: "handover", step: at, vary: spec(func(s *migration.Spec) { s.Cutover = migration.CutoverHandover }), want: "fail, blocks"},
		{name: "delivered by others", step: at, vary: spec(func(s *migration.Spec) { s.Delivery = migration.DeliveryExternal }), want: "pass"},
		{name: "delivered by nobody known", step: at, vary: spec(func(s *migration.Spec) { s.Delivery = "post" }), want: "fail, blocks"},
		{name: "ingress", step: at, vary: spec(func(s *migration.Spec) { s.Target.Exposure = migration.ExposeIngress }), want: "pass"},
		{name: "gateway", step: at, vary: spec(func(s *migration.Spec) { s.Target.Exposure = migration.ExposeGateway }), want: "fail, blocks"},
		{name: "repair first", step: at, vary: policy(func(p *migration.Policy) { p.OnBad = migration.OnBadFix }), want: "fail, blocks"},
		{name: "kind left open", step: at, vary: spec(func(s *migration.Spec) {
			s.Workloads = slices.Clone(s.Workloads)
			s.Workloads[0].Kind = migration.KindAuto
		}), want: "fail, blocks"},
		{name: "UDP", step: at, vary: port("UDP"), want: "fail, blocks"},
		{name: "TCP", step: at, vary: port("TCP"), want: "pass"},
	})
}

func TestAnalysed(t *testing.T) {
	at := migration.StepAssess
	incident := func(rca *migration.RCA) func(*play) {
		return func(p *play) {
			p.s.Incidents = []migration.Incident{{ID: "i-1", Attempt: 1, RCA: &migration.RCA{}}, {ID: "i-2", Attempt: 2, RCA: rca}}
		}
	}
	checkGuard(t, analysed, []guardCase{
		{name: "never failed", step: at, want: "pass"},
		{name: "failed and analysed", step: at, vary: incident(&migration.RCA{}), want: "pass"},
		{name: "failed and not analysed", step: at, vary: incident(nil), want: "fail, blocks"},
		{name: "cannot see: an analysis without a word of truth", step: at, vary: incident(&migration.RCA{Summary: "?"}), want: "pass"},
	})
}

func TestPinned(t *testing.T) {
	img := func(ref string) func(*play) {
		return spec(func(s *migration.Spec) {
			s.Workloads = append(slices.Clone(s.Workloads), workload("ledger"))
			s.Workloads[1].Image = ref
		})
	}
	at := migration.StepContainer
	checkGuard(t, pinned, []guardCase{
		{name: "by digest", step: at, vary: img("registry/x@sha256:abc"), want: "pass"},
		{name: "by digest beside a tag", step: at, vary: img("registry/x:1@sha256:abc"), want: "pass"},
		{name: "by tag", step: at, vary: img("registry/x:1"), want: "fail, blocks"},
		{name: "by nothing", step: at, vary: img("registry/x"), want: "fail, blocks"},
		{name: "another digest", step: at, vary: img("registry/x@md5:abc"), want: "fail, blocks"},
		{name: "cannot see: a digest that no registry has", step: at, vary: img("registry/x@sha256:none"), want: "pass"},
	})
}

func TestConfigPresent(t *testing.T) {
	at := migration.StepConvert
	missing := func(env migration.Env) func(*look) {
		return func(l *look) {
			o := l.f.Cluster[env]
			o.Value.Config = []migration.ConfigFacts{{Kind: "ConfigMap", Name: "x", Exists: false}}
			l.f.Cluster[env] = o
		}
	}
	checkGuard(t, configPresent, []guardCase{
		{name: "all there", step: at, want: "pass"},
		{name: "missing in production", step: at, see: missing(migration.Production), want: "fail, blocks"},
		{name: "missing in staging", step: at, see: missing(migration.Staging), want: "fail, blocks"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
	checkGuard(t, configPresentIn(migration.Staging), []guardCase{
		{name: "all there in staging", step: at, want: "pass"},
		{name: "missing here", step: at, see: missing(migration.Staging), want: "fail, blocks"},
		{name: "missing elsewhere", step: at, see: missing(migration.Production), want: "pass"},
		{name: "unseen in staging", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

func TestRolledOut(t *testing.T) {
	at := migration.StepSmoke
	late := func(p *play) { p.w.now = p.s.Since.Add(p.s.Policy.Rollout) }
	notReady := pods(func(f *migration.WorkloadFacts) { f.Ready = 1 })
	checkGuard(t, rolledOut(migration.Production), []guardCase{
		{name: "all ready", step: at, want: "pass"},
		{name: "one of two ready", step: at, vary: notReady, want: "fail, watches"},
		{name: "one of two ready for too long", step: at, vary: declared(notReady, late), want: "fail, blocks"},
		{name: "ready, but not what is newest", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.RolledOut = false }), want: "fail, watches"},
		{name: "of another declaration", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.Digest = "other" }), want: "fail, watches"},
		{name: "gone", step: at, vary: func(p *play) { p.w.remove(migration.Production, migration.PartWorkload, key) }, want: "fail, watches"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
		{name: "cannot see: an image swapped behind the annotation", step: at, vary: pods(func(f *migration.WorkloadFacts) { f.Image = image("other") }), want: "pass"},
	})
}

func TestSmoked(t *testing.T) {
	at := migration.StepExpose
	ran := func(r SmokeResult) func(*play) {
		return func(p *play) {
			p.s.Smoke = map[string]Observation[SmokeResult]{smokeKey(migration.Production, migration.ViaPortForward): {r, p.w.now}}
		}
	}
	checkGuard(t, smoked(migration.Production, migration.ViaPortForward, migration.CodeSmoke), []guardCase{
		{name: "three passed", step: at, vary: ran(SmokeResult{Ran: 3}), want: "pass"},
		{name: "one failed", step: at, vary: ran(SmokeResult{Ran: 3, Failed: 1}), want: "fail, blocks"},
		{name: "no test ran", step: at, vary: ran(SmokeResult{}), want: "fail, blocks"},
		{name: "never ran", step: at, vary: func(p *play) { p.s.Smoke = nil }, want: "unknown, watches"},
		{name: "ran elsewhere", step: at, vary: func(p *play) {
			p.s.Smoke = map[string]Observation[SmokeResult]{smokeKey(migration.Staging, migration.ViaPortForward): {SmokeResult{Ran: 3}, p.w.now}}
		}, want: "unknown, watches"},
	})
}

func TestRehearsed(t *testing.T) {
	at := migration.StepDeploy
	checkGuard(t, rehearsed, []guardCase{
		{name: "rehearsed", step: at, want: "pass"},
		{name: "not rehearsed", step: at, vary: func(p *play) { p.s.Rehearsal = nil }, want: "fail, blocks"},
		{name: "no record for it", step: at, vary: func(p *play) { p.s.Rehearsal, p.s.Spec.Rehearsal = nil, nil }, want: "fail, blocks"},
		{name: "with another image", step: at, vary: func(p *play) {
			p.s.Rehearsal = &migration.Rehearsal{Images: []string{image("other")}}
		}, want: "fail, blocks"},
	})
	checkGuard(t, rehearsalMade, []guardCase{
		{name: "both ways", step: at, want: "pass"},
		{name: "nothing yet", step: at, vary: func(p *play) { p.s.Done = nil }, want: "fail, blocks"},
		{name: "only there", step: at, vary: func(p *play) {
			n := p.s.Spec.Rehearsal
			p.s.Done = map[string]Done{doneKey(migration.StepRehearse, migration.SwapRecords{Zone: n.Zone, View: n.View, Purpose: migration.ForRehearsal}): {}}
		}, want: "fail, blocks"},
		{name: "only back", step: at, vary: func(p *play) {
			n := p.s.Spec.Rehearsal
			p.s.Done = map[string]Done{doneKey(migration.StepRehearse, migration.SwapRecords{Zone: n.Zone, View: n.View, Purpose: migration.ForRehearsalBack}): {}}
		}, want: "fail, blocks"},
	})
}

func TestNoTraffic(t *testing.T) {
	at := migration.StepDeploy
	checkGuard(t, noTraffic, []guardCase{
		{name: "nothing leads there", step: at, want: "pass"},
		{name: "somebody's Ingress", step: at, vary: production(func(c *migration.ClusterFacts) {
			c.Routes = []migration.RouteFacts{{Kind: "Ingress", Name: "x"}}
		}), want: "fail, blocks"},
		{name: "our own of an earlier attempt", step: migration.StepLowerTTL, want: "pass"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

func TestData(t *testing.T) {
	at := migration.StepDeploy
	apart := spec(func(s *migration.Spec) { s.Data.Shared = false })
	checkGuard(t, dataMove, []guardCase{
		{name: "shared", step: at, want: "pass"},
		{name: "not shared", step: at, vary: apart, want: "unknown, blocks"},
	})
	checkGuard(t, splitWrites, []guardCase{
		{name: "the same stores", step: at, want: "pass"},
		{name: "other stores", step: at, vary: apart, want: "unknown, blocks"},
		{name: "cannot see: declared shared, and not true", step: at, want: "pass"},
	})
}
