package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// row is one step of the procedure. before must hold before its actions are
// taken, after must hold before it is left; plan gives the actions that are
// still to be done, from what is observed, so that a resumed step does only
// what is missing.
type row struct {
	step   migration.Step
	title  string
	needs  []need
	before []guard
	// surveys are guards with many findings, judged together with before; proofs are
	// such guards that are judged together with after.
	surveys []survey
	proofs  []survey
	plan    func(look) ([]migration.Action, []migration.Reason)
	after   []guard
	// leave gives the evidence that is journalled with leaving the step.
	leave func(look) []migration.Evidence
	// every is how often an unfinished step is looked at; zero is lookEvery.
	every func(migration.Policy) time.Duration
	// again names an earlier step whose evidence must be taken anew.
	again func(look) (migration.Step, []migration.Reason)
	// bound is how long a step of rollback or abort is tried before it is left
	// with a note of what remains; zero is for ever.
	bound func(migration.Policy) time.Duration
	// strict says that at its bound nothing is begun any more: what follows must not
	// wait.
	strict bool
}

const lookEvery = 2 * time.Second

func sampleEvery(p migration.Policy) time.Duration { return p.SampleEvery }

// holdEvery looks often enough for a bad day and rarely enough for thousands
// of migrations that are only being held.
func holdEvery(p migration.Policy) time.Duration {
	return max(p.SampleEvery, min(p.Hold/864, 5*time.Minute))
}

