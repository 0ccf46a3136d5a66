package dnstest

import (
	"fmt"
	"strings"
	"sync"

	"rehome.dev/rehome/internal/migration"
)

var swapCases = []testCase{
	{"a set is replaced as a whole", Options{}, func(t *test) {
		t.swap(migration.OutcomeDone, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.everywhere(a(Service, 60, NewAddress))
		t.serves(Initial()[1])
	}},
	{"nothing but the TTL is changed", Options{}, func(t *test) {
		t.swap(migration.OutcomeDone, Initial()[:1], sets(a(Service, 60, OldAddress)))
		t.everywhere(a(Service, 60, OldAddress))
	}},
	{"several names change together", Options{}, func(t *test) {
		t.swap(migration.OutcomeDone, Initial(), sets(a(Service, 60, NewAddress), a(Rehearsal, 60, NewAddress, "10.77.0.201")))
		t.everywhere(a(Service, 60, NewAddress), a(Rehearsal, 60, NewAddress, "10.77.0.201"))
	}},
	{"several names change together or not at all", Options{}, func(t *test) {
		t.swap(migration.OutcomeForeign, sets(Initial()[0], a(Rehearsal, 300, "10.77.0.99")),
			sets(a(Service, 60, NewAddress), a(Rehearsal, 60, NewAddress)))
		t.serves(Initial()...)
	}},
	{"every family changes together", Options{Sets: everyType}, func(t *test) {
		after := sets(set("x.golemtrust.am.", "A", 60, NewAddress), set("x.golemtrust.am.", "AAAA", 60, "2001:db8::200"),
			set("x.golemtrust.am.", "HTTPS", 60, `1 . alpn="h2" ipv4hint="10.77.0.200"`), set("x.golemtrust.am.", "SVCB", 0),
			everyType[4])
		t.swap(migration.OutcomeDone, everyType[:5], after)
		t.everywhere(after...)
		t.swap(migration.OutcomeDone, after, everyType[:5])
		t.everywhere(everyType[:5]...)
	}},
	{"an address becomes an alias and an address again", Options{}, func(t *test) {
		address, alias := sets(Initial()[0], set(Service, "CNAME", 0)), sets(a(Service, 0), set(Service, "CNAME", 60, "LB.example.com"))
		t.swap(migration.OutcomeDone, address, alias)
		t.everywhere(set(Service, "CNAME", 60, "lb.example.com."))
		t.swap(migration.OutcomeDone, alias, address)
		t.everywhere(Initial()[0])
	}},
	{"the order of data is of no account", Options{Sets: everyType}, func(t *test) {
		t.swap(migration.OutcomeDone, sets(a("x.golemtrust.am.", 60, "10.0.0.2", "10.0.0.1")), sets(a("x.golemtrust.am.", 60, NewAddress)))
	}},
	{"the case of names is of no account", Options{Sets: everyType}, func(t *test) {
		t.swap(migration.OutcomeDone, sets(set("Alias.GolemTrust.AM", "cname", 65, "X.golemtrust.am")),
			sets(set("ALIAS.golemtrust.am.", "CNAME", 60, "y.golemtrust.am.")))
		t.everywhere(set("alias.golemtrust.am.", "CNAME", 60, "y.golemtrust.am."))
	}},
	{"long and quoted texts are kept", Options{}, func(t *test) {
		long := `"` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", 255) + `" "z; \"\\ \195\182"`
		text := set(Generation, "TXT", 60, long, `""`)
		t.swap(migration.OutcomeDone, sets(set(Generation, "TXT", 0)), sets(text))
		t.everywhere(set(Generation, "TXT", 60, `""`, long))
		t.swap(migration.OutcomeDone, sets(text), sets(generation("1")))
		t.everywhere(generation("1"))
	}},
	{"what was observed can be demanded", Options{Sets: everyType}, func(t *test) {
		seen := t.at(t.observe("x.golemtrust.am.", "alias.golemtrust.am."), t.Primary).Sets
		t.swap(migration.OutcomeDone, seen, seen)
		t.serves(everyType...)
	}},
	{"a set is removed", Options{}, func(t *test) {
		t.swap(migration.OutcomeDone, Initial()[1:], sets(a(Rehearsal, 0)))
		t.everywhere(a(Rehearsal, 0))
		t.serves(Initial()[0])
	}},
	{"of changes at once exactly one is made", Options{}, func(t *test) {
		const rivals = 6
		var wait sync.WaitGroup
		outcomes := make([]migration.Outcome, rivals)
		faults := make([]error, rivals)
		for i := range rivals {
			wait.Go(func() {
				after := sets(a(Service, 60, fmt.Sprintf("10.77.1.%d", i)))
				outcomes[i], faults[i] = t.Provider.Swap(t.ctx, change(Initial()[:1], after))
			})
		}
		wait.Wait()
		winner := -1
		for i, o := range outcomes {
			switch {
			case o == migration.OutcomeDone && winner < 0 && faults[i] == nil:
				winner = i
			case o != migration.OutcomeForeign || faults[i] != nil:
				t.Errorf("rival %d ended %s, %v", i, o, faults[i])
			}
		}
		if winner < 0 {
			t.Fatal("nobody won")
		}
		t.serves(a(Service, 60, fmt.Sprintf("10.77.1.%d", winner)))
	}},
}

var foreignCases = []testCase{
	{"a set that somebody changed is left alone", Options{}, func(t *test) {
		t.Foreign(a(Service, 300, "10.66.6.6"))
		t.swap(migration.OutcomeForeign, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.serves(a(Service, 300, "10.66.6.6"))
	}},
	{"a set that somebody added to is left alone", Options{}, func(t *test) {
		t.Foreign(a(Service, 300, OldAddress, "10.66.6.6"))
		t.swap(migration.OutcomeForeign, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.serves(a(Service, 300, OldAddress, "10.66.6.6"))
	}},
	{"a set that somebody took from is left alone", Options{Sets: everyType}, func(t *test) {
		t.Foreign(a("x.golemtrust.am.", 60, "10.0.0.1"))
		t.swap(migration.OutcomeForeign, everyType[:1], sets(a("x.golemtrust.am.", 60, NewAddress)))
	}},
	{"a set that somebody removed is not made again", Options{}, func(t *test) {
		t.Foreign(a(Service, 0))
		t.swap(migration.OutcomeForeign, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.serves(a(Service, 0))
	}},
	{"a set that must not be there stops a change", Options{}, func(t *test) {
		v6 := func(data ...string) migration.RRset { return set(Service, "AAAA", 60, data...) }
		before, after := sets(Initial()[0], v6()), sets(a(Service, 60, NewAddress), v6("2001:db8::200"))
		t.Foreign(v6("2001:db8::66"))
		t.swap(migration.OutcomeForeign, before, after)
		t.serves(Initial()[0], v6("2001:db8::66"))
		t.Foreign(v6())
		t.swap(migration.OutcomeDone, before, after)
		t.everywhere(after...)
	}},
	{"an alias never comes beside data that the change does not know", Options{}, func(t *test) {
		text := set(Service, "TXT", 60, `"of somebody else"`)
		t.Foreign(text)
		t.swap(migration.OutcomeForeign, sets(Initial()[0], set(Service, "CNAME", 0)),
			sets(a(Service, 0), set(Service, "CNAME", 60, "lb.example.com.")))
		t.serves(Initial()[0], text)
	}},
	{"data never comes beside an alias that the change does not know", Options{Sets: everyType}, func(t *test) {
		t.swap(migration.OutcomeForeign, sets(a("alias.golemtrust.am.", 0)), sets(a("alias.golemtrust.am.", 60, NewAddress)))
		t.serves(everyType[5])
	}},
	{"what cannot be seen: a TTL that somebody changed", Options{}, func(t *test) {
		t.Foreign(a(Service, 7200, OldAddress))
		t.swap(migration.OutcomeDone, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.serves(a(Service, 60, NewAddress))
	}},
}
