package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

// plan is what a seed decides: the world, and what happens in it.
type plan struct {
	seed      uint64
	options   Options
	bad       bool            // the release
	stretches []time.Duration // by resolver
	share     uint32          // of calls that fail, in so many of 2^32
	events    []event
}

// event is something that happens, some time after a step was entered.
type event struct {
	step  migration.Step
	after time.Duration
	what  happening
	lasts time.Duration // that it lasts, or by which a clock jumps
}

// happening is a kind of event.
type happening struct {
	name  string
	long  bool // it lasts
	do    func(*trip, event)
	undo  func(*trip, event) // what lasts, at its end
	quiet bool               // it keeps nobody from seeing how the new side answers
}

// steps are those at which something may happen.
var eventful = []migration.Step{
	migration.StepStage, migration.StepRehearse, migration.StepExpose, migration.StepLowerTTL, migration.StepLead, migration.StepGo,
	migration.StepSwitch, migration.StepSwitch, migration.StepWatch, migration.StepWatch, migration.StepWatch, migration.StepValidate, migration.StepHold,
	migration.StepDNSBack, migration.StepDrain, migration.StepRetire,
}

// draw is the plan of a seed.
func draw(seed uint64, start time.Time) *plan {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	p := &plan{seed: seed, bad: rng.IntN(2) == 0}
	image := GoodImage
	if p.bad {
		image = BadImage
	}
	o := shortOptions(image)
	o.Seed = seed
	o.Rate, o.TTL = float64(20+rng.IntN(60)), []uint32{30, 60, 300}[rng.IntN(3)]
	o.Releases[BadImage] = Behaviour{ErrorRate: []float64{0.15, 0.25, 0.6, 1}[rng.IntN(4)], Latency: 20 * time.Millisecond}
	if rng.IntN(6) == 0 {
		twoZones(&o)
	}
	o.Resolvers = 2 + rng.IntN(5)
	if rng.IntN(5) > 0 { // what is waived is not drilled
		for _, c := range []migration.Code{migration.CodeIsolated, migration.CodeConfigDrop, migration.CodeEgress, migration.CodeHealth, migration.CodeSessions,
			migration.CodeStateDisk, migration.CodeSigtermRace, migration.CodeSIGTERM, migration.CodeLogsStdout, migration.CodeConfigRO} {
			o.Policy.StandingWaivers = append(o.Policy.StandingWaivers, migration.Waiver{Code: c, By: Operator, Reason: "drilled by every fifth", Until: start.Add(24 * time.Hour)})
		}
	}
	p.options = o
	for i := range o.Resolvers {
		p.stretches = append(p.stretches, 0)
		if i > 0 && rng.IntN(12) == 0 { // about one in twelve stretches TTLs
			p.stretches[i] = time.Duration(1+rng.IntN(10)) * time.Minute
		}
	}
	if rng.IntN(2) == 0 {
		p.share = uint32([]float64{0.002, 0.01, 0.03}[rng.IntN(3)] * (1 << 32))
	}
	for range rng.IntN(4) {
		e := event{step: eventful[rng.IntN(len(eventful))], after: time.Duration(rng.IntN(40)) * time.Second, what: happenings[rng.IntN(len(happenings))]}
		e.lasts = time.Duration(2+rng.IntN(60)) * time.Second
		p.events = append(p.events, e)
	}
	return p
}

func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: bad %t (%g), %g requests/s, TTL %d, %d names, resolvers %v, %.2g %% of the calls fail", p.seed, p.bad,
		p.options.Releases[BadImage].ErrorRate, p.options.Rate, p.options.TTL, len(p.options.Spec.Names), p.stretches, float64(p.share)/(1<<32)*100)
	for _, e := range p.events {
		fmt.Fprintf(&b, "; %s after %s: %s", e.step, e.after, e.what.name)
		if e.what.long {
			fmt.Fprintf(&b, " for %s", e.lasts)
		}
	}
	return b.String()
}

// choose lets a share of all calls fail. The name of a call alone decides, so that
// calls that are made side by side do not change the story.
func (p *plan) choose(c faults.Call) faults.Fault {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", p.seed, c)
	n := mixed(h.Sum64())
	if uint32(n) >= p.share {
		return faults.None
	}
	known := slices.Clone(kinds(first(c)))
	if slices.Contains(known, faults.KillAfter) { // it is the process itself that calls
		known = append(known, faults.KillBefore)
	}
	return known[(n>>32)%uint64(len(known))]
}

// first is the call as if it were the first of its kind: the first knows all faults.
func first(c faults.Call) faults.Call {
	c.N = 0
	return c
}

// mixed spreads a hash over all bits (the finaliser of SplitMix64, Steele et al. 2014).
func mixed(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// happenings are all kinds of events: what goes away for a while, and what others do.
var happenings = allHappenings()

func allHappenings() []happening {
	var out []happening
	for _, o := range outages {
		out = append(out, happening{name: o.name + " is away", long: true,
			do:   func(tr *trip, _ event) { tr.try(o.begins(tr.World)) },
			undo: func(tr *trip, _ event) { tr.try(o.ends(tr.World)) }})
	}
	return append(out,
		happening{name: "counters begin again", quiet: true, do: func(tr *trip, _ event) {
			tr.World.catchUp()
			tr.World.Metrics.Restart(migration.OldSide, "vm", tr.World.Clock.Now())
		}},
		happening{name: "the clock is ahead", long: true, do: func(tr *trip, e event) { tr.leap(e.lasts / 2) }, undo: func(tr *trip, e event) { tr.leap(-e.lasts / 2) }},
		happening{name: "the clock is behind", long: true, do: func(tr *trip, e event) { tr.leap(-e.lasts / 2) }, undo: func(tr *trip, e event) { tr.leap(e.lasts / 2) }},
		happening{name: "the process is killed", do: func(*trip, event) { panic(faults.Killed{}) }},
		happening{name: "the process stands still", do: func(tr *trip, e event) { tr.World.Pass(e.lasts) }},
		happening{name: "the lease is lost", do: func(tr *trip, _ event) { tr.loseLease() }},
		happening{name: "a second process comes", quiet: true, do: func(tr *trip, _ event) { tr.second() }},
		happening{name: "somebody changes the record", do: func(tr *trip, _ event) { tr.foreign("203.0.113.66") }},
		happening{name: "somebody leads the record back", do: func(tr *trip, _ event) { tr.foreign(tr.options.Spec.OldEntry.Addresses...) }},
		happening{name: "the way back is ordered", do: func(tr *trip, _ event) { tr.order(1) }},
		happening{name: "the way back is ordered twice", do: func(tr *trip, _ event) { tr.order(2) }},
		happening{name: "the file is declared again", quiet: true, do: func(tr *trip, _ event) { tr.again() }},
		happening{name: "it is waived twice", quiet: true, do: func(tr *trip, _ event) { tr.waive(); tr.waive() }},
		happening{name: "it is given up", do: func(tr *trip, _ event) { tr.giveUp() }},
	)
}

// jumping is the clock of a process's machine, which may be wrong.
type jumping struct {
	engine.Clock
	by *time.Duration
}

func (c jumping) Now() time.Time { return c.Clock.Now().Add(*c.by) }
