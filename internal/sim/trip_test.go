package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/dns/memory"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// trip is the migration of one seed.
type trip struct {
	*life
	*plan
	wrong   time.Duration // of the clock of the machine that drives
	armed   []time.Time   // when each event's step was entered
	fired   []bool
	running []lasting
	busy    bool // an event is being played
	stands  migration.Position
	since   time.Time     // when it came to stand there
	asks    time.Time     // since when a person is asked without an answer
	touched bool          // somebody has changed the record
	failed  atomic.Int64  // calls
	excused time.Duration // for which nobody could judge
	at      []time.Time   // when each record was journalled, by the world's clock
}

// lasting is an event that has begun and ends.
type lasting struct {
	until time.Time
	event event
}

// begin declares the migration of a seed in the bubble that it is called in.
func begin(t *testing.T, seed uint64) *trip {
	p := draw(seed, faults.BubbleClock{}.Now())
	tr := &trip{plan: p, armed: make([]time.Time, len(p.events)), fired: make([]bool, len(p.events))}
	rig := &faults.Rig{}
	tr.life = live(t, p.options, rig)
	for i, d := range p.stretches {
		tr.World.resolvers[i].stretch = d
	}
	tr.clock = jumping{tr.World.Clock, &tr.wrong}
	tr.seen = tr.happens
	rig.Choose = func(c faults.Call) faults.Fault {
		f := p.choose(c)
		if f != faults.None {
			tr.failed.Add(1)
		}
		return f
	}
	return tr
}

// happens plays what is due at an event of the engine.
func (tr *trip) happens(e engine.Event) {
	now := tr.World.Clock.Now()
	for r := e.Record; r != nil && uint64(len(tr.at)) < r.Seq; {
		tr.at = append(tr.at, now)
	}
	if tr.busy { // in the midst of another one
		return
	}
	for i, ev := range tr.events {
		if tr.armed[i].IsZero() && e.Record != nil && e.State.Step == ev.step {
			tr.armed[i] = now
		}
	}
	tr.mend(now)
	tr.asked(e, now)
	for i, ev := range tr.events {
		if !tr.armed[i].IsZero() && !tr.fired[i] && !now.Before(tr.armed[i].Add(ev.after)) {
			tr.fired[i] = true
			tr.play(ev)
		}
	}
}

// How long a person lets himself be asked, and how long he looks at the same step,
// before he decides.
const (
	answers = 5 * time.Minute
	patient = 15 * time.Minute
)

// asked lets the person decide while the process goes on looking.
func (tr *trip) asked(e engine.Event, now time.Time) {
	if e.State.Position != tr.stands {
		tr.stands, tr.since, tr.asks = e.State.Position, now, time.Time{}
	}
	if e.Decision == nil {
		return
	}
	if _, ask := e.Decision.(runbook.Ask); !ask {
		tr.asks = time.Time{}
	} else if tr.asks.IsZero() {
		tr.asks = now
	}
	if now.Sub(tr.since) > patient || !tr.asks.IsZero() && now.Sub(tr.asks) > answers {
		tr.busy, tr.since, tr.asks = true, now, time.Time{}
		tr.decide()
		tr.busy = false
	}
}

func (tr *trip) play(ev event) {
	tr.busy = true
	defer func() { tr.busy = false }()
	tr.note("! %s", ev.what.name)
	if !ev.what.quiet {
		tr.excused += ev.lasts + 2*engine.LeaseTTL
	}
	if ev.what.long {
		tr.running = append(tr.running, lasting{tr.World.Clock.Now().Add(ev.lasts), ev})
	}
	ev.what.do(tr, ev)
}

// mend ends what has lasted for long enough.
func (tr *trip) mend(now time.Time) {
	tr.running = slices.DeleteFunc(tr.running, func(r lasting) bool {
		over := !now.Before(r.until)
		if over {
			r.event.what.undo(tr, r.event)
		}
		return over
	})
}

func (tr *trip) try(err error) {
	if err != nil {
		tr.note("! %v", err)
	}
}

// mostIdle is how often a process may leave at the same place before the person
// decides otherwise.
const mostIdle = 3

// tell drives to an end, and gives everything that does not hold.
func (tr *trip) tell() (found []string) {
	defer func() {
		if s, ok := recover().(stuck); ok {
			found = append(found, "it goes in a circle: no end after "+string(s))
		}
	}()
	idle := 0
	for !tr.ended() {
		if tr.lives >= mostLives {
			return append(tr.judged(), fmt.Sprintf("still %s/%s after %d processes", tr.now.Mode, tr.now.Step, tr.lives))
		}
		d, err := tr.process(true)
		pause := time.Second
		var held *engine.HeldError
		switch {
		case errors.As(err, &held):
			pause = held.Until.Sub(tr.World.Clock.Now())
		case err != nil:
			tr.note("ended: %v", err)
		default:
			idle++
			pause = 10 * time.Second
			tr.note("left: %s %v", runbook.DecisionName(d), texts(failing(d)))
		}
		tr.try(tr.World.Clock.Sleep(tr.ctx, max(pause, time.Second)))
		tr.mend(tr.World.Clock.Now())
		if idle >= mostIdle && !tr.ended() {
			idle = 0
			tr.decide()
		}
	}
	tr.mend(tr.World.Clock.Now().Add(ever))
	tr.rig.Deliver()
	return tr.judged()
}

func (tr *trip) ended() bool {
	return slices.Contains([]migration.Mode{migration.ModeRolledBack, migration.ModeRetired, migration.ModeAborted}, tr.now.Mode)
}

