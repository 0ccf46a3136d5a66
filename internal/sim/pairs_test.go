package sim

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

// paired are the faults that are tried in pairs: those that leave something behind.
var paired = []faults.Fault{faults.Lost, faults.Twice, faults.Delayed, faults.KillAfter}

// decisive says whether a call is one of which pairs are tried: it changes something
// outside or in the journal, between the switch and the end of the way back.
func decisive(c faults.Call) bool {
	between := c.At.Mode == migration.ModeRollback || c.At.Mode == migration.ModeForward && (c.At.Step == migration.StepSwitch || c.At.Step == migration.StepWatch)
	switch c.Op {
	case "dns.swap", "cluster.scale", "cluster.turn":
		return between
	case "journal.append":
		return between && c.What != string(migration.KindEvidence)
	}
	return false
}

var allPairs = flag.Bool("all-pairs", false, "try every pair of faults in TestPairs")

// TestPairs lets two calls fail between the switch and the end of the way back of a bad
// release: every pair of calls that change something, each in every way of paired. What
// fails once more after a failure is among them. Whatever fails, it is led back.
func TestPairs(t *testing.T) {
	x := tales[0]
	x.from, x.calls = func(migration.Position) bool { return true }, decisive
	all := slices.DeleteFunc(x.trials(t), func(c trial) bool { return !slices.Contains(paired, c.fault) })
	tried := 0
	for i, a := range all {
		var pairs []trial
		for _, b := range all[i+1:] {
			if a.call != b.call && (*allPairs || oneOf(pairShare, a.name()+b.name())) {
				pairs = append(pairs, b)
			}
		}
		if len(pairs) == 0 {
			continue
		}
		tried += len(pairs)
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			for _, b := range pairs {
				inBubble(t, func(t *testing.T) { x.tryBoth(t, a, b) })
			}
		})
	}
	t.Logf("%d faults in %d pairs", len(all), tried)
}

func (x tale) tryBoth(t *testing.T, a, b trial) {
	var mu sync.Mutex
	met := map[string]bool{}
	l := live(t, x.options(), &faults.Rig{Choose: func(call faults.Call) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range []trial{a, b} {
			if call.String() == c.call && !met[c.call] {
				met[c.call] = true
				return c.fault
			}
		}
		return faults.None
	}})
	err := x.tell(l)
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatalf("%s and %s: %v\n%s", a.name(), b.name(), err, l.transcript())
	}
	l.rig.Deliver()
	h := l.past()
	found := l.history(h)
	l.endsBack(h, func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
	for _, f := range found {
		t.Errorf("%s and %s: %s", a.name(), b.name(), f)
	}
}
