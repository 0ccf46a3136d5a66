package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/dns/memory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// past is everything that was journalled, and what each record led to.
type past struct {
	recs   []migration.Record
	states []runbook.State // states[n] is the one after n records
}

// history checks what must hold of every run, whatever failed in it. It gives
// everything that does not hold.
func (l *life) history(h past) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, c := range l.rig.Unbounded() {
		bad("the call %s has no deadline", c)
	}
	l.intended(h, bad)
	l.zone(h.recs, bad)
	l.oneWay(h, bad)
	l.waits(h, bad)
	return out
}

func (l *life) past() past {
	recs := l.records()
	return past{recs, l.states(recs)}
}

// end is the last state.
func (h past) end() runbook.State { return h.states[len(h.states)-1] }

// intended: every change that was sent has an intent, journalled before it and
// not yet settled, and goes in the direction of its time.
func (l *life) intended(h past, bad func(string, ...any)) {
	for _, e := range l.rig.Effects() {
		st := h.states[e.Seq]
		if !slices.ContainsFunc(st.Pending, func(i migration.Intent) bool {
			return migration.DigestOf(i.Action) == migration.DigestOf(e.Action)
		}) {
			bad("%s was sent behind record %d without a pending intent", e.Call, e.Seq)
		}
		if _, turn := e.Action.(migration.TurnReturnPath); turn && st.Mode == migration.ModeForward && st.SwitchBegan() {
			bad("%s was sent behind record %d while clients may be on the new side", e.Call, e.Seq)
		}
		if mode := direction(e.Action); !slices.Contains(mode, st.Mode) {
			bad("%s was sent behind record %d while %s", e.Call, e.Seq, st.Mode)
		}
	}
}

// direction gives the modes in which an action may be sent.
func direction(a migration.Action) []migration.Mode {
	switch a := a.(type) {
	case migration.SwapRecords:
		switch a.Purpose {
		case migration.ForRollback:
			return []migration.Mode{migration.ModeRollback}
		case migration.ForRestoreTTL:
			return []migration.Mode{migration.ModeForward, migration.ModeAborting}
		}
	case migration.Scale:
		return []migration.Mode{migration.ModeRollback}
	case migration.Remove:
		if a.Part == migration.PartReturnPath {
			return []migration.Mode{migration.ModeForward, migration.ModeAborting}
		}
		return []migration.Mode{migration.ModeAborting}
	case migration.TurnReturnPath:
		if a.To == migration.OldSide {
			return []migration.Mode{migration.ModeForward, migration.ModeRollback}
		}
	}
	return []migration.Mode{migration.ModeForward}
}

// zone: whatever stood in the zone was named by an intent that was journalled
// before it, nobody else's record was touched, and the name always led to a
// side that answers.
func (l *life) zone(recs []migration.Record, bad func(string, ...any)) {
	old := l.World.opts.Spec.OldEntry.Addresses
	ours := map[string]bool{}
	for _, n := range l.World.opts.Spec.Names {
		ours[n.Name] = true
	}
	addresses := newAddresses(recs)
	for n, c := range l.World.DNS.Log() {
		if c.By != memory.Rehome {
			continue
		}
		if !slices.ContainsFunc(swaps(recs, c.At.Add(l.skew)), func(s migration.SwapRecords) bool {
			return s.Purpose == c.Purpose && migration.SetsMatch(c.After, s.After, true) && migration.SetsMatch(s.After, c.After, true)
		}) {
			bad("change %d of the zone (%s) is named by no intent", n, c.Purpose)
		}
		for _, s := range c.After {
			if ours[s.Name] && !slices.Equal(s.Data, old) && (len(s.Data) != 1 || !addresses[s.Data[0]]) {
				bad("change %d of the zone led %s to %v", n, s.Name, s.Data)
			}
		}
	}
}

// swaps are the changes of records that were intended by then.
func swaps(recs []migration.Record, by time.Time) []migration.SwapRecords {
	var out []migration.SwapRecords
	for _, i := range intents(recs, by) {
		if s, ok := i.Action.(migration.SwapRecords); ok {
			out = append(out, s)
		}
	}
	return out
}

func intents(recs []migration.Record, by time.Time) []migration.Intent {
	var out []migration.Intent
	for _, r := range recs {
		if r.Kind == migration.KindIntent && !r.At.After(by) {
			out = append(out, decoded[migration.Intent](r))
		}
	}
	return out
}

// newAddresses are those that a switch led the name to.
func newAddresses(recs []migration.Record) map[string]bool {
	out := map[string]bool{}
	for _, s := range swaps(recs, time.Now().Add(longest)) {
		if s.Purpose != migration.ForSwitch {
			continue
		}
		for _, a := range s.After {
			for _, d := range a.Data {
				out[d] = true
			}
		}
	}
	return out
}

