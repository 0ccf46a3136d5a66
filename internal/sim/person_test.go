package sim

import (
	"fmt"
	"testing"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

// orders has a person order the way back, from a process of his own.
func (l *life) orders(t *testing.T) {
	l.note("%s orders the way back", Operator)
	p := engine.New(l.World.Ports(), l.key, "angua@laptop", nil)
	if err := p.Rollback(l.ctx, Operator, ""); err != nil {
		t.Errorf("rollback: %v", err)
	}
}

// moment is one record of the good story at which something may happen.
type moment struct {
	seq  uint64
	step migration.Step
	kind migration.RecordKind
}

// moments are all records from go on.
func moments(t *testing.T) []moment {
	var out []moment
	inBubble(t, func(t *testing.T) {
		l := live(t, shortOptions(GoodImage), &faults.Rig{})
		l.seen = func(e engine.Event) {
			if e.Record != nil && cutover(e.State.Position) {
				out = append(out, moment{e.Record.Seq, e.State.Step, e.Record.Kind})
			}
		}
		if err := l.drive(migration.ModeRetired); err != nil {
			t.Fatalf("%v\n%s", err, l.transcript())
		}
	})
	return out
}

// TestRollbackAtEveryRecord has a person order the way back after each record
// of a good move, while the process that made it goes on, or is killed, or has
// its switch still on the way. It always ends with the names at the old side.
func TestRollbackAtEveryRecord(t *testing.T) {
	for _, m := range moments(t) {
		for _, how := range []string{"goes-on", "killed", "delayed"} {
			if how == "delayed" && m.step != migration.StepSwitch {
				continue
			}
			name := fmt.Sprintf("%d-%s-%s/%s", m.seq, m.step, m.kind, how)
			if !chosen(name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(t *testing.T) { rollbackAt(t, m, how) })
			})
		}
	}
}

func rollbackAt(t *testing.T, m moment, how string) {
	rig := &faults.Rig{}
	if how == "delayed" {
		rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "dns.swap" && c.What == string(migration.ForSwitch) && c.N == 0 {
				return faults.Delayed
			}
			return faults.None
		}
	}
	l := live(t, shortOptions(GoodImage), rig)
	ordered := false
	l.seen = func(e engine.Event) {
		switch {
		case e.Record == nil:
		case !ordered && e.Record.Seq == m.seq:
			ordered = true
			l.orders(t)
			if how == "killed" {
				panic(faults.Killed{})
			}
		case ordered && e.State.Step == migration.StepDrain:
			rig.Deliver() // the switch arrives when the names are back
		}
	}
	l.backAgain(t)
}

func (l *life) backAgain(t *testing.T) {
	if err := l.drive(migration.ModeRolledBack); err != nil {
		t.Fatalf("%v\n%s", err, l.transcript())
	}
	l.rig.Deliver()
	l.judge(t, tale{end: (*life).endsBack})
}

// TestRollbackUnderTheSwitch orders the way back at the last moment, when the
// journal was read for the last time and the change is about to be sent: it may
// be made, be lost, or come late, and is undone.
func TestRollbackUnderTheSwitch(t *testing.T) {
	for _, f := range []faults.Fault{faults.None, faults.Lost, faults.Delayed, faults.Copied, faults.KillAfter} {
		t.Run("switch-"+string(f), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var l *life
				rig := &faults.Rig{Choose: func(c faults.Call) faults.Fault {
					if c.Op != "dns.swap" || c.What != string(migration.ForSwitch) {
						return faults.None
					}
					l.orders(t)
					return f
				}}
				l = live(t, shortOptions(GoodImage), rig)
				l.seen = func(e engine.Event) {
					if e.Record != nil && e.State.Step == migration.StepDrain {
						rig.Deliver()
					}
				}
				l.backAgain(t)
			})
		})
	}
}
