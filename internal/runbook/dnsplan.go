package runbook

import (
	"net/netip"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// movedTypes are the types of a name that lead clients to a side.
var movedTypes = []string{"A", "AAAA", "CNAME", "HTTPS", "SVCB"}

// setsOf are the sets that exist on a name and lead clients somewhere.
func setsOf(sets []migration.RRset, name string) []migration.RRset {
	var out []migration.RRset
	for _, typ := range movedTypes {
		if set := migration.FindSet(sets, name, typ); len(set.Data) > 0 {
			out = append(out, set)
		}
	}
	return out
}

// change builds one compare-and-swap over the names of a zone. after gives the
// sets that a name shall have, from those that it has; a name for which it
// gives what is there already is left alone. Every changed name changes its
// generation record with it.
func (l look) change(z zone, names []string, have []migration.RRset, p migration.Purpose, after func(name string, sets []migration.RRset) []migration.RRset) (migration.SwapRecords, bool) {
	swap := migration.SwapRecords{Zone: z.Zone, View: z.View, Provider: z.Provider, Purpose: p}
	for _, name := range names {
		before := setsOf(have, name)
		want := after(name, before)
		if equalSets(before, want) {
			continue
		}
		for _, b := range before {
			swap.Before = append(swap.Before, b)
			if w := migration.FindSet(want, b.Name, b.Type); len(w.Data) == 0 {
				swap.After = append(swap.After, migration.RRset{Name: b.Name, Type: b.Type})
			}
		}
		for _, w := range want {
			if len(migration.FindSet(before, w.Name, w.Type).Data) == 0 {
				swap.Before = append(swap.Before, migration.RRset{Name: w.Name, Type: w.Type})
			}
			swap.After = append(swap.After, w)
		}
		swap.Before = append(swap.Before, migration.FindSet(have, generationName(name), "TXT"))
		swap.After = append(swap.After, generation(l.s, name))
	}
	return swap, len(swap.After) > 0
}

func equalSets(a, b []migration.RRset) bool {
	return len(a) == len(b) && migration.SetsMatch(a, b, true)
}

// lowered are the same sets with a TTL of at most ttl seconds.
func lowered(sets []migration.RRset, ttl uint32) []migration.RRset {
	out := slices.Clone(sets)
	for i := range out {
		out[i].TTL = min(out[i].TTL, ttl)
	}
	return out
}

// leadTo are the sets that lead a name to addresses: A and AAAA, or a CNAME to
// a balancer that has only a host name (DNS-TYPE).
func leadTo(name string, addresses []string, ttl uint32) []migration.RRset {
	byType := map[string][]string{}
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a)
		switch {
		case err != nil:
			byType["CNAME"] = []string{strings.TrimSuffix(a, ".") + "."}
		case ip.Is4():
			byType["A"] = append(byType["A"], ip.String())
		default:
			byType["AAAA"] = append(byType["AAAA"], ip.String())
		}
	}
	if host, only := byType["CNAME"]; only {
		return []migration.RRset{{Name: name, Type: "CNAME", TTL: ttl, Data: host}}
	}
	var out []migration.RRset
	for _, typ := range []string{"A", "AAAA"} {
		if len(byType[typ]) > 0 {
			out = append(out, migration.RRset{Name: name, Type: typ, TTL: ttl, Data: byType[typ]})
		}
	}
	return out
}

func namesOf(z zone) []string {
	out := make([]string, len(z.Names))
	for i, n := range z.Names {
		out[i] = n.Name
	}
	return out
}

// everyZone plans one change per zone. A zone that cannot be seen gives its
// reason instead.
func (l look) everyZone(names []migration.Name, code migration.Code, plan func(zone, zoneView) (migration.SwapRecords, bool)) ([]migration.Action, []migration.Reason) {
	var todo []migration.Action
	var why []migration.Reason
	for _, z := range zonesOf(names) {
		v := l.f.zone(z.key())
		if !v.known {
			why = append(why, seen(unknown(code, "zone %s: %s", z.key(), v.err), "name servers", v.at))
			continue
		}
		if swap, needed := plan(z, v); needed {
			todo = append(todo, swap)
		}
	}
	return todo, why
}

