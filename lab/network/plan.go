// Package network is the lab's little internet: one network namespace per host, a
// bridge that joins them, and the addresses that all parts agree on. The root
// namespace gets neither an interface nor a route into it, so nothing of the lab
// can be reached from outside or reach out. It must not know what runs on a host.
package network

import "net/netip"

// Host is one machine of the lab: a network namespace with one interface, eth0.
type Host struct {
	Netns   string
	Address netip.Addr
}

// The hosts. Addresses are fixed, so that what is written about the lab stays true.
var (
	Node     = host("node", 10)
	VM       = host("vm", 20)
	Resolver = host("resolver", 30)
	Client   = host("client", 40)
	Ops      = host("ops", 50)
	NS1      = host("ns1", 53)
	NS2      = host("ns2", 54)
	Prom     = host("prom", 60)
	DB       = host("db", 70)
	// StagingDB is the database that staging has for itself.
	StagingDB = host("db-staging", 71)
	Registry  = host("registry", 80)
)

// Annexes stand beside VM: each serves what it serves, without being a machine.
var Annexes = []Host{host("annex1", 21), host("annex2", 22), host("annex3", 23), host("annex4", 24)}

// Hosts are all of them.
func Hosts() []Host {
	return append([]Host{Node, VM, Resolver, Client, Ops, NS1, NS2, Prom, DB, StagingDB, Registry}, Annexes...)
}

// LAN is the namespace that holds nothing but the bridge.
const (
	LAN    = prefix + "lan"
	bridge = "br0"
	prefix = "rehome-"
)

// The networks.
var (
	LANPrefix = netip.MustParsePrefix("10.77.0.0/24")
	// Pods and Services live on Node; every other host has a route through it.
	Pods     = netip.MustParsePrefix("10.78.0.0/24")
	Services = netip.MustParsePrefix("10.79.0.0/16")
	// LoadBalancers from LoadBalancerFirst to LoadBalancerLast are given to
	// Services of type LoadBalancer.
	LoadBalancerFirst = netip.MustParseAddr("10.77.0.200")
	LoadBalancerLast  = netip.MustParseAddr("10.77.0.219")
)

func host(name string, last byte) Host {
	return Host{Netns: prefix + name, Address: netip.AddrFrom4([4]byte{10, 77, 0, last})}
}
