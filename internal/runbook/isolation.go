package runbook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// whenIsolated lets a plan go on only while staging reaches nothing of
// production's: a drill kills pods and sends load.
func whenIsolated(p plan) plan {
	return func(l look) ([]migration.Action, []migration.Reason) {
		found := l.survey([]survey{isolated})
		if bad := failing(found); len(bad) > 0 {
			return nil, bad
		}
		todo, why := p(l)
		if len(todo) > 0 {
			why = append(found, why...) // it is journalled with what is done in its trust
		}
		return todo, why
	}
}

// isolated demands that the pods of staging neither name nor talk to what the
// machines use, unless that was declared safe, and that what staging has otherwise
// than production was read and approved. Unknown is not isolated.
func isolated(l look) []migration.Reason {
	o := l.f.Isolation
	switch {
	case l.foreseen && o.At.IsZero():
		return []migration.Reason{unknown(migration.CodeIsolated, "what staging reaches is looked at once its pods run, and before each drill")}
	case !o.Known():
		r := migration.Reason{
			Code: migration.CodeIsolated, Verdict: migration.Unknown, Source: o.Source, At: o.At,
			Text: "what staging reaches is unknown: " + cmp.Or(o.Err, "nobody has looked yet"),
		}
		return []migration.Reason{hint(r, "no drill is made until it is known; judged by hand: rehome waive %s %s --reason … --until …", l.s.Key, migration.CodeIsolated)}
	}
	var out []migration.Reason
	if r := l.peersApart(o.Value); !r.OK() {
		out = append(out, seen(r, o.Source, o.At))
	}
	if r := l.differencesRead(o.Value); !r.OK() {
		out = append(out, seen(r, o.Source, o.At))
	}
	if len(out) == 0 {
		out = append(out, seen(l.apart(o.Value), o.Source, o.At))
	}
	return out
}

// peersApart demands that no peer of staging is production's.
func (l look) peersApart(f migration.IsolationFacts) migration.Reason {
	var bad, addresses []string
	for _, p := range f.Peers {
		if _, safe := l.safe(p); l.production(p) && !safe {
			bad = append(bad, peerText(p))
			addresses = append(addresses, p.Address)
		}
	}
	if len(bad) == 0 {
		return passes(migration.CodeIsolated, "no peer of staging is production's")
	}
	r := fails(migration.CodeIsolated, "staging reaches what the machines use: %s", strings.Join(bad, "; "))
	r.Required = "no store, queue, mail or payment peer of production, but for those that are declared safe"
	return hint(r, "lead staging to a peer of its own, or declare drills.safePeers with the reason: %s", strings.Join(addresses, ", "))
}

// differencesRead demands that each difference between the two environments was
// approved as it is worded.
func (l look) differencesRead(f migration.IsolationFacts) migration.Reason {
	var unread []string
	for _, d := range f.Differences {
		if !slices.Contains(l.s.Spec.Drills.Approved, d) {
			unread = append(unread, d)
		}
	}
	if len(unread) == 0 {
		return passes(migration.CodeIsolated, "every difference was approved")
	}
	r := fails(migration.CodeIsolated, "staging differs from production, and nobody has approved it: %s", strings.Join(unread, "; "))
	return hint(r, "read each; what is right goes into drills.approved, word by word")
}

// apart says what was seen, where nothing is wrong with it.
func (l look) apart(f migration.IsolationFacts) migration.Reason {
	text := "staging reaches nothing that the machines use"
	if n := len(f.Peers); n > 0 {
		text = fmt.Sprintf("none of the %d peers of staging is production's", n)
	}
	var safe []string
	for _, p := range f.Peers {
		if s, ok := l.safe(p); ok && l.production(p) {
			safe = append(safe, fmt.Sprintf("%s (%s)", p.Address, s.Reason))
		}
	}
	if len(safe) > 0 {
		text += ", but for those declared safe: " + strings.Join(safe, ", ")
	}
	if n := len(f.Differences); n > 0 {
		text += fmt.Sprintf("; %d differences from production are approved", n)
	}
	return passes(migration.CodeIsolated, "%s", text)
}

// production says whether a peer is the machines' own: seen there, or declared as
// a store of the application.
func (l look) production(p migration.StagingPeer) bool {
	return p.Production || slices.ContainsFunc(l.s.Spec.Data.Stores, func(s string) bool { return sameHost(s, p.Address) })
}

// safe is the declaration that lets staging reach a peer.
func (l look) safe(p migration.StagingPeer) (migration.SafePeer, bool) {
	for _, s := range l.s.Spec.Drills.SafePeers {
		if sameHost(s.Address, p.Address) {
			return s, true
		}
	}
	return migration.SafePeer{}, false
}

// sameHost says whether an address, host or host:port, covers another. One without
// a port covers every port of its host.
func sameHost(covering, address string) bool {
	host, port := hostPort(covering)
	h, p := hostPort(address)
	return host != "" && host == h && (port == "" || port == p)
}

// hostPort takes an address apart: host, host:port, [address]:port or an address of
// IPv6 alone.
func hostPort(address string) (host, port string) {
	host = address
	if i := strings.LastIndexByte(address, ':'); i >= 0 && (strings.Count(address, ":") == 1 || strings.HasSuffix(address[:i], "]")) {
		host, port = address[:i], address[i+1:]
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), ".")), port
}

func peerText(p migration.StagingPeer) string {
	text := p.Address
	if p.Kind != "" {
		text += ", " + p.Kind
	}
	if len(p.Seen) > 0 {
		text += " (" + strings.Join(p.Seen[:min(len(p.Seen), mostEvidence)], "; ") + ")"
	}
	return text
}
