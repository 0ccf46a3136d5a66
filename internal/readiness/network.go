package readiness

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// reaches is EGRESS. What the application dials on its own machine stays behind
// and fails. What it dials outside is listed, and whether the cluster may reach it
// can only be seen from a pod: that is unknown here without blocking here, and
// owed to the staging drill that dials each peer. Peers that nobody could see block.
// A web server or balancer dials whom its own configuration names, too briefly to
// be seen.
func reaches(_ look, m machine) opinion {
	var o opinion
	var outside []string
	seen := []inventory.Subject{inventory.SubjectPeers, inventory.SubjectListeners, inventory.SubjectSockets}
	if m.passesOn() {
		seen = append(seen, inventory.SubjectProxies)
	}
	for _, p := range slices.Concat(m.Peers, m.backends(&o)) {
		switch {
		case p.Direction != inventory.Dialled, p.Port == 53:
			// A pod has a resolver of its own.
		case !m.nextDoor(p):
			if peer := peerName(p); !slices.Contains(outside, peer) {
				outside = append(outside, peer)
				o.note(m, p.Seen, "dials %s", peer)
			}
		case m.itself(p):
			// Its own listener goes along.
		default:
			by := ""
			if p.Process != "" {
				by = " (" + p.Process + ")"
			}
			o.blame(m, p.Seen, "dials %s%s on its own machine, which stays behind", peerName(p), by)
		}
	}
	for _, s := range m.Sockets {
		if s.Shared && !s.Listening && !systemSocket(s) {
			o.blame(m, 0, "talks to %s through the socket %s, which stays behind", orElse(s.Peer, "another process"), s.Path)
		}
	}
	o.remedy = "give it an address that a pod can reach, and check it there"
	o = m.concludeOver(o, "it dials nobody", seen...)
	if o.verdict == migration.Pass && len(outside) > 0 {
		o.later = true
		o.remedy = "let firewalls and network policies know the cluster's addresses; each peer is dialled from a pod in staging"
		return o.unknown("it dials %s; whether the cluster may reach them is owed to the staging drill %s", some(outside), migration.DrillDial)
	}
	return o
}

func peerName(p inventory.Peer) string {
	at := netAddress(p.Address, p.Port)
	if p.Name != "" {
		return at + " (" + strings.TrimSuffix(p.Name, ".") + ")"
	}
	return at
}

