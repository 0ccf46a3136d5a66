package runbook

import (
	"maps"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

// readyToLeave is the example at the moment when a step is about to be left
// because all is well.
func readyToLeave(t *testing.T, step migration.Step) *play {
	t.Helper()
	p := standAt(t, step)
	for range 100_000 {
		before := p.clone()
		d := p.step()
		if m, ok := d.(Move); ok && (m.To.Step != step || m.To.Mode != p.s.Mode || over(m.To.Mode)) {
			return before
		}
		pause, leave := rest(d, p.w.now)
		if leave || p.err != nil {
			break
		}
		p.w.pass(pause)
	}
	t.Fatalf("%s is never left: %v", step, p.err)
	return nil
}

// drillFails is a drill whose newest result is that it failed.
func drillFails(d migration.StagingDrill) func(*play) {
	return func(p *play) {
		k := drillOf{d, key}.key()
		got := p.s.Drills[k]
		got.Verdict, got.Text, got.At = migration.Fail, "it failed", p.w.now
		p.s.Drills = maps.Clone(p.s.Drills)
		p.s.Drills[k] = got
	}
}

// fixing declares a fix of what does not hold on the machines.
func fixing(c migration.Code, d migration.StagingDrill) func(*play) {
	return func(p *play) {
		p.s.Spec.Fixes = []migration.Fix{{Code: c, Drill: d, How: "mended"}}
		p.s.Assessed = nil
	}
}

// heldUp lists, step by step, everything that must hold it up although all else
// is well: take a guard out of the table, and its line here goes red.
func heldUp() []struct {
	step migration.Step
	code migration.Code
	vary func(*play)
} {
	prod := smokeKey(migration.Production, migration.ViaPortForward)
	type c = []struct {
		step migration.Step
		code migration.Code
		vary func(*play)
	}
	handover := spec(func(s *migration.Spec) { s.Cutover = migration.CutoverHandover })
	apart := spec(func(s *migration.Spec) { s.Data.Shared = false })
	slow := pods(func(f *migration.WorkloadFacts) { f.Ready = 1 })
	noAddress := production(func(x *migration.ClusterFacts) {
		x.Exposures = slices.Clone(x.Exposures)
		x.Exposures[0].Addresses = nil
	})
	hostAndAddress := production(func(x *migration.ClusterFacts) {
		x.Exposures = slices.Clone(x.Exposures)
		x.Exposures[0].Addresses = []string{"lb.example.", newAddr}
	})
	foreign := record(bank, "A", 60, "203.0.113.9")
	failedSmoke := func(k string) func(*play) {
		return func(p *play) {
			p.s.Smoke = map[string]Observation[SmokeResult]{k: {SmokeResult{Ran: 2, Failed: 1}, p.w.now}}
		}
	}
	banned := func(env migration.Env) func(*play) {
		return func(p *play) {
			k := trialKey(env, key)
			got := p.s.Trials[k]
			got.Value.Valid, got.Value.Failed, got.Value.Why, got.At = false, 500, "500 of 500 requests failed", p.w.now
			p.s.Trials = maps.Clone(p.s.Trials)
			p.s.Trials[k] = got
		}
	}
	turned := func(p *play) {
		p.w.changeExposures(migration.Production, func(e *migration.ExposureFacts) { e.Leads = migration.OldSide })
	}
	noImage := spec(func(s *migration.Spec) { s.ReturnPath.Image = "" })
	coldBalancer := func(p *play) { p.s.Live.Warm = Streak{Last: p.w.now} }
	oldIll := probes(migration.OldSide, "connection refused", "")
	undeclared := policy(func(x *migration.Policy) { x.DNSProviders = nil })
	say := func(v analysis.Verdict) func(*play) {
		return func(p *play) { verdict(v)(p); p.s.Live.Judge.At = p.w.now }
	}
	legacy := func(p *play) { p.w.machine = imagined.Legacy }
	owing := func(p *play) {
		fixing(migration.CodeLogsStdout, migration.DrillLogs)(p)
		p.s.Drills = nil
	}
	return c{
		{migration.StepAssess, migration.CodeUnsupported, handover},
		{migration.StepAssess, migration.CodeNoRCA, func(p *play) { p.s.Incidents = []migration.Incident{{ID: "i"}} }},
		{migration.StepAssess, migration.CodeLogsStdout, legacy},
		{migration.StepAssess, migration.CodeSIGTERM, func(p *play) { p.w.away["vm-bank-1"] = true }},
		{migration.StepAssess, migration.CodeStateDisk, func(p *play) { p.w.untaken = "nothing is wired" }},
		{migration.StepContainer, migration.CodeBaseImage, func(p *play) { p.w.base = "docker.io/library/debian:12" }},
		{migration.StepContainer, migration.CodeUnsupported, handover},
		{migration.StepContainer, migration.CodeImageDigest, spec(func(s *migration.Spec) { s.Workloads = []migration.Workload{{Image: "x:1"}} })},
		{migration.StepConvert, migration.CodeConfigThere, unseenCluster},
		{migration.StepStage, migration.CodeConfigThere, unseenCluster},
		{migration.StepStage, migration.CodeIsolated, func(p *play) { p.w.unisolated = "forbidden" }},
		{migration.StepStage, migration.CodeConfigDrop, drillFails(migration.DrillRoundTrip)},
		{migration.StepStage, migration.CodeEgress, drillFails(migration.DrillDial)},
		{migration.StepStage, migration.CodeHealth, drillFails(migration.DrillTruth)},
		{migration.StepStage, migration.CodeSessions, drillFails(migration.DrillSession)},
		{migration.StepStage, migration.CodeStateDisk, drillFails(migration.DrillReplace)},
		{migration.StepStage, migration.CodeSigtermRace, drillFails(migration.DrillDrain)},
		{migration.StepStage, migration.CodeLogsStdout, drillFails(migration.DrillLogs)},
		{migration.StepStage, migration.CodeConfigRO, drillFails(migration.DrillReadOnly)},
		{migration.StepStage, migration.CodeSIGTERM, declared(fixing(migration.CodeSIGTERM, migration.DrillDrain), drillFails(migration.DrillDrain), letPass(migration.CodeSigtermRace))},
		{migration.StepBaseline, migration.CodeSIGTERM, declared(fixing(migration.CodeSIGTERM, migration.DrillDrain), drillFails(migration.DrillDrain))},
		{migration.StepStage, migration.CodeRollout, func(p *play) {
			p.w.changePods(migration.Staging, key, func(f *migration.WorkloadFacts) { f.RolledOut = false })
		}},
		{migration.StepStage, migration.CodeSmoke, failedSmoke(smokeKey(migration.Staging, migration.ViaPortForward))},
		{migration.StepRehearse, migration.CodeAddress, func(p *play) {
			x := p.w.cluster[migration.Staging]
			x.Exposures = []migration.ExposureFacts{{Workload: key, Digest: p.s.Spec.ExposureDigest(migration.Staging, key)}}
			p.w.cluster[migration.Staging] = x
		}},
		{migration.StepRehearse, migration.CodeReturnPath, banned(migration.Staging)},
		{migration.StepRehearse, migration.CodeReturnPath, noImage},
		{migration.StepRehearse, migration.CodeNoRehearsal, spec(func(s *migration.Spec) { s.Rehearsal = nil })},
		{migration.StepDeploy, migration.CodeQuota, production(func(x *migration.ClusterFacts) {
			x.Workloads = nil
			x.Quotas = []migration.QuotaFacts{{Quota: "bank", Lacks: "quota bank leaves 2 of pods, and 3 are needed at the most"}}
		})},
		{migration.StepDeploy, migration.CodeNoTraffic, production(func(x *migration.ClusterFacts) { x.Routes = []migration.RouteFacts{{Kind: "Ingress"}} })},
		{migration.StepDeploy, migration.CodeDataMove, apart},
		{migration.StepDeploy, migration.CodeNoRehearsal, func(p *play) { p.s.Rehearsal = nil }},
		{migration.StepDeploy, migration.CodeRollout, slow},
		{migration.StepSmoke, migration.CodeRollout, slow},
		{migration.StepSmoke, migration.CodeSmoke, failedSmoke(prod)},
		{migration.StepExpose, migration.CodeAllNS, oneSilent},
		{migration.StepExpose, migration.CodeForeign, foreign},
		{migration.StepExpose, migration.CodeAddress, noAddress},
		{migration.StepExpose, migration.CodeType, hostAndAddress},
		{migration.StepExpose, migration.CodeLBWarm, coldBalancer},
		{migration.StepExpose, migration.CodeReturnPath, banned(migration.Production)},
		{migration.StepExpose, migration.CodeReturnBan, banned(migration.Production)},
		{migration.StepLowerTTL, migration.CodeAllNS, oneSilent},
		{migration.StepLowerTTL, migration.CodeForeign, foreign},
		{migration.StepLowerTTL, migration.CodeFamilies, record(bank, "HTTPS", 60, "1 .")},
		{migration.StepLowerTTL, migration.CodePrivate, allSilent},
		{migration.StepLowerTTL, migration.CodeAtomic, undeclared},
		{migration.StepLowerTTL, migration.CodeSplit, undeclared},
		{migration.StepLowerTTL, migration.CodeNegative, undeclared},
		{migration.StepLead, migration.CodeTTLLead, func(p *play) { p.s.TTLLow = nil }},
		{migration.StepBaseline, migration.CodeVantage, spec(func(s *migration.Spec) { s.Metrics.New.Vantage = "edge" })},
		{migration.StepBaseline, migration.CodeBaseline, policy(func(x *migration.Policy) { x.BaselineMin = 1 << 40 })},
		{migration.StepBaseline, migration.CodeReturnPath, banned(migration.Production)},
		{migration.StepGo, migration.CodeReturnPath, banned(migration.Production)},
		{migration.StepGo, migration.CodeReturnBan, banned(migration.Production)},
		{migration.StepGo, migration.CodeReturnPath, func(p *play) {
			p.w.forwarders(migration.Production, func(r *migration.ReturnPathFacts) { r.Ready, r.RolledOut = 1, false })
		}},
		{migration.StepGo, migration.CodeAddress, turned},
		{migration.StepGo, migration.CodeLogsStdout, legacy},
		{migration.StepGo, migration.CodeLogsStdout, owing},
		{migration.StepGo, migration.CodeWindow, spec(func(s *migration.Spec) { s.Windows = []migration.Window{{From: t0, To: t0.Add(time.Second)}} })},
		{migration.StepGo, migration.CodeNight, func(p *play) {
			p.s.Spec.Windows = []migration.Window{{From: t0, To: p.w.now.Add(time.Minute)}}
		}},
		{migration.StepGo, migration.CodeFreeze, policy(func(x *migration.Policy) {
			x.Freezes = []migration.Freeze{{Name: "year's end", From: t0, To: t0.Add(90 * 24 * time.Hour)}}
		})},
		{migration.StepGo, migration.CodeApproval, spec(func(s *migration.Spec) { s.Approvals.Required = 1 })},
		{migration.StepGo, migration.CodeNoRehearsal, func(p *play) { p.s.Rehearsal = nil }},
		{migration.StepGo, migration.CodeTTLLead, func(p *play) { p.s.TTLLow = nil }},
		{migration.StepGo, migration.CodeAllNS, oneSilent},
		{migration.StepGo, migration.CodeForeign, foreign},
		{migration.StepGo, migration.CodeFloor, record(bank, "A", 300, oldAddr)},
		{migration.StepGo, migration.CodeReplay, record(generationName(bank), "TXT", 60)},
		{migration.StepGo, migration.CodeType, hostAndAddress},
		{migration.StepGo, migration.CodeDataMove, declared(apart, letPass(migration.CodeSplitWrites))},
		{migration.StepGo, migration.CodeSplitWrites, apart},
		{migration.StepGo, migration.CodeSplitWrites, apart},
		{migration.StepGo, migration.CodeRollout, slow},
		{migration.StepGo, migration.CodeAddress, noAddress},
		{migration.StepGo, migration.CodeLBWarm, coldBalancer},
		{migration.StepGo, migration.CodeOldSide, oldIll},
		{migration.StepGo, migration.CodeBaseline, policy(func(x *migration.Policy) { x.BaselineMin = 1 << 40 })},
		{migration.StepGo, migration.CodeBlind, func(p *play) { p.w.metricsErr = "connection refused" }},
		{migration.StepGo, migration.CodeSmoke, failedSmoke(prod)},
		{migration.StepSwitch, migration.CodeForeign, foreign},
		{migration.StepSwitch, migration.CodeAllNS, oneSilent},
		{migration.StepWatch, migration.CodeForeign, foreign},
		{migration.StepWatch, migration.CodeOldSide, oldIll},
		{migration.StepWatch, migration.CodeVerdict, policy(func(x *migration.Policy) { x.Watch = time.Hour })},
		{migration.StepGo, migration.CodeCronTwice, func(p *play) {
			p.s.Spec.Schedules = []migration.Schedule{{Name: "interest.timer", Owner: migration.OwnerCluster, When: "@daily", Command: []string{"/app/interest"}}}
			p.w.machine = func(t inventory.Target, at time.Time) inventory.Facts {
				f := imagined.Service(t, at)
				f.Schedules = append(f.Schedules, inventory.Schedule{Kind: "timer", Name: "interest.timer", Related: true})
				return f
			}
		}},
		{migration.StepValidate, migration.CodeCronTwice, production(func(x *migration.ClusterFacts) {
			x.Beside = []migration.BesideFacts{{Workload: key, Kind: migration.KindCronJob, Name: "interest", Exists: true, Ours: true, Suspended: true}}
		})},
		{migration.StepValidate, migration.CodePods, pods(func(f *migration.WorkloadFacts) { f.Pods[0].Restarts++ })},
		{migration.StepValidate, migration.CodeHealth200, probes(migration.NewSide, "500", "")},
		{migration.StepValidate, migration.CodeErrorRate, say(analysis.Verdict{})},
		{migration.StepValidate, migration.CodeLatency, say(analysis.Verdict{Kind: analysis.Unresolved, Metric: analysis.LatencyP99})},
		{migration.StepValidate, migration.CodeClaims, production(func(x *migration.ClusterFacts) { x.Claims = []migration.ClaimFacts{{Phase: "Pending"}} })},
		{migration.StepValidate, migration.CodeSidecar, policy(func(x *migration.Policy) { x.Mesh = "istio" })},
		{migration.StepValidate, migration.CodeQuota, production(func(x *migration.ClusterFacts) { x.Quotas = []migration.QuotaFacts{{Exceeded: true}} })},
		{migration.StepValidate, migration.CodePublicSmoke, failedSmoke(smokeKey(migration.Production, migration.ViaProduction))},
		{migration.StepValidate, migration.CodeForeign, foreign},
		{migration.StepHold, migration.CodeForeign, foreign},
		{migration.StepHold, migration.CodeEarlyRetire, policy(func(x *migration.Policy) { x.Hold = 80 * time.Hour })},
		{migration.StepHold, migration.CodeOldSide, oldIll},
		{migration.StepHold, migration.CodeTooFew, say(analysis.Verdict{Kind: analysis.Unresolved})},
		{migration.StepHold, migration.CodeLatency, say(analysis.Verdict{Kind: analysis.Unresolved, Metric: analysis.LatencyP99})},
		{migration.StepRetire, migration.CodeEarlyRetire, policy(func(x *migration.Policy) { x.Hold = 80 * time.Hour })},
		{migration.StepRetire, migration.CodeResidual, policy(func(x *migration.Policy) { x.Residual = 80 * time.Hour })},
		{migration.StepRetire, migration.CodeTTLStretch, policy(func(x *migration.Policy) { x.Residual = 80 * time.Hour })},
		{migration.StepRetire, migration.CodeAddress, turned},
		{migration.StepRetire, migration.CodeAllNS, oneSilent},
	}
}

// TestHeldUp takes the example to where a step would be left, lets one thing be
// wrong, and demands that it is not left and that the guard says why.
func TestHeldUp(t *testing.T) {
	for _, tt := range heldUp() {
		t.Run(string(tt.step)+" "+string(tt.code), func(t *testing.T) {
			p := readyToLeave(t, tt.step)
			tt.vary(p)
			clear(p.taken)
			p.observe(Needs(p.s, p.w.now)) // the judgement stays as it was varied
			d := Next(p.s, p.facts, p.w.now)
			if m, ok := d.(Move); ok && (m.To.Mode == migration.ModeRetired || tt.step.Before(m.To.Step)) {
				t.Fatalf("%s is left all the same: %s", tt.step, asJSON(d))
			}
			if !slices.ContainsFunc(failing(d.Why()), func(r migration.Reason) bool { return r.Code == tt.code }) {
				t.Errorf("not because of %s: %s %s", tt.code, DecisionName(d), asJSON(d.Why()))
			}
		})
	}
}

// TestHeldUpNamesEveryGuard demands a line in heldUp for every code that a
// guard of a forward step may give, but for those that are unjudged.
func TestHeldUpNamesEveryGuard(t *testing.T) {
	// A stale piece of evidence is taken again before it can hold up go (see
	// TestFresh); the floor at lower-ttl is what the change itself is settled by.
	elsewhere := map[string]bool{"go STALE-EVIDENCE": true, "lower-ttl DNS-FLOOR": true}
	named := map[string]bool{}
	for _, h := range heldUp() {
		named[string(h.step)+" "+string(h.code)] = true
	}
	l := looked(standAt(t, migration.StepRetire))
	for _, r := range forwardTable() {
		for _, reason := range append(l.evaluate(slices.Concat(r.before, r.after)), l.survey(r.proofs)...) {
			k := string(r.step) + " " + string(reason.Code)
			if !named[k] && !elsewhere[k] && !slices.Contains(Unjudged(), reason.Code) {
				t.Errorf("nothing shows that %s is held up by %s", r.step, reason.Code)
			}
		}
	}
}
