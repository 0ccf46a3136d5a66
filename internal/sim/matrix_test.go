package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

// tale is one of the stories that are told again and again, each time with
// another failure.
type tale struct {
	name  string
	image string
	vary  func(*Options)                // may be nil
	from  func(migration.Position) bool // where failures begin
	calls func(faults.Call) bool        // which fail; nil: all
	tell  func(*life) error
	end   func(*life, past, func(string, ...any))
}

var tales = []tale{
	{name: "bad", image: BadImage, from: cutover, tell: func(l *life) error { return l.drive(migration.ModeRolledBack) }, end: (*life).endsBack},
	{name: "good", image: GoodImage, from: cutover, tell: func(l *life) error { return l.drive(migration.ModeRetired) }, end: (*life).endsRetired},
	{name: "bad-in-two-zones", image: BadImage, vary: twoZones, from: cutover, calls: ofTwo, tell: func(l *life) error { return l.drive(migration.ModeRolledBack) }, end: (*life).endsBack},
	{name: "good-in-two-zones", image: GoodImage, vary: twoZones, from: cutover, calls: ofTwo, tell: func(l *life) error { return l.drive(migration.ModeRetired) }, end: (*life).endsRetired},
	{name: "abort", image: GoodImage, from: undoing, tell: (*life).abort, end: (*life).endsAborted},
	{name: "stage", image: GoodImage, from: staging, calls: ofDrills, tell: (*life).stage, end: (*life).endsDrilled},
}

func cutover(p migration.Position) bool {
	return p.Mode != migration.ModeForward || !p.Step.Before(migration.StepGo)
}

// twoZones gives the application a second name in another zone: the switch is
// then two changes, and half a switch is possible.
func twoZones(o *Options) {
	o.Spec.Names = append(slices.Clone(o.Spec.Names), migration.Name{
		Name: "bank.morpork.example.", Zone: "morpork.example.", Provider: "golem-dns", Workload: "royal-bank-api",
	})
}

// ofTwo are the calls at which it matters that there are two changes.
func ofTwo(c faults.Call) bool {
	moves := c.At.Step == migration.StepSwitch || c.At.Step == migration.StepDNSBack || c.At.Step == migration.StepRetire
	return moves && (c.Op == "dns.swap" || c.Op == "dns.observe" || c.Op == "journal.append")
}

func (x tale) options() Options {
	o := shortOptions(x.image)
	if x.vary != nil {
		x.vary(&o)
	}
	return o
}

func staging(p migration.Position) bool {
	return p.Mode == migration.ModeForward && p.Step == migration.StepStage
}

// ofDrills are the calls at which it matters that something is drilled.
func ofDrills(c faults.Call) bool {
	return strings.HasPrefix(c.Op, "drills.") || c.Op == "journal.append" || c.Op == "cluster.observe"
}

// stage prepares everything up to the lead, with the drills on the way.
func (l *life) stage() error {
	return l.driveTo(false, func() bool { return l.now.Step == migration.StepLead })
}

// endsDrilled: every drill has a result, made behind its intent and with the pods
// apart, and what the fixes owe is proven.
func (l *life) endsDrilled(h past, bad func(string, ...any)) {
	st := h.end()
	results := runbook.DrillResults(st)
	if len(results) != len(migration.StagingDrills()) {
		bad("%d results of %d drills", len(results), len(migration.StagingDrills()))
	}
	for _, d := range results {
		if d.Verdict != migration.Pass {
			bad("%s ends as %s", d.Drill, d.Verdict)
		}
	}
	for n, r := range h.recs {
		if r.Kind != migration.KindIntent {
			continue
		}
		if run, ok := decoded[migration.Intent](r).Action.(migration.RunDrill); ok && !slices.ContainsFunc(r.Reasons, func(why migration.Reason) bool {
			return why.Code == migration.CodeIsolated && why.Verdict == migration.Pass
		}) {
			bad("record %d begins the drill %s without a look at what staging reaches", n+1, run.Drill)
		}
	}
}

func undoing(p migration.Position) bool { return p.Mode == migration.ModeAborting }

// abort prepares everything up to the lead, where a person gives it up.
func (l *life) abort() error {
	if err := l.stage(); err != nil {
		return err
	}
	p := engine.New(l.World.Ports(), l.key, "angua@laptop", l.notify)
	if err := p.Said(l.ctx, Operator, func(runbook.State) ([]engine.Saying, error) {
		return []engine.Saying{{Kind: migration.KindAbort, Body: migration.Said{Text: "not today"}}}, nil
	}); err != nil {
		return err
	}
	return l.drive(migration.ModeAborted)
}

func (l *life) endsBack(h past, bad func(string, ...any)) {
	l.namesBack(bad)
	l.atRest(bad)
	l.turnedBack(h, bad)
	if left := h.end().Left; len(left) > 0 {
		bad("something was left: %v", left)
	}
	if n := len(h.end().Incidents); n != 1 {
		bad("%d incidents", n)
	}
	if c := l.World.Count(); c.Lost > 0 {
		bad("%d requests were answered by nobody", c.Lost)
	}
}

