package runbook

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// play applies decisions to a world and a journal as the engine does: the
// intent before the effect, another look, the outcome after it. It has no I/O
// and no goroutine, so that whole histories fit into a test.
type play struct {
	w     *world
	s     State
	recs  []migration.Record
	facts Facts
	taken map[string]time.Time
	// crash makes the process die right after the next intents are journalled.
	crash bool
	dead  bool
	// crashIn makes it die in a drill of that name.
	crashIn migration.StagingDrill
	// heard sees every decision and every record, in order.
	heard func(State, Decision, *migration.Record)
	err   error
}

func newPlay(w *world) *play {
	return &play{w: w, facts: noFacts(), taken: map[string]time.Time{}}
}

func noFacts() Facts {
	return Facts{
		DNS:     map[string]migration.Observed[migration.ZoneFacts]{},
		Cluster: map[migration.Env]migration.Observed[migration.ClusterFacts]{},
		Probe:   map[migration.Side]migration.Observed[migration.ProbeFacts]{},
	}
}

// clone goes its own way from here.
func (p *play) clone() *play {
	c := *p
	c.w, c.taken = p.w.clone(), maps.Clone(p.taken)
	c.recs = p.recs[:len(p.recs):len(p.recs)]
	c.heard = nil
	return &c
}

func (p *play) record(kind migration.RecordKind, actor string, why []migration.Reason, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r := migration.Record{Migration: key, At: p.w.now, Kind: kind, Actor: actor, Position: p.s.Position, Reasons: why, Body: b}
	if kind.Acting() {
		r.Fence = p.s.Fence
	}
	r = journal.Seal(p.s.Head, r)
	next, err := Apply(p.s, r)
	if err != nil {
		p.err = err
		return
	}
	p.recs = append(p.recs, r)
	p.s = next
	if p.heard != nil {
		p.heard(p.s, nil, &r)
	}
}

// says journals what a person says.
func (p *play) says(actor string, kind migration.RecordKind, body any) {
	p.record(kind, actor, nil, body)
}

// declare begins the migration, or edits its file.
func (p *play) declare(actor string, spec migration.Spec, policy migration.Policy) {
	body := migration.Declared{Spec: spec, Policy: policy, File: key + ".yaml"}
	if p.s.Head.Seq > 0 {
		body.Change = Edited(p.s.Spec, spec)
	}
	p.w.spec = spec
	p.says(actor, migration.KindDeclared, body)
}

// rollback is a person's order to go back.
func (p *play) rollback(actor string) {
	inc := NewIncident(p.s, p.w.now, actor, "rolled back by "+actor, nil)
	p.says(actor, migration.KindRollback, migration.Said{})
	p.says(actor, migration.KindIncident, inc)
}

