package dnstest

import (
	"context"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

var everyType = []migration.RRset{
	set("x.golemtrust.am.", "A", 60, "10.0.0.1", "10.0.0.2"),
	set("x.golemtrust.am.", "AAAA", 61, "2001:db8::1"),
	set("x.golemtrust.am.", "HTTPS", 62, `1 . alpn="h2" ipv4hint="10.0.0.1,10.0.0.2"`, `2 other.example. port="8443"`),
	set("x.golemtrust.am.", "SVCB", 63, `0 other.example.`),
	set("x.golemtrust.am.", "TXT", 64, `"one"`, `"two" "strings"`, `"a \"quote\"; and \\ and \195\182"`),
	set("alias.golemtrust.am.", "CNAME", 65, "x.golemtrust.am."),
}

var observeCases = []testCase{
	{"both servers are observed", Options{}, func(t *test) {
		facts := t.observe(Service, Rehearsal)
		if len(facts.Servers) != 2 || facts.Zone != Zone {
			t.Fatalf("got %+v", facts)
		}
		for _, address := range []string{t.Primary, t.Secondary} {
			s := t.at(facts, address)
			if s.Err != "" || s.Serial == 0 || s.Server == "" {
				t.Errorf("got %+v", s)
			}
			exactly(t.T, s.Sets, Initial())
		}
	}},
	{"every type is seen exactly", Options{Sets: everyType}, func(t *test) {
		t.serves(everyType...)
	}},
	{"what a CNAME leads to is not the name's own", Options{Sets: everyType}, func(t *test) {
		exactly(t.T, t.at(t.observe("alias.golemtrust.am."), t.Primary).Sets, everyType[5:])
	}},
	{"a name that does not exist has no sets", Options{}, func(t *test) {
		s := t.at(t.observe("nothing.golemtrust.am."), t.Primary)
		if s.Err != "" || len(s.Sets) != 0 {
			t.Errorf("got %+v", s)
		}
	}},
	{"the case of a name is of no account", Options{}, func(t *test) {
		facts, err := t.Provider.Observe(t.ctx, "GolemTrust.AM", "", []string{"Royal-Bank-API.golemtrust.am"})
		if err != nil {
			t.Fatal(err)
		}
		exactly(t.T, t.at(facts, t.Primary).Sets, Initial()[:1])
	}},
	{"a server that is stopped is an error of its own", Options{}, func(t *test) {
		t.StopSecondary()
		facts := t.observe(Service)
		if s := t.at(facts, t.Secondary); s.Err == "" || len(s.Sets) != 0 || s.Serial != 0 {
			t.Errorf("the stopped server has %+v", s)
		}
		exactly(t.T, t.at(facts, t.Primary).Sets, Initial()[:1])
	}},
	{"a server that lags is seen to", Options{Lagging: true}, func(t *test) {
		t.swap(migration.OutcomeDone, Initial()[:1], sets(a(Service, 60, NewAddress)))
		facts := t.observe(Service)
		exactly(t.T, t.at(facts, t.Primary).Sets, sets(a(Service, 60, NewAddress)))
		exactly(t.T, t.at(facts, t.Secondary).Sets, Initial()[:1])
		if t.at(facts, t.Primary).Serial == t.at(facts, t.Secondary).Serial {
			t.Error("both have the same serial")
		}
		t.CatchUp()
		t.everywhere(a(Service, 60, NewAddress))
	}},
	{"an unknown zone is an error of every server", Options{}, func(t *test) {
		facts, err := t.Provider.Observe(t.ctx, "unseen-university.am.", "", []string{"x.unseen-university.am."})
		if err != nil || len(facts.Servers) != 2 {
			t.Fatalf("got %+v, %v", facts, err)
		}
		for _, s := range facts.Servers {
			if s.Err == "" {
				t.Errorf("%s serves a zone that it does not have: %+v", s.Address, s)
			}
		}
	}},
	{"a question that makes no sense is an error", Options{}, func(t *test) {
		for _, name := range []string{"a..b.golemtrust.am.", "x.example.", ""} {
			if facts, err := t.Provider.Observe(t.ctx, Zone, "", []string{name}); err == nil {
				t.Errorf("%q gives %+v", name, facts)
			}
		}
	}},
	{"an ended context ends an observation", Options{}, func(t *test) {
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		facts, err := t.Provider.Observe(ctx, Zone, "", []string{Service})
		if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
			t.Errorf("got %+v, %v", facts, err)
		}
	}},
}