func (l *life) endsRetired(h past, bad func(string, ...any)) {
	if c := l.World.Count(); c.failed() > 0 {
		bad("%d requests failed", c.failed())
	}
	if n := len(h.end().Incidents); n != 0 {
		bad("%d incidents", n)
	}
}

func (l *life) endsAborted(h past, bad func(string, ...any)) {
	spec := l.World.opts.Spec
	for _, n := range []migration.Name{spec.Names[0], *spec.Rehearsal} {
		set, _ := l.World.DNS.Served("ns1", n.Zone, n.View, n.Name, "A")
		if !slices.Equal(set.Data, spec.OldEntry.Addresses) || set.TTL != l.World.opts.TTL {
			bad("%s is %s at the end", n.Name, set)
		}
		if set, _ := l.World.DNS.Served("ns1", n.Zone, n.View, "_rehome."+n.Name, "TXT"); len(set.Data) > 0 {
			bad("%s is left", set)
		}
	}
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		facts, err := l.World.Cluster.Observe(context.WithoutCancel(l.ctx), spec, env)
		if err != nil || len(facts.Workloads)+len(facts.Exposures) > 0 {
			bad("%s is left in %s (%v)", facts.Workloads, env, err)
		}
	}
	if left := h.end().Left; len(left) > 0 {
		bad("something was left: %v", left)
	}
}

// trial is one failure of one call of one tale.
type trial struct {
	call  string
	fault faults.Fault
}

func (c trial) name() string { return c.call + "/" + string(c.fault) }

// trials tells the tale once without a failure, and gives each failure of each
// call that was made: of what changes something at every call, of what only
// looks at the first in each step.
func (x tale) trials(t *testing.T) []trial {
	var mu sync.Mutex
	var out []trial
	inBubble(t, func(t *testing.T) {
		l := live(t, x.options(), &faults.Rig{Choose: func(c faults.Call) faults.Fault {
			mu.Lock()
			defer mu.Unlock()
			if !x.from(c.At) || x.calls != nil && !x.calls(c) {
				return faults.None
			}
			for _, f := range kinds(c) {
				out = append(out, trial{c.String(), f})
			}
			return faults.None
		}})
		if err := x.tell(l); err != nil {
			t.Fatalf("%v\n%s", err, l.transcript())
		}
		l.judge(t, x)
	})
	t.Logf("%d trials", len(out))
	slices.SortFunc(out, func(a, b trial) int { return strings.Compare(a.name(), b.name()) })
	return out
}

func kinds(c faults.Call) []faults.Fault {
	port, method, _ := strings.Cut(c.Op, ".")
	switch {
	case c.Op == "dns.swap":
		return append(slices.Clone(faults.Changes), faults.Messages...)
	case c.Op == "journal.append" && c.What == string(migration.KindEvidence) && c.N > 0:
		return []faults.Fault{faults.Lost, faults.KillAfter} // one snapshot is as another
	case c.Op == "journal.append":
		return faults.Appends
	case port == "cluster" && slices.Contains([]string{"apply", "remove", "scale", "turn"}, method):
		return faults.Changes
	case c.N > 0:
		return nil
	case port == "journal":
		return []faults.Fault{faults.Refused, faults.Hangs}
	}
	return faults.Reads
}

// judge holds the history and the end against what must be.
func (l *life) judge(t *testing.T, x tale) {
	t.Helper()
	h := l.past()
	found := l.history(h)
	x.end(l, h, func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
	for _, f := range found {
		t.Error(f)
	}
	if t.Failed() {
		t.Log("\n" + l.transcript())
	}
}

// TestMatrix lets every call from go on fail once, in every way, and demands
// the same end of the story. A failure is told again with -run and its name.
func TestMatrix(t *testing.T) {
	for _, x := range tales {
		t.Run(x.name, func(t *testing.T) {
			all := x.trials(t)
			for _, c := range all {
				if !chosen(x.name + c.name()) {
					continue
				}
				t.Run(c.name(), func(t *testing.T) {
					t.Parallel()
					inBubble(t, func(t *testing.T) { x.try(t, c) })
				})
			}
		})
	}
}

func (x tale) try(t *testing.T, c trial) {
	var mu sync.Mutex
	met := false
	l := live(t, x.options(), &faults.Rig{Choose: func(call faults.Call) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		if met || !x.from(call.At) || call.String() != c.call {
			return faults.None
		}
		met = true
		return c.fault
	}})
	err := x.tell(l)
	if !met {
		t.Errorf("the call %s was not made", c.call)
	}
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatalf("%v\n%s", err, l.transcript())
	}
	l.rig.Deliver()
	l.judge(t, x)
}
