package report

import (
	"fmt"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Change is one compare-and-swap of DNS record sets. Actor is who drove the
// procedure when it was made.
type Change struct {
	Attempt  int               `json:"attempt"`
	Step     migration.Step    `json:"step"`
	Purpose  migration.Purpose `json:"purpose"`
	Zone     string            `json:"zone"`
	View     string            `json:"view,omitempty"`
	Provider string            `json:"provider"`
	Actor    string            `json:"actor"`
	At       time.Time         `json:"at"`
	Settled  time.Time         `json:"settled,omitzero"` // when every server served it, or it was refused
	Took     Span              `json:"tookSeconds"`
	Outcome  migration.Outcome `json:"outcome"`
	Detail   string            `json:"detail,omitempty"`
	Before   []migration.RRset `json:"before"`
	After    []migration.RRset `json:"after"`
	Diff     []string          `json:"diff"`
	Intent   string            `json:"intent"`
}

// intent remembers an action that was begun.
func (t *teller) intent(i migration.Intent) error {
	a := t.here()
	n := len(a.Stays) - 1
	s := &a.Stays[n]
	t.deeds[i.ID] = place{a, n, len(s.Actions)}
	s.Actions = append(s.Actions, Deed{Intent: i.ID, What: describe(i.Action), At: i.At})
	switch act := i.Action.(type) {
	case migration.SaveLogs:
		t.saves[i.ID] = act.Incident
	case migration.SwapRecords:
		c := &Change{
			Attempt: i.Attempt, Step: i.Step, Purpose: act.Purpose, Zone: act.Zone, View: act.View, Provider: act.Provider,
			Actor: migration.Actor, At: i.At, Before: act.Before, After: act.After, Diff: migration.DiffSets(act.Before, act.After), Intent: i.ID,
		}
		t.changes = append(t.changes, c)
		t.swaps[i.ID] = c
	}
	return nil
}

// settle says how an action ended. An outcome that is not known yet is only a
// detail: the next one tells.
func (t *teller) settle(b migration.Settled, r migration.Record) {
	p, known := t.deeds[b.Intent]
	if !known {
		return
	}
	d := &p.attempt.Stays[p.stay].Actions[p.deed]
	if !d.Settled.IsZero() {
		return
	}
	if text := detail(b, r.Reasons); text != "" {
		d.Detail = text
	}
	d.Outcome = b.Outcome
	if b.Outcome != migration.OutcomeUnknown {
		d.Settled, d.Took = r.At, Span(r.At.Sub(d.At))
	}
	if inc, ok := t.saves[b.Intent]; ok {
		t.files[inc] = append(t.files[inc], b.Result.Files...)
	}
	if c, ok := t.swaps[b.Intent]; ok {
		c.Settled, c.Took, c.Outcome, c.Detail = d.Settled, d.Took, d.Outcome, d.Detail
		t.markSwap(p.attempt, *c)
	}
}

// detail is what is known about an outcome.
func detail(b migration.Settled, why []migration.Reason) string {
	switch {
	case b.Result.Smoke != nil:
		return fmt.Sprintf("%d tests ran, %d failed", b.Result.Smoke.Ran, b.Result.Smoke.Failed)
	case b.Result.Trial != nil:
		return b.Result.Trial.Text()
	case b.Result.Drill != nil:
		return fmt.Sprintf("%s: %s", b.Result.Drill.Verdict, b.Result.Drill.Text)
	case len(why) > 0:
		return why[0].Text
	}
	return b.Result.Detail
}

// describe is an action in a few words.
func describe(a migration.Action) string {
	switch a := a.(type) {
	case migration.SwapRecords:
		return fmt.Sprintf("change records of %s (%s)", migration.ZoneKey(a.Zone, a.View), a.Purpose)
	case migration.Apply:
		return fmt.Sprintf("apply the %s of %s in %s", a.Part, a.Workload, a.Env)
	case migration.Remove:
		return fmt.Sprintf("remove the %s of %s from %s", a.Part, a.Workload, a.Env)
	case migration.Scale:
		return fmt.Sprintf("scale %s in %s to %d", a.Workload, a.Env, a.Replicas)
	case migration.RunSmoke:
		return fmt.Sprintf("run the smoke suite against %s through %s", a.Env, a.Via)
	case migration.TurnReturnPath:
		return fmt.Sprintf("turn the balancer of %s in %s to the %s side", a.Workload, a.Env, a.To)
	case migration.TryReturnPath:
		return fmt.Sprintf("send load to %s in %s by the return path", a.Workload, a.Env)
	case migration.RunDrill:
		return fmt.Sprintf("make the drill %s of %s in %s", a.Drill, a.Workload, a.Env)
	case migration.SaveLogs:
		return fmt.Sprintf("save the logs of %s for incident %s", a.Workload, a.Incident)
	}
	return migration.ActionName(a)
}
