package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// Bounds on one run. What reaches one goes in a circle.
const (
	longest   = 3 * time.Hour // of virtual time
	mostSteps = 6000
	mostLives = 60 // processes
)

// shortOptions is the example with every wait shortened, so that a whole story
// is a matter of minutes of virtual time.
func shortOptions(image string) Options {
	o := ExampleOptions(image, faults.BubbleClock{}.Now(), 1)
	o.Clock = faults.BubbleClock{}
	o.Rate, o.Resolvers, o.TTL = 40, 4, 30
	o.Old.ErrorRate = 0
	o.Releases = map[string]Behaviour{BadImage: {ErrorRate: 0.25, Latency: 20 * time.Millisecond}, GoodImage: {Latency: 20 * time.Millisecond}}
	p := &o.Policy
	p.TTL, p.Lead, p.Watch, p.RestartFree = 10, time.Minute, time.Minute, 30*time.Second
	p.Hold, p.Residual, p.ErrorTolerance = 2*time.Minute, time.Minute, 0.02
	p.BalancerClean, p.BaselineFor, p.BaselineMin = 6*time.Second, 2*time.Minute, 1000
	p.BlindAsk, p.BlindRollback = 20*time.Second, 40*time.Second
	p.Propagation, p.Rollout, p.Drain, p.RollbackBudget = 20*time.Second, time.Minute, 90*time.Second, time.Minute
	// standing waivers keep the journal short
	p.StandingWaivers = Waivers(runbook.State{}, Operator, o.Start.Add(24*time.Hour))
	return o
}

// life is one run of a story: its world, and everything that was seen of it.
type life struct {
	*Story
	rig   *faults.Rig
	ctx   context.Context
	seen  func(engine.Event) // may be nil
	lines []string
	now   migration.Position // as far as anybody was told
	steps int
	lives int
	began time.Time
	clock engine.Clock  // of the machine that drives; nil is the world's
	skew  time.Duration // by which that has been wrong at most
}

// stuck is what a run that goes in a circle panics with.
type stuck string

// live begins a story in the bubble that it is called in.
func live(t *testing.T, o Options, rig *faults.Rig) *life {
	ctx, cancel := context.WithCancel(t.Context()) // no deadline: each call must bring its own
	t.Cleanup(cancel)
	s := &Story{World: New(o), key: o.Spec.Name}
	s.World.Pass(o.Policy.BaselineFor)
	s.Restart(nil)
	if err := s.Declare(ctx, o.Spec); err != nil {
		t.Fatal(err)
	}
	l := &life{Story: s, rig: rig, ctx: ctx, began: s.World.Clock.Now()}
	rig.Now = s.World.Clock.Now
	rig.Head = l.head
	return l
}

func (l *life) note(format string, args ...any) {
	l.lines = append(l.lines, l.World.Clock.Now().Sub(l.began).String()+" "+fmt.Sprintf(format, args...))
}

// transcript is the end of what happened.
func (l *life) transcript() string {
	return strings.Join(l.lines[max(0, len(l.lines)-70):], "\n")
}

func (l *life) notify(e engine.Event) {
	l.now = e.State.Position
	l.rig.Stand(l.now)
	switch {
	case e.Err != nil:
		l.note("error %v", e.Err)
	case e.Record != nil:
		l.note("#%d %s %s", e.Record.Seq, e.Record.Kind, clip(string(e.Record.Body)))
	case e.Decision != nil:
		l.steps++
		if line := fmt.Sprintf("%s/%s %s %s", e.State.Mode, e.State.Step, runbook.DecisionName(e.Decision), clip(strings.Join(texts(failing(e.Decision)), "; "))); len(l.lines) == 0 || !strings.HasSuffix(l.lines[len(l.lines)-1], line) {
			l.note("%s", line)
		}
		if l.steps > mostSteps {
			panic(stuck(fmt.Sprintf("%d steps", l.steps)))
		}
		if l.World.Clock.Now().Sub(l.began) > longest {
			panic(stuck(longest.String()))
		}
	}
	if l.seen != nil {
		l.seen(e)
	}
}

// failing leaves of a decision's reasons those that do not pass.
func failing(d runbook.Decision) runbook.Decision {
	return runbook.Block{Reasons: slices.DeleteFunc(slices.Clone(d.Why()), func(r migration.Reason) bool { return r.Verdict.OK() })}
}

func clip(s string) string { return s[:min(len(s), 160)] }

// process is one process that drives the migration until it leaves, fails or is
// killed.
func (l *life) process(stay bool) (d runbook.Decision, err error) {
	l.lives++
	ports := l.World.Ports()
	if l.clock != nil {
		ports.Clock = l.clock
	}
	e := engine.New(l.rig.Wrap(ports), l.key, fmt.Sprintf("rehome@golem/%d", l.lives), l.notify)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case faults.Killed:
			l.note("killed at %s", p.Call)
			err = errKilled
		default:
			panic(p)
		}
	}()
	return e.Run(l.ctx, stay)
}

var errKilled = errors.New("killed")

// drive starts a process again, as a supervisor or a person would, whenever one
// has ended, until the migration is in one of the modes.
func (l *life) drive(want ...migration.Mode) error {
	return l.driveTo(true, func() bool { return slices.Contains(want, l.now.Mode) })
}

// driveTo is drive to where reached says; without stay each process leaves at waits.
func (l *life) driveTo(stay bool, reached func() bool) (err error) {
	defer func() {
		if s, ok := recover().(stuck); ok {
			err = fmt.Errorf("it goes in a circle: no end after %s", string(s))
		}
	}()
	for {
		d, err := l.process(stay)
		if reached() {
			return nil
		}
		var held *engine.HeldError
		pause := 10 * time.Second
		switch {
		case errors.As(err, &held):
			l.note("%v", err)
			pause = held.Until.Sub(l.World.Clock.Now())
		case err != nil:
			l.note("ended: %v", err)
			pause = time.Second
		default:
			l.note("left: %s %v", runbook.DecisionName(d), texts(failing(d)))
		}
		if l.lives >= mostLives || l.World.Clock.Now().Sub(l.began) > longest {
			return fmt.Errorf("still %s/%s after %d processes", l.now.Mode, l.now.Step, l.lives)
		}
		if err := l.World.Clock.Sleep(l.ctx, pause); err != nil {
			return err
		}
	}
}

// head is the journal's length.
func (l *life) head() uint64 { return l.World.Journal.Len(l.key) }

// records is the whole journal.
func (l *life) records() []migration.Record {
	recs, err := l.World.Journal.Read(context.WithoutCancel(l.ctx), l.key, 0)
	if err != nil {
		panic(err)
	}
	return recs
}

// states are what each record led to, from the empty one on.
func (l *life) states(recs []migration.Record) []runbook.State {
	out := []runbook.State{{}}
	for _, r := range recs {
		s, err := runbook.Apply(out[len(out)-1], r)
		if err != nil {
			panic(err)
		}
		out = append(out, s)
	}
	return out
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
