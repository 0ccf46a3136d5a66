package memory

import (
	"fmt"
	"maps"
	"slices"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

// Fault is what goes wrong with a change.
type Fault int

// The faults. None of them waits except Hangs, so that they need no clock.
const (
	NoFault     Fault = iota
	Unreachable       // the connection is refused: not done, with an error
	Refuses           // the server says no: not done, with an error
	RequestLost       // the message never arrives: unknown, nothing is changed
	AnswerLost        // the change is made, its answer is lost: unknown
	Delayed           // the message stays on its way until Deliver: unknown
	Copied            // the change is made and answered, and a copy stays on its way until Deliver
	Hangs             // no answer until the context ends, nothing is changed: unknown
)

// Inject queues faults: each is met by one Swap, in order; NoFault lets one pass.
func (p *Provider) Inject(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, faults...)
}

// Always sets the fault that every Swap meets for which none is queued, until it
// is set to NoFault.
func (p *Provider) Always(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = f
}

func (p *Provider) nextFault() Fault {
	if len(p.faults) == 0 {
		return p.always
	}
	f := p.faults[0]
	p.faults = p.faults[1:]
	return f
}

// Deliver lets every message arrive that is still on its way, in the order in
// which they were sent, and gives what came of each.
func (p *Provider) Deliver() []migration.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []migration.Outcome
	for _, m := range p.kept {
		outcome, _ := p.carryOut(m) // nobody is there to be told of an error
		out = append(out, outcome)
	}
	p.kept = nil
	return out
}

// Hold makes a server keep serving what it serves now, in all zones.
func (p *Provider) Hold(name string) error {
	return p.with(name, func(s *server) {
		held := maps.Clone(p.zones)
		maps.Copy(held, s.held)
		s.held = held
	})
}

// CatchUp makes a held server serve what the primary has, now and from now on.
func (p *Provider) CatchUp(name string) error {
	return p.with(name, func(s *server) { s.held = nil })
}

// Stop makes a server not answer; a stopped primary takes no changes either.
func (p *Provider) Stop(name string) error {
	return p.with(name, func(s *server) { s.stopped = true })
}

// Start lets a stopped server answer again.
func (p *Provider) Start(name string) error {
	return p.with(name, func(s *server) { s.stopped = false })
}

// Deafen makes every Observe fail as a whole; false lets them pass again.
func (p *Provider) Deafen(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = nil
	if yes {
		p.deaf = ErrDeaf
	}
}

func (p *Provider) with(name string, do func(*server)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.servers, func(s *server) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("there is no name server %q", name)
	}
	do(p.servers[i])
	return nil
}

// Set changes whole sets as somebody else would, without any condition; one
// without data is removed.
func (p *Provider) Set(by, zone, view string, sets ...migration.RRset) error {
	name, err := dns.Name(zone)
	if err != nil {
		return fmt.Errorf("change zone: %w", err)
	}
	clean, err := canonical(sets)
	if err != nil {
		return fmt.Errorf("change zone %s: %w", name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := migration.ZoneKey(name, view)
	if _, ok := p.zones[key]; !ok {
		return fmt.Errorf("change zone %s: %w", key, ErrNoZone)
	}
	p.replace(key, Change{By: by, Zone: name, View: view, After: clean})
	return nil
}

// Served is what one server answers for a name and type, for a simulated resolver
// to ask; ok is false where it does not answer at all. The empty set means that
// there is none.
func (p *Provider) Served(name, zone, view, owner, typ string) (set migration.RRset, ok bool) {
	apex, err := dns.Name(zone)
	if err != nil {
		return migration.RRset{}, false
	}
	wanted, err := dns.Canonical(migration.RRset{Name: owner, Type: typ})
	if err != nil {
		return migration.RRset{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.servers, func(s *server) bool { return s.name == name })
	if i < 0 || p.servers[i].stopped {
		return migration.RRset{}, false
	}
	v, ok := p.served(p.servers[i], migration.ZoneKey(apex, view))
	if !ok {
		return migration.RRset{}, false
	}
	if found, there := v.sets[wanted.Key()]; there {
		found.Data = slices.Clone(found.Data)
		return found, true
	}
	return wanted, true
}

// Log is every change made so far, by whomever.
func (p *Provider) Log() []Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}
