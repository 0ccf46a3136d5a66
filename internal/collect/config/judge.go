package config

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// judge looks through a file that was read: which of its settings are what, does
// it name this machine, where are secrets and addresses.
func (w *walk) judge(e *inventory.TreeEntry, name string, c content) {
	binary := bytes.IndexByte(c.data[:min(len(c.data), 8192)], 0) >= 0
	if c.large && !binary {
		for _, s := range []inventory.Subject{inventory.SubjectSecrets, inventory.SubjectAddresses} {
			w.scope.Gaps.Add(s, inventory.Name(name), "is too large to be looked through to its end")
		}
	}
	for _, p := range scan.Locate(name, c.data) {
		if p.Doubtful {
			continue // no fact
		}
		w.facts.Secrets = append(w.facts.Secrets, inventory.SecretPlace{File: inventory.Name(name), Line: p.Line, Key: inventory.Name(p.Key), Rule: p.Rule, In: "file"})
	}
	if binary {
		return
	}
	format, settings := scan.Settings(name, c.data)
	w.named(settings)
	if len(w.key) > 0 && format.Keyed() {
		e.Keys = w.keys(settings)
	}
	e.PerHost = w.own.in(c.data)
	w.uses(name, c.data)
	for _, l := range literals(format, c.data, settings) {
		l.File = inventory.Name(name)
		w.facts.Addresses = append(w.facts.Addresses, l)
	}
}

// keys are the digests of the settings; of a key that is set several times, of
// all its values in their order.
func (w *walk) keys(settings []scan.Setting) map[string]string {
	values := map[string][]string{}
	for _, s := range settings {
		key := inventory.Name(s.Printable())
		values[key] = append(values[key], s.Value)
	}
	if len(values) == 0 || len(values) > mostKeys {
		return nil // the digest of the whole file has to do
	}
	out := make(map[string]string, len(values))
	for key, all := range values {
		out[key] = w.digest(key, strings.Join(all, "\x00"))
	}
	return out
}

// mostKeys bounds the settings of a file that are listed: beyond it the file is
// data.
const mostKeys = 2000

// uses marks the entries of /etc/hosts that the file names, and notes where it
// names a card of this machine: licences are bound that way.
func (w *walk) uses(name string, data []byte) {
	for i := range w.facts.Host.Hosts {
		h := &w.facts.Host.Hosts[i]
		h.Used = h.Used || slices.ContainsFunc(h.Names, func(n string) bool { return mentions(data, n) })
	}
	for mac, card := range w.own.cards {
		if what := "file " + inventory.Name(name) + ": names the address of the card " + card; containsFold(data, mac) && !slices.Contains(w.facts.Host.Licences, what) {
			w.facts.Host.Licences = append(w.facts.Host.Licences, what)
		}
	}
}

// names are what a machine is called, and nothing else is.
type names struct {
	words     []string
	addresses map[netip.Addr]bool
	cards     map[string]string // MAC to name
}

// ownNames gathers them. A short name counts only where it can hardly be a word:
// "bank" would stand in any file of a bank.
func ownNames(s *scope.Scope, f *inventory.Facts) names {
	n := names{addresses: map[netip.Addr]bool{}, cards: map[string]string{}}
	add := func(name string) {
		if name = strings.ToLower(name); telling(name) && !slices.Contains(n.words, name) {
			n.words = append(n.words, name)
		}
	}
	add(f.Host.Name)
	short, _, _ := strings.Cut(f.Host.Name, ".")
	add(short)
	for _, c := range f.Host.Interfaces {
		for _, a := range c.Addresses {
			if p, err := netip.ParsePrefix(a); err == nil && !p.Addr().IsLinkLocalUnicast() {
				n.addresses[p.Addr()] = true
			}
		}
		if c.MAC != "" && c.MAC != "00:00:00:00:00:00" {
			n.cards[c.MAC] = c.Name
		}
	}
	for _, own := range hostLines(s.Root) {
		if n.addresses[own.address] || own.address == netip.MustParseAddr("127.0.1.1") {
			for _, name := range own.names {
				if first, _, dotted := strings.Cut(name, "."); dotted && strings.EqualFold(first, short) {
					add(name)
				}
			}
		}
	}
	return n
}

func telling(name string) bool {
	if strings.HasPrefix(name, "localhost") || name == "" {
		return false
	}
	return strings.ContainsAny(name, ".") || len(name) > 3 && strings.ContainsAny(name, "0123456789-")
}

// in says whether a file names this machine.
func (n names) in(data []byte) bool {
	lower := bytes.ToLower(data)
	for _, w := range n.words {
		if mentions(lower, w) {
			return true
		}
	}
	for a := range maps.Keys(n.addresses) {
		if mentions(lower, a.String()) {
			return true
		}
	}
	return false
}

func containsFold(data []byte, mac string) bool {
	return bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(mac)))
}

// mentions says whether a name stands alone in data: with nothing around it that
// could make it a part of another one.
func mentions(data []byte, name string) bool {
	if name == "" {
		return false
	}
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(name))
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(name)
		before := start == 0 || !partOfName(data[start-1])
		after := end == len(data) || !partOfName(data[end]) || data[end] == '.' && (end+1 == len(data) || !partOfName(data[end+1]))
		if before && after {
			return true
		}
		from = start + 1
	}
}

func partOfName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
