package sim

import (
	"testing"
	"time"

	dns "rehome.dev/rehome/internal/dns/memory"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

// TestHalfSwitched lets the provider refuse, or a name server lag, from the
// moment when the first of two zones has been switched. As long as half of the
// traffic is on the new side it is judged and nobody leaves: a bad release is led
// back although it was never wholly switched, a good one is switched wholly when
// the provider changes its mind.
func TestHalfSwitched(t *testing.T) {
	stops := map[string]outage{
		"refuses": {begins: func(w *World) error { w.DNS.Always(dns.Refuses); return nil }, ends: func(w *World) error { w.DNS.Always(dns.NoFault); return nil }},
		"lags":    outages[0],
		"silent":  outages[1],
	}
	for name, stop := range stops {
		for _, x := range []tale{tales[2], tales[3]} {
			for _, lasts := range []time.Duration{12 * time.Second, 75 * time.Second} {
				t.Run(x.name+"/"+name+"/"+lasts.String(), func(t *testing.T) {
					t.Parallel()
					inBubble(t, func(t *testing.T) { x.half(t, stop, lasts) })
				})
			}
		}
	}
}

func (x tale) half(t *testing.T, stop outage, lasts time.Duration) {
	l := live(t, x.options(), &faults.Rig{})
	var until time.Time
	done := false
	do := func(f func(*World) error) {
		if err := f(l.World); err != nil {
			t.Error(err)
		}
	}
	l.seen = func(e engine.Event) {
		switch {
		case until.IsZero() && e.Record != nil && e.Record.Kind == migration.KindOutcome && e.State.Step == migration.StepSwitch:
			until = l.World.Clock.Now().Add(lasts)
			do(stop.begins)
		case !until.IsZero() && !done && !l.World.Clock.Now().Before(until):
			done = true
			do(stop.ends)
		}
	}
	if err := x.tell(l); err != nil {
		t.Fatalf("%v\n%s", err, l.transcript())
	}
	do(stop.ends)
	if l.lives != 1 {
		t.Errorf("the traffic was left alone %d times", l.lives-1)
	}
	l.judge(t, tale{end: func(l *life, h past, bad func(string, ...any)) {
		if h.end().Mode == migration.ModeRolledBack {
			l.namesBack(bad)
			l.atRest(bad)
		}
	}})
}
