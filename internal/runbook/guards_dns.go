package runbook

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// perZone runs a check over every zone of the names and gives the first reason
// that does not pass, or the last that does.
func (l look) perZone(code migration.Code, check func(zone, zoneView) migration.Reason) migration.Reason {
	out := passes(code, "no names")
	for _, z := range zonesOf(l.s.Spec.Names) {
		v := l.f.zone(z.key())
		if !v.known {
			return seen(unknown(code, "zone %s: %s", z.key(), v.err), "name servers", v.at)
		}
		out = seen(check(z, v), "name servers", v.at)
		if !out.Verdict.OK() {
			return out
		}
	}
	return out
}

// allServers demands that every name server of every zone answers, and that
// all of them give the same sets.
func allServers(l look) migration.Reason {
	return l.perZone(migration.CodeAllNS, func(z zone, v zoneView) migration.Reason {
		if len(v.silent()) > 0 {
			return unknown(migration.CodeAllNS, "%d of %d name servers of %s do not answer: %s", len(v.silent()), len(v.facts.Servers), z.key(), v.silence())
		}
		first := v.facts.Servers[0]
		for _, s := range v.facts.Servers[1:] {
			for _, name := range namesOf(z) {
				if !equalSets(setsOf(first.Sets, name), setsOf(s.Sets, name)) {
					return watches(fails(migration.CodeAllNS, "%s and %s give different sets for %s", first.Server, s.Server, name))
				}
			}
		}
		return passes(migration.CodeAllNS, "all %d name servers of %s agree", len(v.facts.Servers), z.key())
	})
}

// ours demands that every name leads where it is expected to: to the old entry
// before the switch, or where this attempt's switch has already led it.
func ours(l look) migration.Reason {
	return l.perZone(migration.CodeForeign, func(z zone, v zoneView) migration.Reason {
		have := v.newest().Sets
		for _, name := range namesOf(z) {
			sets := setsOf(have, name)
			if moved, ok := l.s.Swaps[z.key()]; ok && dataReached(have, onlyName(moved.After, name)) {
				continue
			}
			expect := l.origin(name, nil)
			if expect == nil {
				expect = leadTo(name, l.s.Spec.OldEntry.Addresses, l.s.Policy.TTL)
			}
			if !dataReached(sets, expect) || len(sets) != len(expect) {
				return hint(fails(migration.CodeForeign, "%s leads to %s, expected %s", name, dataOf(sets), dataOf(expect)),
					"find out who changed it and set it back; where the file is wrong, correct it, and if an attempt has changed the records: rehome abort, then run --restart")
			}
		}
		return passes(migration.CodeForeign, "every name in %s leads where it is expected to", z.key())
	})
}

func onlyName(sets []migration.RRset, name string) []migration.RRset {
	return slices.DeleteFunc(slices.Clone(sets), func(s migration.RRset) bool { return s.Name != name })
}

func dataOf(sets []migration.RRset) string {
	if len(sets) == 0 {
		return "nothing"
	}
	out := make([]string, len(sets))
	for i, s := range sets {
		out[i] = s.Type + " " + strings.Join(s.Data, ",")
	}
	return strings.Join(out, " and ")
}

// families blocks where an HTTPS or SVCB set could keep leading clients to the
// old side by its hints; A, AAAA and CNAME are all switched in one change.
func families(l look) migration.Reason {
	return l.perZone(migration.CodeFamilies, func(z zone, v zoneView) migration.Reason {
		var found []string
		for _, name := range namesOf(z) {
			for _, set := range setsOf(v.newest().Sets, name) {
				if set.Type == "HTTPS" || set.Type == "SVCB" {
					return hint(fails(migration.CodeFamilies, "%s has a %s set, whose hints this version cannot rewrite", name, set.Type), "remove it a day before, and run again")
				}
				found = append(found, name+" "+set.Type)
			}
		}
		return passes(migration.CodeFamilies, "switched together: %s", strings.Join(found, ", "))
	})
}

// atomic says how a change of this zone is made: by one UPDATE under
// prerequisites, so that no moment exists without an answer (DNS-NEGATIVE) and
// whole sets are replaced (DNS-SPLIT, DNS-TYPE). Other kinds of provider are
// not known to this version.
func atomic(code migration.Code, what string) guard {
	return func(l look) migration.Reason {
		for _, z := range zonesOf(l.s.Spec.Names) {
			switch typ := providerType(l.s.Policy, z.Provider); typ {
			case "rfc2136", "memory":
			default:
				return migration.Reason{Code: code, Verdict: migration.Unknown, Text: fmt.Sprintf("provider %s (%s): not known whether %s", z.Provider, typ, what)}
			}
		}
		return passes(code, "one change per zone under exact preconditions: %s", what)
	}
}

func providerType(p migration.Policy, name string) string {
	for _, c := range p.DNSProviders {
		if c.Name == name {
			return c.Type
		}
	}
	return "undeclared"
}

