// Package dnstest is the one conformance suite of DNS providers: what the engine
// relies on, run against the provider in memory and against real servers. The one
// in memory is trusted because it passes what the real ones pass.
//
// It must not know how a provider does what it does; what only one kind can do
// wrong is tested beside it.
package dnstest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// The zone that every fixture starts with, besides Options.Sets: Service and
// Rehearsal each lead to OldAddress with a TTL of 300 s.
const (
	Zone       = "golemtrust.am."
	Service    = "royal-bank-api.golemtrust.am."
	Rehearsal  = "rehearsal.royal-bank-api.golemtrust.am."
	Generation = "_rehome.royal-bank-api.golemtrust.am."
	OldAddress = "10.77.0.20"
	NewAddress = "10.77.0.200"
)

// Initial are the sets of the zone that the suite starts with.
func Initial() []migration.RRset {
	return []migration.RRset{a(Service, 300, OldAddress), a(Rehearsal, 300, OldAddress)}
}

// Provider is what is tested; it is the engine's port.
type Provider interface {
	Observe(ctx context.Context, zone, view string, names []string) (migration.ZoneFacts, error)
	Swap(ctx context.Context, change migration.SwapRecords) (migration.Outcome, error)
}

// Options change what a fixture starts with.
type Options struct {
	Sets    []migration.RRset // further sets of the zone
	Lagging bool              // the secondary keeps the old zone until CatchUp
}

// Fixture is a zone on a primary and a secondary, gone at the test's end.
type Fixture struct {
	Provider Provider
	Denied   Provider // the same servers, with a key that is not theirs

	// What ServerFacts.Address calls the two.
	Primary, Secondary string

	// Foreign replaces whole sets as somebody else, without conditions; a set
	// without data is removed.
	Foreign func(sets ...migration.RRset)

	StopPrimary, StopSecondary, CatchUp func()

	// Delay keeps the message of the next Swap on its way; Copy lets it pass and
	// keeps a copy. Deliver lets what was kept arrive, and says whether the
	// server carried it out.
	Delay, Copy func()
	Deliver     func() bool
}

// Factory makes a fixture for one test.
type Factory func(t *testing.T, o Options) Fixture

const deadline = 10 * time.Second

// Run runs the whole suite.
func Run(t *testing.T, make Factory) {
	for _, c := range slices.Concat(observeCases, swapCases, foreignCases, faultCases, replayCases) {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*deadline)
			defer cancel()
			c.run(&test{T: t, ctx: ctx, Fixture: make(t, c.options)})
		})
	}
}

type testCase struct {
	name    string
	options Options
	run     func(*test)
}

type test struct {
	*testing.T
	Fixture
	ctx context.Context
}

func set(name, typ string, ttl uint32, data ...string) migration.RRset {
	return migration.RRset{Name: name, Type: typ, TTL: ttl, Data: data}
}

func a(name string, ttl uint32, data ...string) migration.RRset { return set(name, "A", ttl, data...) }

func generation(n string) migration.RRset { return set(Generation, "TXT", 60, `"`+n+`"`) }

// sets are a change's one side.
func sets(s ...migration.RRset) []migration.RRset { return s }

func change(before, after []migration.RRset) migration.SwapRecords {
	return migration.SwapRecords{Zone: Zone, Purpose: migration.ForSwitch, Before: before, After: after}
}

// swap makes the change and demands how it ends: an error exactly where the
// port's contract has one.
func (t *test) swap(want migration.Outcome, before, after []migration.RRset) {
	t.Helper()
	got, err := t.Provider.Swap(t.ctx, change(before, after))
	t.ended(want, got, err)
}

func (t *test) ended(want, got migration.Outcome, err error) {
	t.Helper()
	wantErr := want == migration.OutcomeNotDone || want == migration.OutcomeUnknown
	if got != want || (err != nil) != wantErr {
		t.Fatalf("the change ended %s, %v; want %s", got, err, want)
	}
}

func (t *test) observe(names ...string) migration.ZoneFacts {
	t.Helper()
	facts, err := t.Provider.Observe(t.ctx, Zone, "", names)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func (t *test) at(facts migration.ZoneFacts, address string) migration.ServerFacts {
	t.Helper()
	for _, s := range facts.Servers {
		if s.Address == address {
			return s
		}
	}
	t.Fatalf("the server at %s is not among the facts %+v", address, facts.Servers)
	return migration.ServerFacts{}
}

// serves demands that the primary serves exactly these sets on their names.
func (t *test) serves(want ...migration.RRset) {
	t.Helper()
	s := t.at(t.observe(namesOf(want)...), t.Primary)
	if s.Err != "" {
		t.Fatalf("the primary does not answer: %s", s.Err)
	}
	exactly(t.T, s.Sets, want)
}

// everywhere demands the same of all servers, as soon as they have had the time
// to pass it on.
func (t *test) everywhere(want ...migration.RRset) {
	t.Helper()
	for end := time.Now().Add(deadline); ; {
		facts := t.observe(namesOf(want)...)
		behind := slices.IndexFunc(facts.Servers, func(s migration.ServerFacts) bool { return s.Err != "" || !same(s.Sets, want) })
		if behind < 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s: %+v does not serve %v", deadline, facts.Servers[behind], want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func namesOf(sets []migration.RRset) []string {
	var out []string
	for _, s := range sets {
		out = append(out, s.Name)
	}
	return out
}

func exactly(t *testing.T, have, want []migration.RRset) {
	t.Helper()
	if !same(have, want) {
		t.Fatalf("served are\n  %s\nwant\n  %s", lines(have), lines(want))
	}
}

// same compares exactly, the strings included: what is observed must be usable as
// the Before of a change and be found by migration.SetsMatch.
func same(have, want []migration.RRset) bool {
	want = slices.DeleteFunc(slices.Clone(want), func(s migration.RRset) bool { return len(s.Data) == 0 })
	return len(have) == len(want) && migration.SetsMatch(have, want, true)
}

func lines(sets []migration.RRset) string {
	var out []string
	for _, s := range sets {
		out = append(out, s.String())
	}
	slices.Sort(out)
	return strings.Join(out, "\n  ")
}
