// Package scope is what the collectors of a probe have in common: which
// processes are the application's, where the machine's files are, and what could
// not be seen. It knows no single fact.
package scope

import (
	"context"
	"sync"

	"rehome.dev/rehome/internal/inventory"
)

// Scope is the application as the current sample sees it.
type Scope struct {
	// Proc and Root are where the machine is: /proc and /. A test puts a copy there.
	Proc, Root string
	Request    inventory.Request
	// PIDs are the application's processes now, the agent and its children never
	// among them. Main is the first of them, 0 when none is left.
	PIDs []int
	Main int
	// Ever are all PIDs that were the application's in this probe.
	Ever map[int]bool
	// Unit is the application's unit, nil where it has none.
	Unit *inventory.Unit
	// Sample counts from 0; Planned is how many there will be.
	Sample, Planned int
	Gaps            *Gaps
}

// Collector takes some subjects of the facts. Both methods are bounded by their
// context, never change anything on the machine, and turn what they cannot see
// into gaps instead of errors. They are called from one goroutine.
type Collector interface {
	// Subjects are what it looks at.
	Subjects() []inventory.Subject
	// Sample looks once. It is called every Request.Every and must stay far below
	// a hundredth of it in CPU time; what does not change is read in Finish.
	Sample(ctx context.Context, s *Scope)
	// Finish puts what was seen into f. Other collectors that stand before this one
	// in the list have done so already.
	Finish(ctx context.Context, s *Scope, f *inventory.Facts)
}

// Gaps collects what could not be seen; the same gap is counted, not repeated.
type Gaps struct {
	mu   sync.Mutex
	list []inventory.Gap
}

// Add notes that what of a subject could not be seen, and why.
func (g *Gaps) Add(subject inventory.Subject, what, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.list {
		if l := &g.list[i]; l.Subject == subject && l.What == what && l.Why == why {
			l.Samples++
			return
		}
	}
	g.list = append(g.list, inventory.Gap{Subject: subject, What: what, Why: why, Samples: 1})
}

// List are the gaps in the order in which they were found.
func (g *Gaps) List() []inventory.Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]inventory.Gap(nil), g.list...)
}