func netAddress(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// nextDoor says whether a peer is on the machine itself.
func (m machine) nextDoor(p inventory.Peer) bool {
	a, err := netip.ParseAddr(p.Address)
	return p.Local || (err == nil && a.IsLoopback()) || slices.Contains(addresses(m.Facts), p.Address)
}

// itself says whether a peer is one of the application's own listeners.
func (m machine) itself(p inventory.Peer) bool {
	return slices.ContainsFunc(m.Listeners, func(l inventory.Listener) bool {
		return l.Port == p.Port && strings.TrimSuffix(l.Protocol, "6") == strings.TrimSuffix(p.Protocol, "6")
	})
}

// systemSocket says whether a socket is one that every service has, that a pod
// does without, or that has no name and so was handed down by who started it.
func systemSocket(s inventory.UnixSocket) bool {
	if s.Path == "" || strings.HasPrefix(s.Peer, "systemd") || strings.HasPrefix(s.Peer, "dbus-") || s.Peer == "nscd" {
		return true
	}
	return slices.ContainsFunc([]string{"/run/systemd", "/var/run/systemd", "/dev/log", "/run/dbus", "/var/run/dbus", "/run/nscd", "/var/run/nscd", "/run/user"},
		func(dir string) bool { return inventory.Below(s.Path, dir) })
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// hardAddress is HARD-ADDRESS: an address in a configuration follows no move.
func hardAddress(_ look, m machine) opinion {
	var o opinion
	own := addresses(m.Facts)
	for _, a := range m.Addresses {
		o.command = "grep -n -F -e " + quote(a.Address) + " " + quote(a.File)
		if slices.Contains(own, a.Address) {
			o.blame(m, 0, "%s:%d has the address %s of this very machine", a.File, a.Line, a.Address)
			continue
		}
		o.blame(m, 0, "%s:%d has the address %s", a.File, a.Line, a.Address)
	}
	return m.conclude(o, "its configuration holds no address", inventory.SubjectAddresses, inventory.SubjectTrees)
}

// peerAddress is PEER-ADDRESS: instances that know each other by the addresses
// of their machines do not find each other as pods.
func peerAddress(l look, m machine) opinion {
	var o opinion
	for _, p := range m.Peers {
		if p.Direction != inventory.Dialled || m.nextDoor(p) {
			continue
		}
		for _, other := range l.machines {
			if other.name != m.name && (p.Address == other.declared.Host || slices.Contains(addresses(other.Facts), p.Address) ||
				(p.Name != "" && strings.EqualFold(strings.TrimSuffix(p.Name, "."), other.declared.Host))) {
				o.blame(m, p.Seen, "dials its other instance on %s (%s)", other.name, peerName(p))
			}
		}
	}
	return m.concludeOver(o, "it dials no other machine of the migration", inventory.SubjectPeers)
}

// hostsFile is HOSTS-FILE: a pod does not have the machine's /etc/hosts.
func hostsFile(_ look, m machine) opinion {
	var o opinion
	for _, e := range m.Host.Hosts {
		if e.Used {
			o.blame(m, 0, "/etc/hosts says where %s is (%s), and it is used", strings.Join(e.Names, ", "), e.Address)
			continue
		}
		o.note(m, 0, "/etc/hosts says where %s is (%s); nothing was seen to use it", strings.Join(e.Names, ", "), e.Address)
	}
	return m.conclude(o, "no entry of /etc/hosts is used", inventory.SubjectInterfaces, inventory.SubjectPeers)
}

// multiHomed is MULTI-HOMED: a pod has one address. Cards of containers and
// bridges, and addresses that lead nowhere, do not count.
func multiHomed(_ look, m machine) opinion {
	var o opinion
	var cards []string
	for _, i := range m.Host.Interfaces {
		virtual := slices.ContainsFunc([]string{"lo", "docker*", "veth*", "br-*", "virbr*", "cni*", "podman*", "flannel*", "cali*", "lxc*"},
			func(p string) bool { return matches(i.Name, p) })
		if !i.Up || virtual {
			continue
		}
		four := 0
		for _, a := range i.Addresses {
			bare, _, _ := strings.Cut(a, "/")
			if ip, err := netip.ParseAddr(bare); err == nil && ip.Is4() && ip.IsGlobalUnicast() {
				four++
			}
		}
		if four > 0 || slices.ContainsFunc(i.Addresses, globalSix) {
			cards = append(cards, i.Name)
		}
		if four > 1 {
			o.blame(m, 0, "%s has %d addresses", i.Name, four)
		}
	}
	if len(cards) > 1 {
		o.blame(m, 0, "it has %s in use: %s", plural(len(cards), "card"), strings.Join(cards, ", "))
	}
	return m.conclude(o, "the machine has one card with one address", inventory.SubjectInterfaces)
}

func globalSix(a string) bool {
	bare, _, _ := strings.Cut(a, "/")
	ip, err := netip.ParseAddr(bare)
	return err == nil && ip.Is6() && ip.IsGlobalUnicast()
}

// listensForAll is LISTEN-LOCAL: on loopback, at one address of the machine or at
// a unix socket nobody reaches it in a pod. Judged are the ports that a workload
// declares; where none of them is open, all.
func listensForAll(l look, m machine) opinion {
	var o opinion
	open := map[int]bool{}
	for _, s := range m.Listeners {
		open[s.Port] = open[s.Port] || !s.Loopback && !s.Bound
	}
	anyOpen := slices.ContainsFunc(m.Listeners, func(s inventory.Listener) bool { return open[s.Port] })
	declared := map[int]bool{}
	for _, w := range l.Spec.Workloads {
		for _, p := range w.Ports {
			declared[int(p.Port)] = true
		}
	}
	known := slices.ContainsFunc(m.Listeners, func(s inventory.Listener) bool { return declared[s.Port] })
	for _, s := range m.Listeners {
		switch {
		case open[s.Port]:
		case known && !declared[s.Port], !known && anyOpen:
			o.note(m, s.Seen, "also listens on %s, which no other machine can reach or which is one of its addresses", netAddress(s.Address, s.Port))
		case s.Loopback:
			o.blame(m, s.Seen, "listens on %s: only the machine itself reaches it", netAddress(s.Address, s.Port))
		default:
			o.blame(m, s.Seen, "listens on %s, an address of this machine that a pod does not have", netAddress(s.Address, s.Port))
		}
	}
	for _, s := range m.Sockets {
		if len(m.Listeners) == 0 && s.Listening && s.Shared {
			o.blame(m, 0, "is reached through the socket %s alone", s.Path)
		}
	}
	o.remedy = "listen on all addresses (0.0.0.0 or ::)"
	seen := []inventory.Subject{inventory.SubjectListeners}
	if len(m.Listeners) == 0 {
		seen = append(seen, inventory.SubjectSockets)
	}
	return m.conclude(o, "its ports can be reached from outside", seen...)
}

// lowPort is PORT-PRIVILEGED: pods run without the right to open one.
func lowPort(_ look, m machine) opinion {
	var o opinion
	for _, s := range m.Listeners {
		if s.Privileged || (s.Port > 0 && s.Port < 1024) {
			o.blame(m, s.Seen, "listens on %s port %d", s.Protocol, s.Port)
		}
	}
	o.remedy = "listen above 1023 and let the Service have the low port"
	return m.conclude(o, "it listens on no port below 1024", inventory.SubjectListeners)
}

// multicast is MULTICAST: the networks of most clusters carry none. Groups that
// every machine joins by itself do not count, and the machine's others only where
// the application has a UDP socket to hear them with.
func multicast(_ look, m machine) opinion {
	var o opinion
	udp := false
	for _, s := range m.Listeners {
		udp = udp || strings.HasPrefix(s.Protocol, "udp")
		if s.Multicast {
			o.blame(m, s.Seen, "listens for multicast on %s", netAddress(s.Address, s.Port))
		}
	}
	for _, p := range m.Peers {
		if a, err := netip.ParseAddr(p.Address); err == nil && a.IsMulticast() {
			o.blame(m, p.Seen, "sends to the multicast group %s", p.Address)
		}
	}
	for _, g := range m.Host.Multicasts {
		if udp && len(o.blames) == 0 && !everyonesGroup(g) {
			o.blame(m, 0, "the machine is in the multicast group %s, and the application listens on UDP", g)
		}
	}
	return m.conclude(o, "it is in no multicast group", inventory.SubjectListeners, inventory.SubjectInterfaces)
}

// everyonesGroup says whether a group is joined by every machine: all hosts and
// all nodes, solicited nodes (RFC 4291), multicast DNS and LLMNR.
func everyonesGroup(g string) bool {
	g, _, _ = strings.Cut(g, " ") // "group on card"
	return slices.ContainsFunc([]string{"224.0.0.1", "ff01::1", "ff02::1", "ff05::1", "ff02::1:ff*", "224.0.0.251", "ff02::fb", "224.0.0.252", "ff02::1:3"},
		func(p string) bool { return matches(g, p) })
}