// private says that the authoritative servers themselves could be asked.
func private(l look) migration.Reason {
	return l.perZone(migration.CodePrivate, func(z zone, v zoneView) migration.Reason {
		return passes(migration.CodePrivate, "zone %s has %d name servers that answer", z.key(), len(v.answering()))
	})
}

// floor demands that the TTL really is as low as it was set.
func floor(l look) migration.Reason {
	return l.perZone(migration.CodeFloor, func(z zone, v zoneView) migration.Reason {
		for _, s := range v.answering() {
			for _, name := range namesOf(z) {
				for _, set := range setsOf(s.Sets, name) {
					if set.TTL > l.s.Policy.TTL {
						return watches(fails(migration.CodeFloor, "%s: %s answers with a TTL of %d s, required %d s", set.Name, s.Server, set.TTL, l.s.Policy.TTL))
					}
				}
			}
		}
		return passes(migration.CodeFloor, "the TTL is at most %d s on every server", l.s.Policy.TTL)
	})
}

// lead demands that the lowered TTL has been served by every server for the
// policy's lead, and for as long as the highest TTL that was in force.
func lead(l look) migration.Reason {
	t := l.s.TTLLow
	if t == nil {
		return fails(migration.CodeTTLLead, "the TTL has not been lowered on every name server yet")
	}
	wait := max(l.s.Policy.Lead, time.Duration(t.Highest)*time.Second)
	until := t.Since.Add(wait)
	if l.now.Before(until) {
		return waits(fails(migration.CodeTTLLead, "the TTL is low since %s; the lead of %s ends %s", t.Since.Format(time.RFC3339), wait, until.Format(time.RFC3339)), until)
	}
	return seen(passes(migration.CodeTTLLead, "the TTL is low on every server since %s", t.Since.Format(time.RFC3339)), "name servers", t.Since)
}

// typeKnown says that what the names lead to can be written in a record.
func typeKnown(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeType)
	if !ok {
		return r
	}
	for _, w := range l.s.Spec.Exposed() {
		e, _ := findExposure(c, w.Name)
		hosts := 0
		for _, a := range e.Addresses {
			if _, err := netip.ParseAddr(a); err != nil {
				hosts++
			}
		}
		if hosts > 0 && len(e.Addresses) > 1 {
			return fails(migration.CodeType, "the balancer of %s has several addresses, one of them a host name: no record can hold both", w.Name)
		}
		if apex := l.apexOf(w.Name); hosts > 0 && apex != "" {
			return hint(fails(migration.CodeType, "%s is the zone's apex and cannot be a CNAME", apex), "give the balancer an address, or use a provider with alias records")
		}
	}
	return passes(migration.CodeType, "the balancer's address can be written in one change")
}

func (l look) apexOf(workload string) string {
	for _, n := range l.s.Spec.Names {
		if n.Workload == workload && strings.EqualFold(n.Name, n.Zone) {
			return n.Name
		}
	}
	return ""
}

// backEverywhere demands that every name server leads back to the old side. A
// server that lags or is silent is waited for only as long as a change may take.
func backEverywhere(l look) migration.Reason {
	var lagging []string
	for _, z := range l.s.switched() {
		moved := l.s.Swaps[z.key()]
		v := l.f.zone(z.key())
		if !v.known {
			return seen(unknown(migration.CodeAllNS, "zone %s: %s", z.key(), v.err), "name servers", v.at)
		}
		back := 0
		for _, s := range v.answering() {
			if l.isBack(s.Sets, moved) {
				back++
			}
		}
		if back < len(v.facts.Servers) && l.now.Sub(l.s.Since) < l.s.Policy.Propagation {
			return seen(watches(fails(migration.CodeAllNS, "%d of %d name servers of %s lead back; %s", back, len(v.facts.Servers), z.key(), v.silence())), "name servers", v.at)
		}
		if back == 0 {
			return seen(watches(fails(migration.CodeAllNS, "no name server of %s leads back", z.key())), "name servers", v.at)
		}
		if back < len(v.facts.Servers) {
			lagging = append(lagging, fmt.Sprintf("only %d of %d of %s", back, len(v.facts.Servers), z.key()))
		}
	}
	if len(lagging) > 0 {
		return passes(migration.CodeAllNS, "the name servers lead back to the old side, but %s so far", strings.Join(lagging, ", "))
	}
	return passes(migration.CodeAllNS, "the name servers lead back to the old side")
}

// isBack says whether a server gives none of what the switch wrote.
func (l look) isBack(have []migration.RRset, moved migration.SwapRecords) bool {
	for _, b := range moved.Before {
		if isGeneration(b) {
			continue
		}
		h := migration.FindSet(have, b.Name, b.Type)
		if !h.SameData(b) && !l.over(h) {
			return false
		}
	}
	return true
}