// oneWay: after the turn back no forward step of that attempt is taken.
func (l *life) oneWay(h past, bad func(string, ...any)) {
	turned := map[int]uint64{}
	for n, r := range h.recs {
		was, st := h.states[n], h.states[n+1]
		if st.Mode != migration.ModeForward && turned[st.Attempt] == 0 {
			turned[st.Attempt] = r.Seq
		}
		if turned[st.Attempt] == 0 {
			continue
		}
		if st.Mode == migration.ModeForward {
			bad("record %d goes forward again in attempt %d, which turned at %d", r.Seq, st.Attempt, turned[st.Attempt])
		}
		if r.Kind == migration.KindIntent {
			if i := decoded[migration.Intent](r); i.Step.Index() > 0 {
				bad("record %d intends the forward step %s after the turn at %d", r.Seq, i.Step, turned[st.Attempt])
			}
		}
		if was.Mode == migration.ModeRolledBack && st.Mode == migration.ModeRolledBack && r.Kind == migration.KindIntent {
			bad("record %d acts after the end", r.Seq)
		}
	}
}

// waits: none was shortened, and nothing was passed blind.
func (l *life) waits(h past, bad func(string, ...any)) {
	for n, r := range h.recs {
		was, st := h.states[n], h.states[n+1]
		if r.Kind != migration.KindMoved || st.Mode != migration.ModeForward && st.Mode != migration.ModeRetired {
			continue
		}
		l.left(was, was.Step, r.At, func(format string, args ...any) {
			bad("record %d leaves %s: %s", r.Seq, was.Step, fmt.Sprintf(format, args...))
		})
	}
}

// left checks one step that is left forward.
func (l *life) left(st runbook.State, step migration.Step, at time.Time, bad func(string, ...any)) {
	p := st.Policy
	early := func(since time.Time, wait time.Duration) {
		if at.Before(since.Add(wait)) {
			bad("%s after %s, required %s", at.Sub(since), since.Format(time.TimeOnly), wait)
		}
	}
	switch step {
	case migration.StepLead:
		early(st.TTLLow.Since, max(p.Lead, time.Duration(st.TTLLow.Highest)*time.Second))
	case migration.StepWatch, migration.StepValidate, migration.StepHold:
		if kind := st.Live.Judge.Verdict.Kind; kind == analysis.Blind || kind == analysis.Bad || kind == "" {
			bad("the verdict is %q", kind)
		}
		switch step {
		case migration.StepWatch:
			early(st.Switched.At, p.Watch)
		case migration.StepValidate:
			early(st.Switched.At, p.RestartFree)
		case migration.StepHold:
			early(st.Hold.Since, p.Hold)
		}
	case migration.StepRetire:
		early(st.Hold.Since, p.Hold)
		early(st.Switched.At, p.Residual)
	}
}

func decoded[B any](r migration.Record) B {
	var b B
	if err := json.Unmarshal(r.Body, &b); err != nil {
		panic(err)
	}
	return b
}

// namesBack: every name server leads to the old side.
func (l *life) namesBack(bad func(string, ...any)) {
	for _, name := range l.World.opts.Spec.Names {
		for _, server := range []string{"ns1", "ns2"} {
			set, ok := l.World.DNS.Served(server, name.Zone, name.View, name.Name, "A")
			if !ok || !slices.Equal(set.Data, l.World.opts.Spec.OldEntry.Addresses) {
				bad("%s gives %v for %s at the end", server, set.Data, name.Name)
			}
		}
	}
}

// turnedBack: after a rollback the balancer leads to the old side, where the cluster
// could be reached for long enough; DNS was not waited for longer than it may be.
func (l *life) turnedBack(h past, bad func(string, ...any)) {
	if h.end().Mode != migration.ModeRolledBack {
		return
	}
	facts, err := l.World.Cluster.Observe(context.WithoutCancel(l.ctx), l.World.opts.Spec, migration.Production)
	if err != nil {
		bad("look at the cluster: %v", err)
	}
	for _, e := range facts.Exposures {
		if len(facts.ReturnPaths) == 0 {
			continue // it was removed with the old side's release
		}
		if e.Leads != migration.OldSide || e.ReadyOld == 0 {
			bad("the balancer of %s does not lead to the old side at the end: %+v", e.Workload, e)
		}
	}
}

// besideReturnPath leaves out what DNS did not wait for, and what is made good later.
func besideReturnPath(left []migration.Left) []migration.Left {
	return slices.DeleteFunc(slices.Clone(left), func(l migration.Left) bool { return l.What == runbook.Title(migration.StepReturnPath) })
}

// atRest: the new side is scaled to nothing.
func (l *life) atRest(bad func(string, ...any)) {
	facts, err := l.World.Cluster.Observe(l.ctx, l.World.opts.Spec, migration.Production)
	if err != nil {
		bad("look at the cluster: %v", err)
	}
	for _, w := range facts.Workloads {
		if w.Desired != 0 {
			bad("%s still has %d replicas", w.Name, w.Desired)
		}
	}
}
