package network

import (
	"slices"
	"strings"
	"testing"
)

func TestAddressesAreDistinctAndInTheLAN(t *testing.T) {
	seen := map[string]string{}
	for _, h := range Hosts() {
		if !LANPrefix.Contains(h.Address) {
			t.Errorf("%s has %s, outside %s", h.Netns, h.Address, LANPrefix)
		}
		if h.Address.Compare(LoadBalancerFirst) >= 0 && h.Address.Compare(LoadBalancerLast) <= 0 {
			t.Errorf("%s has %s, inside the load balancers' range", h.Netns, h.Address)
		}
		for _, key := range []string{h.Netns, h.Address.String()} {
			if other, dup := seen[key]; dup {
				t.Errorf("%s of %s is taken by %s", key, h.Netns, other)
			}
			seen[key] = h.Netns
		}
	}
}

// Every ip command but `ip netns add` must name a namespace: one without would
// change the root namespace, and with it the machine's own network.
func TestNothingIsDoneInTheRootNamespace(t *testing.T) {
	for _, argv := range commands() {
		line := strings.Join(argv, " ")
		inside := strings.HasPrefix(line, "ip -n rehome-") || strings.HasPrefix(line, "nsenter --net=/run/netns/rehome-")
		if !inside && !strings.HasPrefix(line, "ip netns add rehome-") {
			t.Errorf("runs in the root namespace: %s", line)
		}
		if strings.Contains(line, "type veth") && !strings.Contains(line, "peer name eth0 netns rehome-") {
			t.Errorf("the peer would appear elsewhere: %s", line)
		}
	}
}

func TestNoHostHasADefaultRoute(t *testing.T) {
	for _, argv := range commands() {
		if slices.Contains(argv, "default") && slices.Contains(argv, "route") {
			t.Errorf("a way out: %s", strings.Join(argv, " "))
		}
	}
}
