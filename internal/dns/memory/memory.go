// Package memory is a DNS provider without a network: zones on several servers
// that may lag or stand still, faults on demand, changes by others, and a log of
// who changed what. Simulations and tests of the engine run on it; it passes the
// same conformance suite as the real ones.
//
// It starts no goroutine, reads no clock and throws no dice: the same calls in
// the same order give the same answers.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

// Errors that the provider answers with, for a test to recognise.
var (
	ErrUnreachable = errors.New("the server cannot be reached")
	ErrRefused     = errors.New("the server refuses the update (REFUSED); allow the key there")
	ErrNoZone      = errors.New("the server is not authoritative for the zone (NOTAUTH)")
	ErrDeaf        = errors.New("no name server can be asked at all")
)

// Config says what there is. The first server is the primary, which takes
// changes; none named means ns1 and ns2. Now stamps the log; nil leaves it
// without times.
type Config struct {
	Servers []string
	Now     func() time.Time
}

// Change is an entry of the log: who replaced which sets.
type Change struct {
	At      time.Time
	By      string
	Zone    string
	View    string
	Purpose migration.Purpose // of a Swap
	Serial  uint32            // of the zone since then
	Before  []migration.RRset
	After   []migration.RRset
}

// Rehome is the author of what was changed through Swap.
const Rehome = "rehome"

// Provider is safe for concurrent use.
type Provider struct {
	mu      sync.Mutex
	servers []*server
	zones   map[string]*version // by migration.ZoneKey; what the primary has
	now     func() time.Time
	faults  []Fault
	always  Fault
	deaf    error
	kept    []message // on their way
	log     []Change
}

type server struct {
	name    string
	stopped bool
	held    map[string]*version // what it keeps serving; nil: what the primary has
}

// version is one state of a zone. It is never altered.
type version struct {
	serial uint32
	sets   map[string]migration.RRset // by RRset.Key
}

// message is a change as it is sent.
type message struct {
	dns.Change
	view    string
	purpose migration.Purpose
}

