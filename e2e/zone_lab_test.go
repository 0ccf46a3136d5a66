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

// generation is the record of who changed the name that moves.
func (m *move) generation() string { return "_rehome." + m.Branch.Service() }

// old is the address that serves before the move.
func (m *move) old() string { return m.Branch.Old.Address.String() }

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
func (m *move) leads(address string, servers ...network.Host) bool {
	for _, h := range servers {
		if a := m.addresses(h); len(a) != 1 || a[0] != address {
			return false
		}
	}
	return true
}

func (m *move) addresses(h network.Host) []string {
	var out []string
	for _, rr := range ask(h, m.Branch.Service(), mdns.TypeA) {
		if a, ok := rr.(*mdns.A); ok {
			out = append(out, a.A.String())
		}
	}
	slices.Sort(out)
	return out
}

// ttls are the TTLs with which both name servers give the service's address.
func (m *move) ttls() []uint32 {
	var out []uint32
	for _, h := range servers {
		for _, rr := range ask(h, m.Branch.Service(), mdns.TypeA) {
			out = append(out, rr.Header().Ttl)
		}
	}
	return out
}

// back is how long after a moment both name servers lead to the old side again.
func (m *move) back(after time.Time) time.Duration {
	m.t.Helper()
	m.eventually(30*time.Second, "both name servers lead back", func() bool {
		return m.leads(m.old(), servers...)
	})
	return time.Since(after)
}

// balancer is the address that production has in the cluster.
func (m *move) balancer() string {
	m.t.Helper()
	return m.kubectl(m.Branch.Namespace, "get", "service", demo.Name, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
}

// serial is the zone's serial at the primary, which grows by one with each change.
func (m *move) serial() uint32 {
	m.t.Helper()
	for _, rr := range ask(network.NS1, m.Branch.Zone, mdns.TypeSOA) {
		if soa, ok := rr.(*mdns.SOA); ok {
			return soa.Serial
		}
	}
	m.t.Fatal("the primary has no SOA record")
	return 0
}
