package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// slowly lets every taking of facts last, and counts them.
func (b *bench) slowly(d time.Duration, meanwhile func()) *int {
	n := 0
	b.rig.Choose = func(c faults.Call) faults.Fault {
		if c.Op == "machines.inventory" {
			n++
			if meanwhile != nil {
				time.Sleep(d / 2)
				meanwhile()
				time.Sleep(d / 2)
			} else {
				time.Sleep(d)
			}
		}
		return faults.None
	}
	return &n
}

// TestFactsTakeLonger: the facts of the machines take longer than the lease
// lasts. Nobody takes it meanwhile, and it is told that something goes on.
func TestFactsTakeLonger(t *testing.T) {
	inWorld(t, func(b *bench) {
		var told []string
		var other error
		b.slowly(time.Minute, func() {
			_, other = b.world.Journal.Acquire(b.Context(), b.key, "another", engine.LeaseTTL)
		})
		e := b.process("one", func(e engine.Event) {
			if e.Looking != "" {
				told = append(told, e.Looking)
			}
		})
		d := b.step(e)
		if m, ok := d.(runbook.Move); !ok || m.To.Step != migration.StepContainer {
			b.Fatalf("%s %v", runbook.DecisionName(d), d.Why())
		}
		var held *engine.HeldError
		if !errors.As(other, &held) || held.Holder != "one" {
			b.Errorf("half-way the lease was to be had: %v", other)
		}
		if len(told) < 11 || !strings.Contains(told[5], "facts are taken on vm-bank-1.golemtrust.am: 30s of 1m0s") {
			b.Errorf("told %d times: %q", len(told), told)
		}
	})
}

// TestFactsThatNeverCome: a probe that hangs is unknown after its bound, holds the
// step up, and is no error.
func TestFactsThatNeverCome(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "machines.inventory" {
				return faults.Hangs
			}
			return faults.None
		}
		began := b.world.Clock.Now()
		d := b.step(b.process("one", nil))
		if took := b.world.Clock.Now().Sub(began); took != time.Minute+45*time.Second {
			b.Errorf("it took %s", took)
		}
		if _, blocked := d.(runbook.Block); !blocked {
			b.Errorf("%s %v", runbook.DecisionName(d), d.Why())
		}
	})
}

// TestAbortDoesNotWaitForFacts: who gives the move up while facts are taken is
// heard at the next renewal of the lease, and what was begun is broken off.
func TestAbortDoesNotWaitForFacts(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "machines.inventory" {
				return faults.Hangs
			}
			return faults.None
		}
		person := engine.New(b.world.Ports(), b.key, "angua", nil)
		said := false
		e := b.process("one", func(e engine.Event) {
			if e.Looking == "" || said {
				return
			}
			said = true
			if err := person.Said(context.WithoutCancel(b.Context()), "angua", func(runbook.State) ([]engine.Saying, error) {
				return []engine.Saying{{Kind: migration.KindAbort, Body: migration.Said{}}}, nil
			}); err != nil {
				b.Error(err)
			}
		})
		began := b.world.Clock.Now()
		if d, err := e.Step(b.Context()); !errors.Is(err, engine.ErrFenced) {
			b.Errorf("decided %v, %v", d, err)
		}
		if took := b.world.Clock.Now().Sub(began); took > engine.LeaseTTL {
			b.Errorf("the abort was heard after %s", took)
		}
		if d, err := e.Run(b.Context(), true); err != nil || b.state.Mode != migration.ModeAborted {
			b.Errorf("ended as %s: %v, %v", b.state.Mode, d, err)
		}
	})
}

// TestTakenOnceAtGo: what is done at go, the smoke test, changes no machine; facts
// that are young enough are not taken again for it.
func TestTakenOnceAtGo(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		b.until(e, migration.StepGo)
		b.sleep(16 * time.Minute)
		n := b.slowly(0, nil)
		b.until(e, migration.StepSwitch)
		if *n != 1 {
			b.Errorf("facts were taken %d times at go", *n)
		}
		assessed := b.state.Assessed
		if assessed == nil || b.world.Clock.Now().Sub(assessed.Oldest) > 15*time.Minute {
			b.Errorf("the switch rests on %+v", assessed)
		}
	})
}

// TestNothingOfTheFactsIsJournalled: the journal names what was found, never what
// it was found in.
func TestNothingOfTheFactsIsJournalled(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		b.until(e, migration.StepContainer)
		for _, r := range b.all() {
			for _, fact := range []string{"BANK_DATABASE\"", "smaps", "\"listeners\"", "keyId"} {
				if strings.Contains(string(r.Body), fact) {
					b.Errorf("record %d (%s) holds %s", r.Seq, r.Kind, fact)
				}
			}
		}
		if b.state.Assessed == nil || len(b.state.Assessed.Facts) != 64 {
			b.Errorf("assessed %+v", b.state.Assessed)
		}
	})
}