func guards(lists ...[]guard) []guard {
	var out []guard
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// table is the whole procedure: forward, back, and undo.
func table() []row {
	return append(append(forwardTable(), backTable()...), undoTable()...)
}

func forwardTable() []row {
	return append(prepareTable(), cutoverTable()...)
}

// prepareTable is everything up to the lead: nothing in it moves traffic.
func prepareTable() []row {
	return []row{
		{step: migration.StepAssess, title: "judge the containerisation checklist",
			needs:   []need{needInventory},
			before:  guards([]guard{supported, analysed}, unjudgedGuards(migration.StepAssess)),
			surveys: []survey{onMachines, asDeclared},
			leave:   assessEvidence},
		{step: migration.StepContainer, title: "image from an approved base, pinned by digest",
			needs:   []need{needBases},
			before:  guards([]guard{supported, pinned}, unjudgedGuards(migration.StepContainer)),
			surveys: []survey{onImages}},
		{step: migration.StepConvert, title: "configuration becomes ConfigMaps and Secrets",
			needs:  []need{needStaging, needProduction},
			before: []guard{configPresent}},
		{step: migration.StepStage, title: "deploy to staging, smoke and drills",
			needs:  []need{needStaging, needIsolation},
			before: []guard{configPresentIn(migration.Staging)},
			plan: inOrder(planApply(migration.Staging, migration.PartWorkload),
				whenRolledOut(migration.Staging, inOrder(planSmoke(migration.Staging, migration.ViaPortForward),
					when(smoked(migration.Staging, migration.ViaPortForward, migration.CodeSmoke), whenIsolated(planDrills))))),
			after:  []guard{rolledOut(migration.Staging), smoked(migration.Staging, migration.ViaPortForward, migration.CodeSmoke)},
			proofs: []survey{isolated, drilled, nothingOwed}},
		{step: migration.StepRehearse, title: "switch and roll back the rehearsal record for real",
			needs:  []need{needStaging, needNames},
			before: unjudgedGuards(migration.StepRehearse),
			plan:   inOrder(planApply(migration.Staging, migration.PartExposure), whenAddressed(migration.Staging, inOrder(planReturnPath(migration.Staging), planRehearse))),
			after:  []guard{addressed(migration.Staging), tried(migration.Staging), rehearsalMade},
			leave:  rehearsalEvidence},
		{step: migration.StepDeploy, title: "deploy to production with no traffic",
			needs:  []need{needProduction},
			before: guards([]guard{noTraffic, dataMove, rehearsed, roomFor(migration.Production)}, unjudgedGuards(migration.StepDeploy)),
			plan:   planApply(migration.Production, migration.PartWorkload),
			after:  []guard{rolledOut(migration.Production)}},
		{step: migration.StepSmoke, title: "smoke suite through port-forward",
			needs: []need{needProduction},
			plan:  planSmoke(migration.Production, migration.ViaPortForward),
			after: []guard{rolledOut(migration.Production), smoked(migration.Production, migration.ViaPortForward, migration.CodeSmoke)}},
		{step: migration.StepExpose, title: "balancer with an address; DNS untouched",
			needs:  []need{needProduction, needNames, needNewProbe},
			before: guards([]guard{allServers, ours}, unjudgedGuards(migration.StepExpose)),
			plan: inOrder(planApply(migration.Production, migration.PartExposure),
				whenAddressed(migration.Production, planReturnPath(migration.Production))),
			after: []guard{addressed(migration.Production), typeKnown, tried(migration.Production), unbanned(migration.Production), warm, ours}},
		{step: migration.StepLowerTTL, title: "lower the TTL on every record of every name",
			needs: []need{needNames},
			before: guards([]guard{allServers, ours, families, private,
				atomic(migration.CodeAtomic, "every set of a zone changes at once"),
				atomic(migration.CodeSplit, "whole sets are replaced, no record is added to one"),
				atomic(migration.CodeNegative, "no moment exists at which the name has no answer"),
			}, unjudgedGuards(migration.StepLowerTTL)),
			plan:  planLowerTTL,
			after: []guard{allServers, floor},
			leave: ttlEvidence},
		{step: migration.StepLead, title: "wait until every resolver has forgotten the old TTL",
			before: []guard{lead}},
	}
}

// cutoverTable is everything from the baseline to the retirement.
func cutoverTable() []row {
	judged := []need{needSample, needProduction, needOldProbe, needNewProbe}
	return []row{
		{step: migration.StepBaseline, title: "error rate and latency of the old side",
			needs: []need{needBaseline, needProofs, needProduction, needNewProbe}, every: sampleEvery,
			before: []guard{vantage, baselineEnough},
			plan:   inOrder(planProofs, planReturnPath(migration.Production)),
			after:  []guard{tried(migration.Production)},
			proofs: []survey{nothingOwed},
			leave:  baselineEvidence},
		{step: migration.StepGo, title: "go or no-go: everything is looked at again",
			needs:   append([]need{needNames, needInventory}, judged...),
			before:  []guard{window, night, thawed, handedOver},
			surveys: []survey{onMachines, asDeclared, nothingOwed},
			plan:    planFreshSmoke,
			after:   goGuards(),
			leave:   assessEvidence,
			again:   staleEvidence},
		{step: migration.StepSwitch, title: "one compare-and-swap of all records per zone and view",
			needs:  append([]need{needNames}, judged...),
			before: []guard{ours},
			plan:   planSwitch,
			after:  []guard{switchedEverywhere},
			leave:  switchedEvidence, every: sampleEvery},
		{step: migration.StepWatch, title: "judge error rate and latency against the baseline",
			needs: append([]need{needNames}, judged...), every: sampleEvery,
			before: unjudgedGuards(migration.StepWatch),
			plan:   planSchedules,
			after:  []guard{stillOurs, oldSideWell, watched}},
		{step: migration.StepValidate, title: "nine items of the post-migration checklist",
			needs: append([]need{needNames}, judged...), every: sampleEvery,
			plan: inOrder(planSchedules, planSmoke(migration.Production, migration.ViaProduction)),
			after: guards([]guard{podsRunning, healthy, errorRateWithin, latencyWithin, scheduled,
				claimsBound, sidecars, quotaKept, smoked(migration.Production, migration.ViaProduction, migration.CodePublicSmoke), stillOurs},
				unjudgedGuards(migration.StepValidate))},
		{step: migration.StepTicket, title: "raise the decommissioning ticket",
			needs: judged, every: sampleEvery,
			before: unjudgedGuards(migration.StepTicket),
			leave:  holdBegins},
		{step: migration.StepHold, title: "stable operation before the VM may go",
			needs: append([]need{needNames}, judged...), every: holdEvery,
			after: []guard{stillOurs, heldLong, oldSideWell, certified, latencyWithin}},
		{step: migration.StepRetire, title: "release the VM, restore the TTL, remove the return path",
			needs: append([]need{needNames, needStaging}, judged...), every: holdEvery,
			before: guards([]guard{heldLong, silent(migration.CodeResidual), silent(migration.CodeTTLStretch), leadsNew(migration.Production)}, unjudgedGuards(migration.StepRetire)),
			plan:   inOrder(planRestoreTTL, planRemove(migration.PartReturnPath, migration.Production, migration.Staging)),
			after:  []guard{allServers}},
	}
}

// goGuards are everything that must hold at the moment of the switch. They are
// evaluated again after the intent, immediately before the records change.
func goGuards() []guard {
	return []guard{
		window, night, thawed, approved, rehearsed, fresh, lead, allServers, ours, floor, replayFenced, typeKnown, dataMove, splitWrites,
		rolledOut(migration.Production), addressed(migration.Production), tried(migration.Production), unbanned(migration.Production), leadsNew(migration.Production),
		warm, oldSideWell, baselineEnough, counting,
		smoked(migration.Production, migration.ViaPortForward, migration.CodeSmoke),
	}
}

// backTable is the rollback: no guard blocks it, and each step is bounded.
func backTable() []row {
	budget := func(p migration.Policy) time.Duration { return p.RollbackBudget }
	return []row{
		{step: migration.StepReturnPath, title: "turn the balancers to the old side",
			needs: []need{needTurn}, plan: planTurnBack, after: []guard{turnedBack},
			every: func(migration.Policy) time.Duration { return settleEvery },
			bound: func(migration.Policy) time.Duration { return returnBound }, strict: true},
		{step: migration.StepDNSBack, title: "lead the names back",
			needs: []need{needNames}, plan: planDNSBack, after: []guard{backEverywhere}},
		{step: migration.StepDrain, title: "let the new side's own traffic drain",
			needs: []need{needSample}, every: sampleEvery, after: []guard{drained},
			bound: func(p migration.Policy) time.Duration { return p.Drain }},
		{step: migration.StepSaveLogs, title: "save the pods' last words",
			needs: []need{needProduction}, plan: planSaveLogs, bound: budget},
		{step: migration.StepScaleDown, title: "scale the new side to zero",
			needs: []need{needProduction}, plan: together(planTurnLate, planScaleDown), after: []guard{scaledDown}, bound: budget},
		{step: migration.StepVerifyBack, title: "see that the old side serves",
			needs: []need{needNames, needOldProbe}, plan: planDNSBack, after: []guard{backEverywhere, oldSideWell}, bound: budget},
	}
}

// undoTable is abort: what was prepared is taken away, in reverse.
func undoTable() []row {
	budget := func(p migration.Policy) time.Duration { return p.RollbackBudget }
	return []row{
		{step: migration.StepUndoDNS, title: "restore the records and their TTL",
			needs: []need{needNames}, plan: planRestoreTTL, after: []guard{restoredEverywhere}, bound: budget},
		{step: migration.StepUndoExpose, title: "remove the balancers and the return path",
			needs: []need{needStaging, needProduction}, bound: budget,
			plan: together(planRemove(migration.PartExposure, migration.Production, migration.Staging),
				planRemove(migration.PartReturnPath, migration.Production, migration.Staging))},
		{step: migration.StepUndoDeploy, title: "remove the workloads from production",
			needs: []need{needProduction}, plan: planRemove(migration.PartWorkload, migration.Production), bound: budget},
		{step: migration.StepUndoStaging, title: "remove the workloads from staging",
			needs: []need{needStaging}, plan: planRemove(migration.PartWorkload, migration.Staging), bound: budget},
	}
}

// rows are the table by step: it is built once, and never changed.
var rows = byStep(table())

func byStep(list []row) map[migration.Step]row {
	out := make(map[migration.Step]row, len(list))
	for _, r := range list {
		out[r.step] = r
	}
	return out
}

func rowOf(step migration.Step) (row, bool) {
	r, ok := rows[step]
	return r, ok
}

// Title says in a few words what a step does.
func Title(step migration.Step) string {
	r, _ := rowOf(step)
	return r.title
}
