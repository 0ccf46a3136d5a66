package engine_test

import (
	"errors"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
	"rehome.dev/rehome/internal/sim/faults"
)

func (b *bench) says(kind migration.RecordKind, body any) {
	b.Helper()
	p := engine.New(b.world.Ports(), b.key, "laptop", nil)
	if err := p.Said(b.Context(), sim.Operator, func(runbook.State) ([]engine.Saying, error) {
		return []engine.Saying{{Kind: kind, Body: body}}, nil
	}); err != nil {
		b.Fatal(err)
	}
}

// TestMoved: a decision that rests on a journal which has moved on meanwhile is
// not journalled and not carried out; the next turn folds again.
func TestMoved(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		b.until(e, migration.StepSwitch)
		said := false
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "journal.append" && c.What == "intent" && !said {
				said = true
				b.says(migration.KindNote, migration.Said{Text: "I look on"})
			}
			return faults.None
		}
		if _, err := e.Step(b.Context()); !errors.Is(err, engine.ErrMoved) {
			b.Fatalf("%v, wanted ErrMoved", err)
		}
		if n := len(b.switches()); n > 0 {
			b.Error("the switch was sent without an intent")
		}
		b.until(e, migration.StepWatch)
	})
}

// TestOneActs: while one process has the lease another cannot act, and is told
// who has it; when the lease has ended the other takes over, and the first one
// cannot act any more.
func TestOneActs(t *testing.T) {
	inWorld(t, func(b *bench) {
		suspended := false
		one := b.process("one", func(e engine.Event) {
			if e.Decision == nil || !suspended {
				return
			}
			suspended = false // between its decision and its intent, for longer than its lease
			b.sleep(engine.LeaseTTL)
			if _, err := b.world.Journal.Acquire(b.Context(), b.key, "two", engine.LeaseTTL); err != nil {
				b.Error(err)
			}
		})
		two := b.process("two", nil)
		b.until(one, migration.StepSwitch)
		effects := len(b.rig.Effects())
		var held *engine.HeldError
		_, err := two.Step(b.Context())
		if !errors.As(err, &held) || held.Holder != "one" || !strings.Contains(err.Error(), "one") {
			b.Fatalf("%v, wanted to be told that one holds it", err)
		}
		if len(b.rig.Effects()) != effects {
			b.Error("two has acted")
		}
		suspended = true
		if _, err := one.Step(b.Context()); !errors.Is(err, engine.ErrFenced) {
			b.Fatalf("%v, wanted ErrFenced", err)
		}
		if _, err := one.Step(b.Context()); !errors.As(err, &held) || held.Holder != "two" {
			b.Fatalf("%v, wanted to be told that two holds it", err)
		}
		if len(b.rig.Effects()) != effects {
			b.Error("one has acted without the lease")
		}
		b.until(two, migration.StepWatch)
	})
}

// TestRollbackFromElsewhere: a person's order needs no lease, fences off who
// drives, and is announced and followed by him at once.
func TestRollbackFromElsewhere(t *testing.T) {
	inWorld(t, func(b *bench) {
		ordered, heard := false, 0
		e := b.process("one", func(ev engine.Event) {
			if ev.Record != nil && ev.Record.Kind == migration.KindRollback {
				heard++
			}
			if ev.Decision == nil || ordered || ev.State.Step != migration.StepWatch {
				return
			}
			ordered = true
			if err := engine.New(b.world.Ports(), b.key, "laptop", nil).Rollback(b.Context(), sim.Operator, "I have a feeling"); err != nil {
				b.Error(err)
			}
		})
		d, err := e.Run(b.Context(), true)
		if err != nil {
			b.Fatal(err)
		}
		if _, blocked := d.(runbook.Block); !blocked || b.state.Mode != migration.ModeRolledBack || b.served() != oldAddress {
			b.Errorf("it ended with %s as %s, and the name leads to %s", runbook.DecisionName(d), b.state.Mode, b.served())
		}
		if heard != 1 {
			b.Errorf("the order was announced %d times", heard)
		}
		if inc, open := b.state.OpenIncident(); !open || inc.By != sim.Operator || !strings.Contains(inc.Summary, "I have a feeling") {
			b.Errorf("the incident is %+v", inc)
		}
	})
}

// TestBears: while traffic may be on the new side a journal that fails for a
// moment does not end the watch; before it, and where somebody else acts, it
// does; and it is not borne for ever.
func TestBears(t *testing.T) {
	for _, x := range []struct {
		name  string
		step  migration.Step
		times int
		ends  bool
	}{
		{"before the switch", migration.StepLead, 1, true},
		{"in the watch", migration.StepWatch, 5, false},
		{"in the watch for good", migration.StepWatch, 1000, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			inWorld(t, func(b *bench) {
				left := x.times
				b.rig.Choose = func(c faults.Call) faults.Fault {
					if c.Op == "journal.append" && c.At.Step == x.step && left > 0 {
						left--
						return faults.Refused
					}
					return faults.None
				}
				_, err := b.process("one", nil).Run(b.Context(), true)
				if ended := errors.Is(err, faults.ErrRefused); ended != x.ends {
					b.Errorf("it ended with %v", err)
				}
				if !x.ends && b.state.Mode != migration.ModeRetired {
					b.Errorf("it stands at %s as %s", b.state.Step, b.state.Mode)
				}
			})
		})
	}
}

// TestNoMigration: a key that the journal does not know is named.
func TestNoMigration(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := engine.New(b.world.Ports(), "nobody", "one", nil)
		_, err := e.Step(b.Context())
		if !errors.Is(err, engine.ErrNoMigration) || !strings.Contains(err.Error(), "nobody") {
			b.Errorf("Step: %v", err)
		}
		if err := e.Rollback(b.Context(), sim.Operator, ""); !errors.Is(err, engine.ErrNoMigration) {
			b.Errorf("Rollback: %v", err)
		}
	})
}