// decide is what a person does where nothing goes on by itself: what others have
// changed is put back by hand, and otherwise it goes back.
func (tr *trip) decide() {
	switch {
	case tr.touched && tr.now.Mode != migration.ModeForward:
		tr.foreign(tr.options.Spec.OldEntry.Addresses...)
	case tr.now.Mode == migration.ModeForward:
		tr.order(1)
		tr.giveUp()
	}
}

// person is a process of somebody who says something.
func (tr *trip) person() *engine.Engine {
	return engine.New(tr.World.Ports(), tr.key, "angua@laptop", nil)
}

// order orders the way back, so many times, where there is one.
func (tr *trip) order(times int) {
	p := tr.person()
	for range times {
		if st, err := p.State(tr.ctx); err != nil || !st.SwitchBegan() || st.Mode != migration.ModeForward && st.Mode != migration.ModeRollback {
			return
		}
		tr.try(p.Rollback(tr.ctx, Operator, ""))
	}
}

// giveUp aborts what has not been switched.
func (tr *trip) giveUp() {
	p := tr.person()
	if st, err := p.State(tr.ctx); err != nil || st.SwitchBegan() || st.Mode != migration.ModeForward {
		return
	}
	tr.try(p.Said(tr.ctx, Operator, func(runbook.State) ([]engine.Saying, error) {
		return []engine.Saying{{Kind: migration.KindAbort, Body: migration.Said{Text: "not today"}}}, nil
	}))
}

func (tr *trip) again() { tr.try(tr.Declare(tr.ctx, tr.options.Spec)) }

func (tr *trip) waive() {
	tr.try(tr.say(tr.ctx, func(st runbook.State) (out []engine.Saying) {
		for _, w := range Waivers(st, Operator, tr.World.Clock.Now().Add(time.Hour))[:2] {
			out = append(out, engine.Saying{Kind: migration.KindWaived, Body: w})
		}
		return out
	}))
}

// leap lets the clock of the driving machine be wrong by so much more.
func (tr *trip) leap(by time.Duration) {
	tr.wrong += by
	tr.skew += by.Abs()
}

// loseLease lets the process stand still for so long that somebody else takes the
// lease, who then does nothing with it.
func (tr *trip) loseLease() {
	tr.World.Pass(engine.LeaseTTL + time.Second)
	_, err := tr.World.Journal.Acquire(tr.ctx, tr.key, "carrot@laptop", engine.LeaseTTL)
	tr.try(err)
}

// second is another process that tries to drive as well, three times.
func (tr *trip) second() {
	e := engine.New(tr.rig.Wrap(tr.World.Ports()), tr.key, "rehome@second", nil)
	defer func() {
		switch p := recover().(type) {
		case nil, faults.Killed:
		default:
			panic(p)
		}
	}()
	for range 3 {
		_, err := e.Step(context.WithoutCancel(tr.ctx))
		tr.try(err)
	}
}

// foreign changes the record of the first name past rehome.
func (tr *trip) foreign(data ...string) {
	tr.World.catchUp()
	tr.touched = true
	n := tr.options.Spec.Names[0]
	tr.try(tr.World.DNS.Set("vimes", n.Zone, n.View, migration.RRset{Name: n.Name, Type: "A", TTL: 60, Data: data}))
}

// judged holds the history against what must hold of every migration.
func (tr *trip) judged() []string {
	h := tr.past()
	found := tr.history(h)
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	tr.untouched(bad)
	tr.verdicts(h, bad)
	switch end := h.end(); {
	case end.Mode == migration.ModeRetired && tr.bad:
		bad("a bad release was kept")
	case end.Mode == migration.ModeRolledBack && !tr.touched:
		tr.namesBack(bad)
		fallthrough
	case end.Mode == migration.ModeRolledBack:
		if len(end.Left) == 0 {
			tr.atRest(bad)
		}
	}
	return found
}

// untouched: what somebody else has put into the zone is not overwritten, unless it
// is what stood there before the switch.
func (tr *trip) untouched(bad func(string, ...any)) {
	n := tr.options.Spec.Names[0]
	foreign := false
	for i, c := range tr.World.DNS.Log() {
		for _, s := range c.After {
			if s.Name != n.Name || s.Type != "A" {
				continue
			}
			if c.By == memory.Rehome && foreign {
				bad("change %d of the zone (%s) overwrites what somebody else has put there", i, c.Purpose)
			}
			foreign = c.By != memory.Rehome && !slices.Equal(s.Data, tr.options.Spec.OldEntry.Addresses)
		}
	}
}

// seenWithin is how long a bad release may serve where nothing keeps anybody from
// seeing it, and perFault what is added for each call that failed.
const (
	seenWithin = 45 * time.Second
	perFault   = 10 * time.Second
)

// verdicts: a good release is never called bad, and a bad one is led back in time.
func (tr *trip) verdicts(h past, bad func(string, ...any)) {
	var switched, turned time.Time
	for n, st := range h.states[1:] {
		kind := st.Live.Judge.Verdict.Kind
		if kind == analysis.Bad && !tr.bad {
			bad("record %d calls a good release bad", n+1)
			return
		}
		if n >= len(tr.at) {
			break
		}
		if switched.IsZero() && !st.Switched.At.IsZero() {
			switched = tr.at[n]
		}
		if turned.IsZero() && !switched.IsZero() && st.Mode != migration.ModeForward {
			turned = tr.at[n]
		}
	}
	if !tr.bad || switched.IsZero() || tr.touched {
		return
	}
	within := seenWithin + tr.excused + time.Duration(tr.failed.Load())*perFault
	if until := tr.World.Clock.Now(); turned.IsZero() && until.Sub(switched) > within {
		bad("a bad release has served for %s, %s at most can be excused", until.Sub(switched), within)
	} else if took := turned.Sub(switched); took > within {
		bad("a bad release was led back after %s, %s at most can be excused", took, within)
	}
}