// planLowerTTL lowers the TTL of every set of every name that has a longer one.
func planLowerTTL(l look) ([]migration.Action, []migration.Reason) {
	return l.everyZone(l.s.Spec.Names, migration.CodeAllNS, func(z zone, v zoneView) (migration.SwapRecords, bool) {
		return l.change(z, namesOf(z), v.newest().Sets, migration.ForLowerTTL, func(_ string, sets []migration.RRset) []migration.RRset {
			return lowered(sets, l.s.Policy.TTL)
		})
	})
}

// planSwitch leads every name to the address of its workload's exposure.
func planSwitch(l look) ([]migration.Action, []migration.Reason) {
	c, r, ok := l.cluster(migration.Production, migration.CodeAddress)
	if !ok {
		return nil, []migration.Reason{r}
	}
	return l.everyZone(l.s.Spec.Names, migration.CodeAllNS, func(z zone, v zoneView) (migration.SwapRecords, bool) {
		return l.change(z, namesOf(z), v.newest().Sets, migration.ForSwitch, func(name string, sets []migration.RRset) []migration.RRset {
			e, _ := findExposure(c, workloadOf(z, name))
			if len(e.Addresses) == 0 {
				return sets
			}
			return leadTo(name, e.Addresses, l.s.Policy.TTL)
		})
	})
}

func workloadOf(z zone, name string) string {
	for _, n := range z.Names {
		if n.Name == name {
			return n.Workload
		}
	}
	return ""
}

// planRehearse switches the rehearsal record to the staging exposure and then
// back, both for real.
func planRehearse(l look) ([]migration.Action, []migration.Reason) {
	if l.s.Spec.Rehearsal == nil {
		return nil, nil
	}
	c, r, ok := l.cluster(migration.Staging, migration.CodeAddress)
	if !ok {
		return nil, []migration.Reason{r}
	}
	name := *l.s.Spec.Rehearsal
	e, _ := findExposure(c, l.stagingWorkload())
	forward := l.rehearsalDone(migration.ForRehearsal)
	return l.everyZone([]migration.Name{name}, migration.CodeAllNS, func(z zone, v zoneView) (migration.SwapRecords, bool) {
		have := v.newest().Sets
		switch {
		case !forward:
			return l.change(z, namesOf(z), have, migration.ForRehearsal, func(n string, sets []migration.RRset) []migration.RRset {
				if len(e.Addresses) == 0 {
					return sets
				}
				return leadTo(n, e.Addresses, l.s.Policy.TTL)
			})
		case !l.rehearsalDone(migration.ForRehearsalBack):
			return l.change(z, namesOf(z), have, migration.ForRehearsalBack, func(n string, sets []migration.RRset) []migration.RRset {
				return lowered(l.origin(n, sets), l.s.Policy.TTL)
			})
		}
		return migration.SwapRecords{}, false
	})
}

// stagingWorkload is the workload whose exposure the rehearsal record leads to.
func (l look) stagingWorkload() string {
	if w := l.s.Spec.Rehearsal.Workload; w != "" || len(l.s.Spec.Names) == 0 {
		return w
	}
	return l.s.Spec.Names[0].Workload
}

func (l look) rehearsalDone(p migration.Purpose) bool {
	n := l.s.Spec.Rehearsal
	_, done := l.s.Done[doneKey(migration.StepRehearse, migration.SwapRecords{Zone: n.Zone, View: n.View, Purpose: p})]
	return done
}

// origin are the sets of a name as they were first found; sets, where it has
// never been changed.
func (l look) origin(name string, sets []migration.RRset) []migration.RRset {
	var out []migration.RRset
	touched := false
	for _, typ := range movedTypes {
		o, ok := l.s.Origin[migration.RRset{Name: name, Type: typ}.Key()]
		touched = touched || ok
		if ok && len(o.Data) > 0 {
			out = append(out, o)
		}
	}
	if !touched {
		return sets
	}
	return out
}