// restart forgets everything but the journal, as a killed process does. What
// the journal leads to must be what was held in memory, but for the live part.
func (p *play) restart() error {
	s, err := Fold(p.recs)
	if err != nil {
		return err
	}
	live := p.s
	live.Live = s.Live
	if !reflect.DeepEqual(live, s) {
		return fmt.Errorf("the journal folds to another state:\n%s\n%s", asJSON(live), asJSON(s))
	}
	p.s, p.facts, p.taken, p.dead, p.crash, p.crashIn = s, noFacts(), map[string]time.Time{}, false, false, ""
	return nil
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (p *play) observe(queries []Query) {
	for _, q := range queries {
		id := string(q.Kind) + "/" + q.Key()
		if at, ok := p.taken[id]; ok && q.MaxAge > 0 && p.w.now.Sub(at) < q.MaxAge {
			continue
		}
		p.facts = p.w.answer(p.facts, q)
		p.taken[id] = p.w.now
	}
}

// decide looks and decides, and changes nothing but the live part.
func (p *play) decide() Decision {
	p.observe(Needs(p.s, p.w.now))
	p.s = Look(p.s, p.facts, p.w.now)
	return Next(p.s, p.facts, p.w.now)
}

// step turns the loop once.
func (p *play) step() Decision {
	p.observe(Needs(p.s, p.w.now))
	p.s = Look(p.s, p.facts, p.w.now)
	if ev, due := Snapshot(p.s, p.w.now); due {
		p.record(migration.KindEvidence, migration.Actor, nil, ev)
	}
	d := Next(p.s, p.facts, p.w.now)
	if p.heard != nil {
		p.heard(p.s, d, nil)
	}
	p.carryOut(d)
	return d
}

func (p *play) carryOut(d Decision) {
	switch d := d.(type) {
	case Act:
		for _, i := range d.Intents {
			p.record(migration.KindIntent, migration.Actor, d.Reasons, i)
		}
		if p.crash || slices.ContainsFunc(d.Intents, func(i migration.Intent) bool {
			run, ok := i.Action.(migration.RunDrill)
			return ok && run.Drill == p.crashIn
		}) {
			p.dead = true
			return
		}
		for _, i := range d.Intents {
			p.perform(i)
		}
	case Settle:
		p.record(migration.KindOutcome, migration.Actor, d.Reasons, migration.Settled{Intent: d.Intent, Outcome: d.Outcome})
	case Move:
		if d.Incident != nil {
			p.record(migration.KindIncident, migration.Actor, d.Reasons, *d.Incident)
		}
		p.record(migration.KindMoved, migration.Actor, d.Reasons, migration.Moved{From: p.s.Position, To: d.To, Evidence: d.Evidence})
	case Note:
		for _, ev := range d.Evidence {
			p.record(migration.KindEvidence, migration.Actor, d.Reasons, ev)
		}
	}
}

func (p *play) perform(i migration.Intent) {
	p.observe(Recheck(p.s, i))
	outcome, res, why := migration.OutcomeNotDone, migration.Result{}, Confirm(p.s, i, p.facts, p.w.now)
	if len(why) > 0 {
		res.Detail = "looked again: " + why[0].Text
	} else {
		outcome, res = p.w.do(i.Action)
		maps.DeleteFunc(p.taken, func(id string, _ time.Time) bool { return id != string(QueryInventory)+"/" })
		if _, swap := i.Action.(migration.SwapRecords); swap && outcome == migration.OutcomeDone {
			outcome = migration.OutcomeUnknown // until every name server was seen to serve it
		}
	}
	p.record(migration.KindOutcome, migration.Actor, why, migration.Settled{Intent: i.ID, Outcome: outcome, Result: res})
}

// busy is how many decisions may follow each other while no time passes.
const busy = 60

// run turns the loop for at most d, or until stop says so, and says how the
// last decision looked. A loop that never rests is an error.
func (p *play) run(d time.Duration, stop func(State, Decision) bool) Decision {
	end := p.w.now.Add(d)
	still := 0
	for p.err == nil {
		dec := p.step()
		if p.dead || (stop != nil && stop(p.s, dec)) {
			return dec
		}
		pause, leave := rest(dec, p.w.now)
		if leave || p.w.now.Add(pause).After(end) {
			p.w.pass(max(end.Sub(p.w.now), 0))
			return dec
		}
		if still++; pause > 0 {
			still = 0
		}
		if still > busy {
			p.err = fmt.Errorf("the loop does not rest at %s %s: %s %s", p.s.Mode, p.s.Step, DecisionName(dec), asJSON(dec))
		}
		p.w.pass(pause)
	}
	return nil
}

// rest says how long the engine rests after a decision, or that it leaves.
func rest(d Decision, now time.Time) (pause time.Duration, leave bool) {
	switch d := d.(type) {
	case Watch:
		return d.Every, false
	case Wait:
		return d.Until.Sub(now), false
	case Ask:
		return d.Every, d.Every == 0
	case Block, Finished:
		return 0, true
	}
	return 0, false
}
