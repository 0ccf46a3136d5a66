package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	peer := func(p inventory.Peer) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) {
			p.Direction, p.Protocol, p.Seen = inventory.Dialled, "tcp", 41
			f.Peers = append(f.Peers, p)
		})
	}
	socket := func(s inventory.UnixSocket) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { f.Sockets = append(f.Sockets, s) })
	}
	listener := func(l inventory.Listener) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { l.Seen = 60; f.Listeners = append(f.Listeners, l) })
	}
	only := func(l inventory.Listener) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { l.Seen = 60; f.Listeners = []inventory.Listener{l} })
	}
	undialled := func(in *Input, _ *inventory.Facts) {
		in.Report.Machines[0].Peers, in.Report.Machines[1].Peers = nil, nil
	}
	passing := func(backends ...string) func(*Input, *inventory.Facts) {
		return func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			f.Proxies = []inventory.Proxy{{Kind: "nginx", File: "/etc/nginx/nginx.conf", Line: 3, Backends: backends, Own: true}}
		}
	}
	runTrials(t, []trial{
		{"nobody", migration.CodeEgress, undialled, pass, "dials nobody"},
		{"outside", migration.CodeEgress, unchanged, unknown, "192.0.2.50:5432 (db.bank.example); whether the cluster may reach them is owed to the staging drill peers-dialled"},
		{"its own machine", migration.CodeEgress, peer(inventory.Peer{Address: "127.0.0.1", Port: 6379, Process: "redis-server", Local: true}), fail, "dials 127.0.0.1:6379 (redis-server) on its own machine"},
		{"its own machine, by address", migration.CodeEgress, peer(inventory.Peer{Address: "192.0.2.11", Port: 6379}), fail, "on its own machine"},
		{"itself", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			peer(inventory.Peer{Address: "::1", Port: 8080, Local: true})(in, f)
		}, pass, "dials nobody"},
		{"the resolver", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			peer(inventory.Peer{Address: "127.0.0.53", Port: 53, Local: true})(in, f)
		}, pass, "dials nobody"},
		{"a resolver elsewhere", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			peer(inventory.Peer{Address: "192.0.2.53", Port: 53})(in, f)
		}, pass, "dials nobody"},
		{"a client", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			f.Peers = []inventory.Peer{{Direction: inventory.Accepted, Address: "127.0.0.1", Port: 8080, Local: true}}
		}, pass, "dials nobody"},
		{"a socket next door", migration.CodeEgress, socket(inventory.UnixSocket{Path: "/run/postgresql/.s.PGSQL.5432", Peer: "postgres", Shared: true}), fail, "postgres through the socket"},
		{"the journal's socket", migration.CodeEgress, socket(inventory.UnixSocket{Path: "/run/systemd/journal/stdout", Shared: true}), unknown, "owed"},
		{"the bus", migration.CodeEgress, socket(inventory.UnixSocket{Path: "@4f2/bus/x", Peer: "dbus-daemon", Shared: true}), unknown, "owed"},
		{"handed down by its parent", migration.CodeEgress, socket(inventory.UnixSocket{Peer: "sshd", Shared: true}), unknown, "owed"},
		{"sockets not seen", migration.CodeEgress, gap(inventory.SubjectSockets), unknown, "permission denied"},
		{"one glance", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			glance(f)
		}, unknown, "too few"},
		{"peers not seen", migration.CodeEgress, gap(inventory.SubjectPeers), unknown, "permission denied"},
		{"passes on to its own machine", migration.CodeEgress, passing("127.0.0.1:8090"), fail, "dials 127.0.0.1:8090 on its own machine"},
		{"passes on by a name of its own machine", migration.CodeEgress, passing("localhost:8090"), fail, "dials localhost:8090 on its own machine"},
		{"passes on by its own address", migration.CodeEgress, passing("192.0.2.11:8090"), fail, "on its own machine"},
		{"passes on to a socket", migration.CodeEgress, passing("unix:/run/php/fpm.sock"), fail, "the socket /run/php/fpm.sock (/etc/nginx/nginx.conf:3)"},
		{"passes on to a socket of its own", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			passing("unix:/run/php/fpm.sock")(in, f)
			f.Sockets = []inventory.UnixSocket{{Path: "/run/php/fpm.sock", Listening: true}}
		}, pass, "dials nobody"},
		{"passes on to itself", migration.CodeEgress, passing("127.0.0.1:8080"), pass, "dials nobody"},
		{"passes on to others", migration.CodeEgress, passing("192.0.2.99:8090", "app.bank.example:80"), unknown, "it dials 192.0.2.99:8090; app.bank.example:80; whether"},
		{"passes on to nobody known", migration.CodeEgress, passing(), unknown, "to whom is not known"},
		{"another proxy passes on", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			passing("127.0.0.1:8090")(in, f)
			f.Proxies[0].Own = false
		}, pass, "dials nobody"},
		{"passes on, settings not seen", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			f.Processes[0].Name = "haproxy"
			gap(inventory.SubjectProxies)(in, f)
		}, unknown, "permission denied"},
		{"no proxy, others' settings not seen", migration.CodeEgress, func(in *Input, f *inventory.Facts) {
			undialled(in, f)
			gap(inventory.SubjectProxies)(in, f)
		}, pass, "dials nobody"},
		{"keeps clients for others", migration.CodeSticky, func(in *Input, f *inventory.Facts) {
			passing("192.0.2.99:8090")(in, f)
			f.Proxies[0].Sticky = "ip_hash"
		}, pass, ""},
		{"keeps clients for itself", migration.CodeSticky, func(in *Input, f *inventory.Facts) {
			passing("127.0.0.1:8080")(in, f)
			f.Proxies[0].Sticky = "ip_hash"
		}, fail, "ip_hash"},

		{"for all", migration.CodeListenLocal, unchanged, pass, ""},
		{"on loopback", migration.CodeListenLocal, only(inventory.Listener{Protocol: "tcp", Address: "127.0.0.1", Port: 8080, Loopback: true}), fail, "listens on 127.0.0.1:8080: only"},
		{"at one address", migration.CodeListenLocal, only(inventory.Listener{Protocol: "tcp", Address: "192.0.2.11", Port: 8080, Bound: true}), fail, "192.0.2.11:8080, an address of this machine"},
		{"a second port on loopback", migration.CodeListenLocal, listener(inventory.Listener{Protocol: "tcp", Address: "127.0.0.1", Port: 9000, Loopback: true}), pass, ""},
		{"for all, and on loopback too", migration.CodeListenLocal, listener(inventory.Listener{Protocol: "tcp", Address: "127.0.0.1", Port: 8080, Loopback: true}), pass, ""},
		{"another port than declared, on loopback", migration.CodeListenLocal, only(inventory.Listener{Protocol: "tcp6", Address: "::1", Port: 7000, Loopback: true}), fail, "[::1]:7000"},
		{"a socket alone", migration.CodeListenLocal, func(in *Input, f *inventory.Facts) {
			f.Listeners = nil
			socket(inventory.UnixSocket{Path: "/run/php/php-fpm.sock", Listening: true, Shared: true})(in, f)
		}, fail, "/run/php/php-fpm.sock alone"},
		{"for all, sockets not seen", migration.CodeListenLocal, gap(inventory.SubjectSockets), pass, ""},
		{"nothing, sockets not seen", migration.CodeListenLocal, func(in *Input, f *inventory.Facts) {
			f.Listeners = nil
			gap(inventory.SubjectSockets)(in, f)
		}, unknown, "permission denied"},
		{"not seen", migration.CodeListenLocal, gap(inventory.SubjectListeners), unknown, "permission denied"},

		{"high", migration.CodePrivileged, unchanged, pass, ""},
		{"low", migration.CodePrivileged, listener(inventory.Listener{Protocol: "tcp", Address: "0.0.0.0", Port: 443}), fail, "tcp port 443"},
		{"not seen", migration.CodePrivileged, gap(inventory.SubjectListeners), unknown, "permission denied"},

		{"none", migration.CodePeerAddress, unchanged, pass, ""},
		{"the other machine", migration.CodePeerAddress, peer(inventory.Peer{Address: "192.0.2.12", Port: 7800}), fail, "its other instance on vm2"},
		{"the other machine by name", migration.CodePeerAddress, peer(inventory.Peer{Address: "192.0.2.99", Port: 7800, Name: "vm2."}), fail, "its other instance on vm2"},
		{"one glance", migration.CodePeerAddress, facts(glance), unknown, "too few"},
		{"not seen", migration.CodePeerAddress, gap(inventory.SubjectPeers), unknown, "permission denied"},

		{"none", migration.CodeHostsFile, unchanged, pass, ""},
		{"used", migration.CodeHostsFile, facts(func(f *inventory.Facts) {
			f.Host.Hosts = []inventory.HostEntry{{Address: "192.0.2.50", Names: []string{"db"}, Used: true}}
		}), fail, "/etc/hosts says where db is"},
		{"not used", migration.CodeHostsFile, facts(func(f *inventory.Facts) {
			f.Host.Hosts = []inventory.HostEntry{{Address: "192.0.2.50", Names: []string{"db"}}}
		}), pass, ""},
		{"not seen", migration.CodeHostsFile, gap(inventory.SubjectInterfaces), unknown, "permission denied"},

		{"none", migration.CodeHardAddress, unchanged, pass, ""},
		{"an address", migration.CodeHardAddress, facts(func(f *inventory.Facts) {
			f.Addresses = []inventory.Literal{{File: "/etc/bank/bank.yaml", Line: 4, Address: "198.51.100.7"}}
		}), fail, "/etc/bank/bank.yaml:4 has the address 198.51.100.7"},
		{"its own address", migration.CodeHardAddress, facts(func(f *inventory.Facts) {
			f.Addresses = []inventory.Literal{{File: "/etc/bank/bank.yaml", Line: 4, Address: "192.0.2.11"}}
		}), fail, "of this very machine"},
		{"not seen", migration.CodeHardAddress, gap(inventory.SubjectAddresses), unknown, "permission denied"},

		{"one card", migration.CodeMultiHomed, unchanged, pass, ""},
		{"two cards", migration.CodeMultiHomed, facts(func(f *inventory.Facts) {
			f.Host.Interfaces = append(f.Host.Interfaces, inventory.Interface{Name: "eth1", Addresses: []string{"198.51.100.2/24"}, Up: true})
		}), fail, "2 cards in use: eth0, eth1"},
		{"two addresses", migration.CodeMultiHomed, facts(func(f *inventory.Facts) { f.Host.Interfaces[1].Addresses = []string{"192.0.2.11/24", "192.0.2.19/24"} }), fail, "eth0 has 2 addresses"},
		{"a card without address, one that is down, a bridge", migration.CodeMultiHomed, facts(func(f *inventory.Facts) {
			f.Host.Interfaces = append(f.Host.Interfaces, inventory.Interface{Name: "eth1", Up: true, Addresses: []string{"fe80::2/64"}},
				inventory.Interface{Name: "eth2", Addresses: []string{"198.51.100.2/24"}}, inventory.Interface{Name: "docker0", Up: true, Addresses: []string{"172.17.0.1/16"}})
		}), pass, ""},
		{"two cards, one by IPv6", migration.CodeMultiHomed, facts(func(f *inventory.Facts) {
			f.Host.Interfaces = append(f.Host.Interfaces, inventory.Interface{Name: "eth1", Addresses: []string{"2001:db8::2/64"}, Up: true})
		}), fail, "2 cards"},
		{"not seen", migration.CodeMultiHomed, gap(inventory.SubjectInterfaces), unknown, "permission denied"},

		{"none", migration.CodeMulticast, unchanged, pass, ""},
		{"a listener", migration.CodeMulticast, listener(inventory.Listener{Protocol: "udp", Address: "239.1.1.1", Port: 7600, Multicast: true}), fail, "239.1.1.1:7600"},
		{"a peer", migration.CodeMulticast, peer(inventory.Peer{Address: "239.1.1.1", Port: 7600}), fail, "group 239.1.1.1"},
		{"a group of the machine, and UDP", migration.CodeMulticast, func(in *Input, f *inventory.Facts) {
			f.Host.Multicasts = []string{"224.0.0.1 on eth0", "239.1.1.1 on eth0"}
			listener(inventory.Listener{Protocol: "udp", Address: "0.0.0.0", Port: 7600})(in, f)
		}, fail, "group 239.1.1.1 on eth0, and the application listens on UDP"},
		{"a group of the machine", migration.CodeMulticast, facts(func(f *inventory.Facts) { f.Host.Multicasts = []string{"239.1.1.1"} }), pass, ""},
		{"everybody's group", migration.CodeMulticast, func(in *Input, f *inventory.Facts) {
			f.Host.Multicasts = []string{"224.0.0.1", "ff02::1 on eth0", "ff02::1:ff00:11", "224.0.0.251 on eth0"}
			listener(inventory.Listener{Protocol: "udp", Address: "0.0.0.0", Port: 7600})(in, f)
		}, pass, ""},
		{"not seen", migration.CodeMulticast, gap(inventory.SubjectListeners), unknown, "permission denied"},
	})
}
