package readiness

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// passesOn says whether a web server or balancer is among the application's
// processes: then its configuration says whom it dials.
func (m machine) passesOn() bool {
	return slices.ContainsFunc(m.Processes, func(p inventory.Process) bool {
		return inventory.ProxyKind(p.Executable) != "" || inventory.ProxyKind(p.Name) != ""
	})
}

// backends are the peers that the application's own configuration as a proxy names
// and that were not seen. A backend that is a socket of the file system is judged
// here.
func (m machine) backends(o *opinion) []inventory.Peer {
	var out []inventory.Peer
	for _, p := range m.Proxies {
		if !p.Own {
			continue
		}
		at := fmt.Sprintf("%s:%d", p.File, p.Line)
		if len(p.Backends) == 0 {
			o.doubt(m, 0, "%s passes requests on, and to whom is not known", at)
		}
		for _, b := range p.Backends {
			if path, is := strings.CutPrefix(b, "unix:"); is {
				m.passesTo(o, path, at)
				continue
			}
			host, text := hostPort(b)
			port, err := strconv.Atoi(text)
			if err != nil {
				o.doubt(m, 0, "%s passes requests to %s, which is no address with a port", at, b)
				continue
			}
			peer := m.named(host, port)
			if !slices.ContainsFunc(slices.Concat(m.Peers, out), func(q inventory.Peer) bool { return sameEnd(peer, q) }) {
				out = append(out, peer)
			}
		}
	}
	return out
}

// passesTo judges a backend behind a socket of the file system.
func (m machine) passesTo(o *opinion, path, at string) {
	for _, s := range m.Sockets {
		if s.Path == path && (s.Listening || s.Shared) {
			return // its own, or judged where it was seen
		}
	}
	o.blame(m, 0, "passes requests to the socket %s (%s), which stays behind", path, at)
}

// named is the peer that a host and port of a configuration stand for.
func (m machine) named(host string, port int) inventory.Peer {
	p := inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: host, Port: port}
	if a, err := netip.ParseAddr(host); err == nil {
		p.Local = a.IsUnspecified()
		return p
	}
	p.Local = strings.EqualFold(host, "localhost") || host != "" && strings.EqualFold(host, m.Host.Name) ||
		slices.ContainsFunc(m.Host.Hosts, func(e inventory.HostEntry) bool {
			return slices.ContainsFunc(e.Names, func(n string) bool { return strings.EqualFold(n, host) }) && m.nextDoor(inventory.Peer{Address: e.Address})
		})
	return p
}

// sameEnd says whether a peer that was dialled is the one that is named.
func sameEnd(named, p inventory.Peer) bool {
	return p.Direction == inventory.Dialled && p.Port == named.Port &&
		(p.Address == named.Address || strings.EqualFold(strings.TrimSuffix(p.Name, "."), named.Address))
}
