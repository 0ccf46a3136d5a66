package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/dns/dnstest"
	"rehome.dev/rehome/internal/dns/memory"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.DNS = (*memory.Provider)(nil)

func newProvider(t *testing.T, more ...migration.RRset) *memory.Provider {
	t.Helper()
	p := memory.New(memory.Config{})
	if err := p.AddZone(dnstest.Zone, "", append(dnstest.Initial(), more...)...); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProvider(t *testing.T) {
	dnstest.Run(t, func(t *testing.T, o dnstest.Options) dnstest.Fixture {
		p := newProvider(t, o.Sets...)
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		if o.Lagging {
			do(p.Hold("ns2"))
		}
		return dnstest.Fixture{
			Provider: p, Denied: denied{p}, Primary: "ns1", Secondary: "ns2",
			Foreign:       func(sets ...migration.RRset) { do(p.Set("somebody", dnstest.Zone, "", sets...)) },
			StopPrimary:   func() { do(p.Stop("ns1")) },
			StopSecondary: func() { do(p.Stop("ns2")) },
			CatchUp:       func() { do(p.CatchUp("ns2")) },
			Delay:         func() { p.Inject(memory.Delayed) },
			Copy:          func() { p.Inject(memory.Copied) },
			Deliver:       func() bool { got := p.Deliver(); return len(got) == 1 && got[0] == migration.OutcomeDone },
		}
	})
}

// denied is the provider with a key that the server refuses.
type denied struct{ *memory.Provider }

func (d denied) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	d.Inject(memory.Refuses)
	return d.Provider.Swap(ctx, c)
}

func service(ttl uint32, data ...string) []migration.RRset {
	return []migration.RRset{{Name: dnstest.Service, Type: "A", TTL: ttl, Data: data}}
}

func forward(by migration.Purpose) migration.SwapRecords {
	return migration.SwapRecords{Zone: dnstest.Zone, Purpose: by, Before: service(300, dnstest.OldAddress), After: service(60, dnstest.NewAddress)}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   memory.Fault
		want    migration.Outcome
		err     error
		changed bool
	}{
		{"none", memory.NoFault, migration.OutcomeDone, nil, true},
		{"unreachable", memory.Unreachable, migration.OutcomeNotDone, memory.ErrUnreachable, false},
		{"refuses", memory.Refuses, migration.OutcomeNotDone, memory.ErrRefused, false},
		{"request lost", memory.RequestLost, migration.OutcomeUnknown, context.DeadlineExceeded, false},
		{"answer lost", memory.AnswerLost, migration.OutcomeUnknown, context.DeadlineExceeded, true},
		{"delayed", memory.Delayed, migration.OutcomeUnknown, context.DeadlineExceeded, false},
		{"copied", memory.Copied, migration.OutcomeDone, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t)
			p.Inject(c.fault)
			got, err := p.Swap(t.Context(), forward(migration.ForSwitch))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("ended %s, %v; want %s, %v", got, err, c.want, c.err)
			}
			set, ok := p.Served("ns1", dnstest.Zone, "", dnstest.Service, "A")
			if !ok || (set.Data[0] == dnstest.NewAddress) != c.changed {
				t.Errorf("served is %v, %v; changed should be %v", set, ok, c.changed)
			}
		})
	}
}

func TestHangsUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.Inject(memory.Hangs)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		got, err := p.Swap(ctx, forward(migration.ForSwitch))
		if got != migration.OutcomeUnknown || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("ended %s, %v after %s", got, err, time.Since(began))
		}
		if got, err := p.Swap(t.Context(), forward(migration.ForSwitch)); got != migration.OutcomeDone {
			t.Errorf("the next change ended %s, %v", got, err)
		}
	})
}

func TestAStandingFaultYieldsToQueuedOnes(t *testing.T) {
	p := newProvider(t)
	p.Always(memory.Unreachable)
	p.Inject(memory.RequestLost)
	for _, want := range []migration.Outcome{migration.OutcomeUnknown, migration.OutcomeNotDone, migration.OutcomeNotDone} {
		if got, _ := p.Swap(t.Context(), forward(migration.ForSwitch)); got != want {
			t.Errorf("ended %s, want %s", got, want)
		}
	}
	p.Always(memory.NoFault)
	if got, err := p.Swap(t.Context(), forward(migration.ForSwitch)); got != migration.OutcomeDone {
		t.Errorf("ended %s, %v", got, err)
	}
}

func TestTheLogSaysWhoWon(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := memory.New(memory.Config{Now: func() time.Time { return at }})
	if err := p.AddZone(dnstest.Zone, "inner", dnstest.Initial()...); err != nil {
		t.Fatal(err)
	}
	c := forward(migration.ForSwitch)
	c.View = "inner"
	p.Swap(t.Context(), c)
	if err := p.Set("controller", dnstest.Zone, "inner", service(5, "10.6.6.6")...); err != nil {
		t.Fatal(err)
	}
	p.Swap(t.Context(), c) // finds a foreign set: no entry
	log := p.Log()
	if len(log) != 2 {
		t.Fatalf("got %+v", log)
	}
	first, second := log[0], log[1]
	if first.By != memory.Rehome || first.Purpose != migration.ForSwitch || !first.At.Equal(at) || first.Serial != 2 ||
		first.View != "inner" || first.Before[0].Data[0] != dnstest.OldAddress || first.After[0].Data[0] != dnstest.NewAddress {
		t.Errorf("the first entry is %+v", first)
	}
	if second.By != "controller" || second.Serial != 3 || second.Before[0].TTL != 60 || second.After[0].Data[0] != "10.6.6.6" {
		t.Errorf("the second entry is %+v", second)
	}
}

func TestViewsAndServersAreApart(t *testing.T) {
	p := newProvider(t)
	if err := p.AddZone(dnstest.Zone, "inner", service(300, "192.168.0.1")...); err != nil {
		t.Fatal(err)
	}
	if err := p.Hold("ns2"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Swap(t.Context(), forward(migration.ForSwitch)); got != migration.OutcomeDone {
		t.Fatal(got, err)
	}
	for _, c := range []struct{ server, view, want string }{
		{"ns1", "", dnstest.NewAddress}, {"ns2", "", dnstest.OldAddress}, {"ns1", "inner", "192.168.0.1"}, {"ns2", "default", dnstest.OldAddress},
	} {
		set, ok := p.Served(c.server, dnstest.Zone, c.view, dnstest.Service, "A")
		if !ok || set.Data[0] != c.want {
			t.Errorf("%s in view %q serves %v, want %s", c.server, c.view, set, c.want)
		}
	}
	if _, ok := p.Served("ns3", dnstest.Zone, "", dnstest.Service, "A"); ok {
		t.Error("a server that is not there answers")
	}
	if err := p.Stop("ns3"); err == nil {
		t.Error("a server that is not there can be stopped")
	}
}

func TestADeafProviderCannotBeAskedAtAll(t *testing.T) {
	p := newProvider(t)
	p.Deafen(true)
	if facts, err := p.Observe(t.Context(), dnstest.Zone, "", []string{dnstest.Service}); err == nil {
		t.Errorf("got %+v", facts)
	}
	p.Deafen(false)
	if _, err := p.Observe(t.Context(), dnstest.Zone, "", []string{dnstest.Service}); err != nil {
		t.Error(err)
	}
}
