package sim

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// TestNamesDoNotWaitForTheReturnPath: whatever the cluster does while the balancers are
// to be turned, the names are led back five seconds later at the most, and what was not
// turned is turned when the cluster answers again.
func TestNamesDoNotWaitForTheReturnPath(t *testing.T) {
	for name, fault := range map[string]func(faults.Call) faults.Fault{
		"well":                  func(faults.Call) faults.Fault { return faults.None },
		"everything hangs":      func(faults.Call) faults.Fault { return faults.Hangs },
		"everything is refused": func(faults.Call) faults.Fault { return faults.Refused },
		"the turn hangs": func(c faults.Call) faults.Fault {
			return map[bool]faults.Fault{true: faults.Hangs}[strings.HasPrefix(c.Op, "cluster.turn")]
		},
		"the turn is done and hangs": func(c faults.Call) faults.Fault {
			return map[bool]faults.Fault{true: faults.HangsDone}[strings.HasPrefix(c.Op, "cluster.turn")]
		},
		"looks are stale": func(c faults.Call) faults.Fault {
			return map[bool]faults.Fault{true: faults.Stale}[strings.HasPrefix(c.Op, "cluster.observe")]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) {
				l := live(t, shortOptions(BadImage), &faults.Rig{Choose: func(c faults.Call) faults.Fault {
					if c.At.Step != migration.StepReturnPath || !strings.HasPrefix(c.Op, "cluster.") {
						return faults.None
					}
					return fault(c)
				}})
				var turned, led time.Time
				l.seen = func(e engine.Event) {
					switch now := l.World.Clock.Now(); {
					case e.Record == nil || e.State.Mode != migration.ModeRollback:
					case turned.IsZero():
						turned = now
					case led.IsZero() && e.Record.Kind == migration.KindIntent && e.State.Step == migration.StepDNSBack:
						led = now
					}
				}
				if err := l.drive(migration.ModeRolledBack); err != nil {
					t.Fatalf("%v\n%s", err, l.transcript())
				}
				until, strict := runbook.GivesUp(runbook.State{Position: migration.Position{Mode: migration.ModeRollback, Step: migration.StepReturnPath}, Since: turned})
				if took := led.Sub(turned); !strict || led.After(until) {
					t.Errorf("the names were led back %s after the turn back, want %s at the most", took, until.Sub(turned))
				}
				if name == "well" && led.Sub(turned) > 2*time.Second {
					t.Errorf("it took %s although all was well", led.Sub(turned))
				}
				l.judge(t, tale{end: func(l *life, h past, bad func(string, ...any)) {
					l.namesBack(bad)
					l.atRest(bad)
					l.turnedBack(h, bad)
				}})
			})
		})
	}
}
