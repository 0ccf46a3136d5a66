//go:build lab

package e2e

import (
	"net/netip"
	"slices"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/network"
)

// service is the name that moves, and generation the record of who changed it.
const (
	zone       = "golemtrust.am."
	service    = demo.Name + "." + zone
	generation = "_rehome." + service
)

// servers are both name servers.
var servers = []network.Host{network.NS1, network.NS2}

// ask puts one question to a server; no answer gives no records.
func ask(h network.Host, name string, typ uint16) []mdns.RR {
	c := mdns.Client{Timeout: time.Second}
	reply, _, err := c.Exchange(new(mdns.Msg).SetQuestion(name, typ), netip.AddrPortFrom(h.Address, 53).String())
	if err != nil {
		return nil
	}
	return reply.Answer
}

// leads says whether all of the servers lead the service to that address and no
// other.
func leads(address string, servers ...network.Host) bool {
	for _, h := range servers {
		if a := addresses(h); len(a) != 1 || a[0] != address {
			return false
		}
	}
	return true
}

func addresses(h network.Host) []string {
	var out []string
	for _, rr := range ask(h, service, mdns.TypeA) {
		if a, ok := rr.(*mdns.A); ok {
			out = append(out, a.A.String())
		}
	}
	slices.Sort(out)
	return out
}

// ttls are the TTLs with which both name servers give the service's address.
func ttls() []uint32 {
	var out []uint32
	for _, h := range servers {
		for _, rr := range ask(h, service, mdns.TypeA) {
			out = append(out, rr.Header().Ttl)
		}
	}
	return out
}

// back is how long after a moment both name servers lead to the VM again.
func (m *move) back(after time.Time) time.Duration {
	m.t.Helper()
	m.eventually(30*time.Second, "both name servers lead back", func() bool {
		return leads(network.VM.Address.String(), servers...)
	})
	return time.Since(after)
}

// balancer is the address that production has in the cluster.
func (m *move) balancer() string {
	m.t.Helper()
	return m.kubectl("royal-bank", "get", "service", demo.Name, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
}

// serial is the zone's serial at the primary, which grows by one with each change.
func (m *move) serial() uint32 {
	m.t.Helper()
	for _, rr := range ask(network.NS1, zone, mdns.TypeSOA) {
		if soa, ok := rr.(*mdns.SOA); ok {
			return soa.Serial
		}
	}
	m.t.Fatal("the primary has no SOA record")
	return 0
}
