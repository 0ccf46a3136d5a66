// Package loadbalancer is the lab's stand-in for a cloud's or MetalLB's load
// balancer controller: it gives Services of type LoadBalancer an address of the
// node, so that the node answers for it and kube-proxy serves it. It must not know
// what is behind a Service.
package loadbalancer

import (
	"net/netip"
	"slices"
	"strings"
)

// service is what the controller has to know of a Service.
type service struct {
	namespace, name string
	// wanted is true for type LoadBalancer without a class of somebody else.
	wanted bool
	// ingress are the addresses in its status.
	ingress []netip.Addr
}

func (s service) key() string { return s.namespace + "/" + s.name }

// pool is a closed range of addresses.
type pool struct{ first, last netip.Addr }

func (p pool) contains(a netip.Addr) bool {
	return a.Compare(p.first) >= 0 && a.Compare(p.last) <= 0
}

// assignment is the state that should be.
type assignment struct {
	// addresses by key: what each wanted Service has or is to get.
	addresses map[string]netip.Addr
	// starved are the keys for which the pool has no address left, sorted.
	starved []string
}

// assign leaves every Service the address that its status shows, unless another
// one has it too (then the first by name keeps it) or it is not of the pool, and
// gives the others the lowest free ones in the order of their names.
func assign(services []service, p pool) assignment {
	wanted := slices.DeleteFunc(slices.Clone(services), func(s service) bool { return !s.wanted })
	slices.SortFunc(wanted, func(a, b service) int { return strings.Compare(a.key(), b.key()) })
	result := assignment{addresses: map[string]netip.Addr{}}
	taken := map[netip.Addr]bool{}
	for _, s := range wanted {
		if len(s.ingress) == 1 && p.contains(s.ingress[0]) && !taken[s.ingress[0]] {
			result.addresses[s.key()] = s.ingress[0]
			taken[s.ingress[0]] = true
		}
	}
	next := p.first
	for _, s := range wanted {
		if _, has := result.addresses[s.key()]; has {
			continue
		}
		for p.contains(next) && taken[next] {
			next = next.Next()
		}
		if !p.contains(next) {
			result.starved = append(result.starved, s.key())
			continue
		}
		result.addresses[s.key()] = next
		taken[next] = true
	}
	return result
}

// difference says which addresses the interface lacks and which it has too many.
// It touches no address outside the pool.
func difference(have []netip.Addr, want assignment, p pool) (add, remove []netip.Addr) {
	wanted := map[netip.Addr]bool{}
	for _, a := range want.addresses {
		wanted[a] = true
		if !slices.Contains(have, a) {
			add = append(add, a)
		}
	}
	for _, a := range have {
		if p.contains(a) && !wanted[a] {
			remove = append(remove, a)
		}
	}
	slices.SortFunc(add, netip.Addr.Compare)
	slices.SortFunc(remove, netip.Addr.Compare)
	return add, remove
}
