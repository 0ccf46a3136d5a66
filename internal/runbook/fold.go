package runbook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// Fold gives the state that a whole journal leads to. The records have been
// verified. A record whose body cannot be read is an error that names it.
func Fold(recs []migration.Record) (State, error) {
	var s State
	for _, r := range recs {
		var err error
		if s, err = Apply(s, r); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Apply gives the state after one more record. It never changes s.
func Apply(s State, r migration.Record) (State, error) {
	n := s
	var err error
	switch r.Kind {
	case migration.KindDeclared:
		err = with(r, func(b migration.Declared) { n = declare(s, b, r) })
	case migration.KindMoved:
		err = withErr(r, func(b migration.Moved) error { n, err = moved(s, b, r); return err })
	case migration.KindIntent:
		err = with(r, func(b migration.Intent) { n = intend(s, b) })
	case migration.KindOutcome:
		err = with(r, func(b migration.Settled) { n = settled(s, b, r) })
	case migration.KindEvidence:
		err = withErr(r, func(b migration.Evidence) error { n, err = withEvidence(s, b); return err })
	default:
		n, err = said(s, r)
	}
	if err != nil {
		return s, fmt.Errorf("record %d (%s): %w", r.Seq, r.Kind, err)
	}
	n.Head = journal.HeadOf(r)
	n.Fence = max(n.Fence, r.Fence)
	return n, nil
}

// said applies what a person said.
func said(s State, r migration.Record) (State, error) {
	n := s
	var err error
	switch r.Kind {
	case migration.KindWaived:
		err = with(r, func(b migration.Waiver) { n.Waivers = appended(s.Waivers, b) })
	case migration.KindApproved:
		err = with(r, func(b migration.Approval) { n.Approvals = appended(s.Approvals, b) })
	case migration.KindIncident:
		err = with(r, func(b migration.Incident) { n.Incidents = appended(s.Incidents, b) })
	case migration.KindOver:
		err = with(r, func(b migration.Over) { n.Overs = appended(s.Overs, b) })
	case migration.KindRCA:
		err = with(r, func(b migration.RCA) { n.Incidents = attachRCA(s.Incidents, b) })
	case migration.KindRollback:
		n = turn(s, migration.ModeRollback, migration.Back[0], r)
	case migration.KindAbort:
		n = turn(s, migration.ModeAborting, migration.Undo[0], r)
	case migration.KindMeasured:
		err = with(r, func(b Measured) { n.Measured = newest(s.Measured, b.Experiments) })
	case migration.KindAgain:
		n = repeated(s)
	case migration.KindNote:
	default:
		err = fmt.Errorf("unknown kind of record; it was written by a newer version")
	}
	return n, err
}

func with[B any](r migration.Record, use func(B)) error {
	return withErr(r, func(b B) error { use(b); return nil })
}

func withErr[B any](r migration.Record, use func(B) error) error {
	var b B
	if err := json.Unmarshal(r.Body, &b); err != nil {
		return err
	}
	return use(b)
}

func appended[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// declare begins a migration, or takes an edit of its file. An edit sends a
// forward attempt back to the first step that it affects; once the switch has
// begun it changes what is declared, never where the attempt stands.
func declare(s State, b migration.Declared, r migration.Record) State {
	n := s
	n.Spec, n.Policy, n.File, n.DeclaredBy = b.Spec, b.Policy, b.File, r.Actor
	if s.Head.Seq == 0 || s.Mode == migration.ModeAborted {
		n.Origin, n.Assessed = nil, nil // what was prepared has been undone: all is found anew
		return begin(n, migration.Position{Attempt: s.Attempt + 1, Mode: migration.ModeForward, Step: migration.StepAssess}, r)
	}
	if to, edited := Affected(s.Spec, b.Spec, s.Policy, b.Policy); edited && s.Mode == migration.ModeForward && !s.SwitchBegan() && to.Before(s.Step) {
		n = forget(n, to)
		n.Step, n.Since = to, r.At
		n.Pending, n.Failed = nil, nil
	}
	if !sameNames(s.Spec, b.Spec) || b.Policy.TTL < s.Policy.TTL {
		n.TTLLow = nil
	}
	return n
}

// begin starts an attempt.
func begin(s State, to migration.Position, r migration.Record) State {
	n := s
	n.Key, n.Position = r.Migration, to
	n.Started, n.Since = r.At, r.At
	n.Pending, n.Failed, n.Done, n.Swaps, n.Smoke, n.Drills = nil, nil, nil, nil, nil, nil
	n.Trials = nil
	n.Baseline, n.Switched, n.Hold, n.Rehearsal, n.Left, n.Overs = nil, nil, nil, nil, nil, nil
	n.Live = Live{}
	n.Images = maps.Clone(s.Images)
	if n.Images == nil {
		n.Images = map[int][]string{}
	}
	n.Images[to.Attempt] = n.Spec.Images()
	return n
}

func moved(s State, b migration.Moved, r migration.Record) (State, error) {
	n := s
	if b.To.Attempt > s.Attempt {
		n = begin(s, b.To, r)
	} else {
		n.Position, n.Since, n.Failed = b.To, r.At, nil
		if s.Mode == migration.ModeForward && b.To.Mode == migration.ModeForward && !s.Step.Before(b.To.Step) {
			n = forget(n, b.To.Step)
		}
		if b.To.Mode != s.Mode {
			n.Pending = nil // superseded: what they may have done is observed
		}
		if b.To.Step == migration.StepContainer || b.To.Step == migration.StepStage {
			n.Images = maps.Clone(n.Images)
			n.Images[n.Attempt] = n.Spec.Images()
		}
	}
	var err error
	for _, e := range b.Evidence {
		if n, err = withEvidence(n, e); err != nil {
			return s, err
		}
	}
	return n, nil
}

// turn changes the direction on a person's word. It is monotone: a rollback is
// never turned into anything else, and what is over stays over.
func turn(s State, mode migration.Mode, step migration.Step, r migration.Record) State {
	switch s.Mode {
	case migration.ModeForward:
	case migration.ModeRetired:
		if mode != migration.ModeRollback {
			return s
		}
	case migration.ModeRolledBack:
		if mode != migration.ModeAborting {
			return s
		}
	case migration.ModeAborting:
		if mode != migration.ModeRollback || !s.SwitchBegan() {
			return s
		}
	default:
		return s
	}
	if mode == migration.ModeAborting && s.Mode == migration.ModeForward && s.SwitchBegan() {
		return s // what is live is rolled back, not aborted
	}
	n := s
	n.Mode, n.Step, n.Since = mode, step, r.At
	n.Pending, n.Failed = nil, nil
	n.Fence = s.Fence + 1
	return n
}

// forget drops what was done and seen in a step and behind it.
func forget(s State, from migration.Step) State {
	n := s
	n.Done = maps.Clone(s.Done)
	maps.DeleteFunc(n.Done, func(k string, _ Done) bool { return !stepOfKey(k).Before(from) })
	if !migration.StepAssess.Before(from) {
		n.Assessed = nil
	}
	if !migration.StepRehearse.Before(from) {
		n.Rehearsal = nil
	}
	if !migration.StepBaseline.Before(from) {
		n.Baseline = nil
	}
	n.Smoke = maps.Clone(s.Smoke)
	if !migration.StepSmoke.Before(from) {
		delete(n.Smoke, smokeKey(migration.Production, migration.ViaPortForward))
	}
	if !migration.StepStage.Before(from) {
		n.Drills = nil
		delete(n.Smoke, smokeKey(migration.Staging, migration.ViaPortForward))
	}
	n.Trials = maps.Clone(s.Trials)
	maps.DeleteFunc(n.Trials, func(k string, _ Observation[migration.TrialResult]) bool {
		step := migration.StepExpose
		if strings.HasPrefix(k, string(migration.Staging)+"/") {
			step = migration.StepRehearse
		}
		return !step.Before(from)
	})
	n.Live.Warm = Streak{}
	return n
}

func intend(s State, i migration.Intent) State {
	n := s
	n.Pending = slices.DeleteFunc(slices.Clone(s.Pending), func(p migration.Intent) bool { return p.Target() == i.Target() })
	n.Pending = append(n.Pending, i)
	swap, ok := i.Action.(migration.SwapRecords)
	if !ok {
		return n
	}
	if swap.Purpose == migration.ForSwitch {
		n.Swaps = maps.Clone(s.Swaps)
		if n.Swaps == nil {
			n.Swaps = map[string]migration.SwapRecords{}
		}
		k := migration.ZoneKey(swap.Zone, swap.View)
		n.Swaps[k] = merged(n.Swaps[k], swap)
	}
	if swap.Purpose == migration.ForRestoreTTL {
		n.TTLLow = nil // the old TTL is in force again, and so is its lead
	}
	n.Origin = maps.Clone(s.Origin)
	if n.Origin == nil {
		n.Origin = map[string]migration.RRset{}
	}
	for _, b := range swap.Before {
		if _, seen := n.Origin[b.Key()]; !seen && !isGeneration(b) {
			n.Origin[b.Key()] = b
		}
	}
	return n
}

// merged is a later change of a zone together with the sets of the earlier one
// that it does not touch.
func merged(earlier, later migration.SwapRecords) migration.SwapRecords {
	untouched := func(list, by []migration.RRset) []migration.RRset {
		return slices.DeleteFunc(slices.Clone(list), func(r migration.RRset) bool {
			return slices.ContainsFunc(by, func(o migration.RRset) bool { return o.Key() == r.Key() })
		})
	}
	out := later
	out.Before = append(untouched(earlier.Before, later.Before), later.Before...)
	out.After = append(untouched(earlier.After, later.After), later.After...)
	return out
}

func settled(s State, b migration.Settled, r migration.Record) State {
	at := slices.IndexFunc(s.Pending, func(i migration.Intent) bool { return i.ID == b.Intent })
	if at < 0 || b.Outcome == migration.OutcomeUnknown {
		return s
	}
	i := s.Pending[at]
	n := s
	n.Pending = slices.Delete(slices.Clone(s.Pending), at, at+1)
	n.Failed = maps.Clone(s.Failed)
	if b.Outcome == migration.OutcomeDone {
		n.Done = maps.Clone(s.Done)
		if n.Done == nil {
			n.Done = map[string]Done{}
		}
		n.Done[doneKey(i.Step, i.Action)] = Done{Intent: i.ID, At: r.At, Took: r.At.Sub(i.At)}
		delete(n.Failed, i.Target())
	} else {
		if n.Failed == nil {
			n.Failed = map[migration.Target]Failure{}
		}
		n.Failed[i.Target()] = Failure{n.Failed[i.Target()].Count + 1, r.At, b.Outcome, b.Result.Detail}
	}
	if run, ok := i.Action.(migration.RunSmoke); ok && b.Result.Smoke != nil {
		n.Smoke = maps.Clone(s.Smoke)
		if n.Smoke == nil {
			n.Smoke = map[string]Observation[SmokeResult]{}
		}
		n.Smoke[smokeKey(run.Env, run.Via)] = Observation[SmokeResult]{*b.Result.Smoke, r.At}
	}
	if run, ok := i.Action.(migration.TryReturnPath); ok && b.Result.Trial != nil {
		n.Trials = maps.Clone(s.Trials)
		if n.Trials == nil {
			n.Trials = map[string]Observation[migration.TrialResult]{}
		}
		n.Trials[trialKey(run.Env, run.Workload)] = Observation[migration.TrialResult]{*b.Result.Trial, r.At}
	}
	if _, ok := i.Action.(migration.TurnReturnPath); ok {
		n.Live.Warm = Streak{} // what was asked before it was somebody else
	}
	if run, ok := i.Action.(migration.RunDrill); ok && b.Result.Drill != nil {
		n.Drills = withResult(s.Drills, run, *b.Result.Drill, r.At)
	}
	return n
}

func withEvidence(s State, e migration.Evidence) (State, error) {
	n := s
	var err error
	switch e.Kind {
	case migration.EvidenceAssess:
		n.Assessed, err = body[Assessed](e)
	case migration.EvidenceTTLLow:
		n.TTLLow, err = body[migration.TTLLow](e)
	case migration.EvidenceRehearsal:
		n.Rehearsal, err = body[migration.Rehearsal](e)
	case migration.EvidenceBaseline:
		n.Baseline, err = body[analysis.Baseline](e)
	case migration.EvidenceSwitched:
		n.Switched, err = body[migration.Switched](e)
	case migration.EvidenceHold:
		n.Hold, err = body[migration.Hold](e)
	case migration.EvidenceLeft:
		var l *migration.Left
		if l, err = body[migration.Left](e); err == nil {
			n.Left = appended(s.Left, *l)
		}
	case migration.EvidenceJudge:
		var l *Live
		if l, err = body[Live](e); err == nil {
			n.Live = *l
		}
	}
	return n, err
}

func body[T any](e migration.Evidence) (*T, error) {
	var v T
	if err := json.Unmarshal(e.Body, &v); err != nil {
		return nil, fmt.Errorf("evidence %s: %w", e.Kind, err)
	}
	return &v, nil
}

func attachRCA(list []migration.Incident, rca migration.RCA) []migration.Incident {
	out := slices.Clone(list)
	for i := range out {
		if out[i].ID == rca.Incident {
			out[i].RCA = &rca
		}
	}
	return out
}