// New makes a provider without zones.
func New(c Config) *Provider {
	if len(c.Servers) == 0 {
		c.Servers = []string{"ns1", "ns2"}
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	p := &Provider{zones: map[string]*version{}, now: c.Now}
	for _, name := range c.Servers {
		p.servers = append(p.servers, &server{name: name})
	}
	return p
}

// AddZone adds a zone in a view ("" where there is one only) with its records,
// or replaces it.
func (p *Provider) AddZone(zone, view string, sets ...migration.RRset) error {
	name, err := dns.Name(zone)
	if err != nil {
		return fmt.Errorf("add a zone: %w", err)
	}
	clean, err := canonical(sets)
	if err != nil {
		return fmt.Errorf("add zone %s: %w", name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := &version{serial: 1, sets: map[string]migration.RRset{}}
	for _, s := range clean {
		v.sets[s.Key()] = s
	}
	p.zones[migration.ZoneKey(name, view)] = v
	return nil
}

// Observe gives what each server serves. One that is stopped, or does not have
// the zone, is in the facts with its error.
func (p *Provider) Observe(ctx context.Context, zone, view string, names []string) (migration.ZoneFacts, error) {
	facts := migration.ZoneFacts{Zone: zone, View: view}
	apex, wanted, err := dns.Names(zone, names)
	if err == nil {
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		err = p.deaf
	}
	if err != nil {
		return facts, fmt.Errorf("observe zone %s: %w", zone, err)
	}
	for _, s := range p.servers {
		facts.Servers = append(facts.Servers, p.serverFacts(s, migration.ZoneKey(apex, view), wanted))
	}
	return facts, nil
}

func (p *Provider) serverFacts(s *server, zone string, names []string) migration.ServerFacts {
	f := migration.ServerFacts{Server: s.name, Address: s.name}
	v, ok := p.served(s, zone)
	switch {
	case s.stopped:
		f.Err = ErrUnreachable.Error()
	case !ok:
		f.Err = ErrNoZone.Error()
	default:
		f.Serial = v.serial
		found := map[string]migration.RRset{}
		for key, set := range v.sets {
			if slices.Contains(names, set.Name) {
				found[key] = set
			}
		}
		f.Sets = dns.Sorted(found)
	}
	return f
}

func (p *Provider) served(s *server, zone string) (*version, bool) {
	if v, ok := s.held[zone]; ok {
		return v, true
	}
	v, ok := p.zones[zone]
	return v, ok
}

// Swap compares data, not TTLs, as RFC 2136 does, and changes all sets or none.
func (p *Provider) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	change, err := dns.NewChange(c)
	if err != nil {
		return migration.OutcomeNotDone, err
	}
	outcome, err := p.send(ctx, message{change, c.View, c.Purpose})
	if err != nil {
		err = fmt.Errorf("change %s: %w", change, err)
	}
	return outcome, err
}

func (p *Provider) send(ctx context.Context, m message) (migration.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return migration.OutcomeNotDone, fmt.Errorf("nothing was sent: %w", err)
	}
	p.mu.Lock()
	fault := p.nextFault()
	if p.servers[0].stopped {
		fault = Unreachable
	}
	if fault == Hangs {
		p.mu.Unlock()
		<-ctx.Done()
		return migration.OutcomeUnknown, fmt.Errorf("sent, but there is no answer: %w", ctx.Err())
	}
	defer p.mu.Unlock()
	return p.meet(m, fault)
}

func (p *Provider) meet(m message, fault Fault) (migration.Outcome, error) {
	switch fault {
	case Unreachable:
		return migration.OutcomeNotDone, ErrUnreachable
	case Refuses:
		return migration.OutcomeNotDone, ErrRefused
	case RequestLost:
		return migration.OutcomeUnknown, context.DeadlineExceeded
	case Delayed:
		p.kept = append(p.kept, m)
		return migration.OutcomeUnknown, context.DeadlineExceeded
	case AnswerLost:
		_, _ = p.carryOut(m) // whatever came of it, nobody hears
		return migration.OutcomeUnknown, context.DeadlineExceeded
	case Copied:
		p.kept = append(p.kept, m)
	}
	return p.carryOut(m)
}

// carryOut is what the primary does when a change reaches it.
func (p *Provider) carryOut(m message) (migration.Outcome, error) {
	zone := migration.ZoneKey(m.Zone, m.view)
	v, ok := p.zones[zone]
	if !ok {
		return migration.OutcomeNotDone, ErrNoZone
	}
	for _, pair := range m.Pairs {
		if !migration.FindSet(v.all(), pair.Before.Name, pair.Before.Type).SameData(pair.Before) {
			return migration.OutcomeForeign, nil
		}
	}
	for _, s := range m.Absent() {
		if _, there := v.sets[s.Key()]; there {
			return migration.OutcomeForeign, nil
		}
	}
	after := make([]migration.RRset, len(m.Pairs))
	for i, pair := range m.Pairs {
		after[i] = pair.After
	}
	p.replace(zone, Change{By: Rehome, Zone: m.Zone, View: m.view, Purpose: m.purpose, After: after})
	return migration.OutcomeDone, nil
}

// replace makes the zone's next version and writes the log; entry.After are whole
// sets in canonical form.
func (p *Provider) replace(zone string, entry Change) {
	old := p.zones[zone]
	next := &version{serial: old.serial + 1, sets: maps.Clone(old.sets)}
	for _, s := range entry.After {
		entry.Before = append(entry.Before, migration.FindSet(old.all(), s.Name, s.Type))
		if len(s.Data) == 0 {
			delete(next.sets, s.Key())
			continue
		}
		s.Data = slices.Clone(s.Data) // the log's readers have the other
		next.sets[s.Key()] = s
	}
	p.zones[zone] = next
	entry.At, entry.Serial = p.now(), next.serial
	p.log = append(p.log, entry)
}

func (v *version) all() []migration.RRset { return dns.Sorted(v.sets) }

func canonical(sets []migration.RRset) ([]migration.RRset, error) {
	out := make([]migration.RRset, len(sets))
	var faults []error
	for i, s := range sets {
		var err error
		out[i], err = dns.Canonical(s)
		faults = append(faults, err)
	}
	return out, errors.Join(faults...)
}
