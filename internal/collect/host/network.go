package host

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

func (m *machine) network(h *inventory.Host, f *inventory.Facts) {
	cards, err := m.interfaces()
	if err != nil {
		m.scope.Gaps.Add(inventory.SubjectInterfaces, "network cards", err.Error())
	}
	h.Interfaces = cards
	text, err := m.file("/etc/hosts")
	m.gap(inventory.SubjectInterfaces, "/etc/hosts", err)
	h.Hosts = hostEntries(text, h.Name, cards)
	for i := range h.Hosts {
		h.Hosts[i].Used = dials(f.Peers, h.Hosts[i])
	}
	pid := "net"
	if m.scope.Main > 0 {
		pid = strconv.Itoa(m.scope.Main) + "/net"
	}
	h.Multicasts = append(igmp4(m.of(filepath.Join(pid, "igmp"))), igmp6(m.of(filepath.Join(pid, "igmp6")))...)
	h.Multicasts = slices.DeleteFunc(h.Multicasts, func(group string) bool { return ofSystem(group, f.Listeners) })
}

// interfaces are the cards of this machine. The loopback counts only where it has
// an address of its own.
func interfaces() ([]inventory.Interface, error) {
	cards, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []inventory.Interface
	for _, c := range cards {
		i := inventory.Interface{Name: inventory.Name(c.Name), MAC: c.HardwareAddr.String(), Up: c.Flags&net.FlagUp != 0}
		addresses, err := c.Addrs()
		if err != nil {
			return out, err
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || prefix.Addr().IsLoopback() {
				continue
			}
			i.Addresses = append(i.Addresses, prefix.String())
		}
		if c.Flags&net.FlagLoopback == 0 || len(i.Addresses) > 0 {
			out = append(out, i)
		}
	}
	return out, nil
}

// installed are the names that installers give to loopback and multicast addresses.
var installed = []string{"localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6", "localhost6.localdomain6",
	"ip6-localhost", "ip6-loopback", "ipv6-localhost", "ipv6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts",
	"ipv6-localnet", "ipv6-mcastprefix", "ipv6-allnodes", "ipv6-allrouters", "ipv6-allhosts"}

// hostEntries reads hosts(5) without what an installation writes there: the names
// of the loopback, and the machine's own name for an address of its own.
func hostEntries(text, name string, cards []inventory.Interface) []inventory.HostEntry {
	own := map[netip.Addr]bool{}
	for _, c := range cards {
		for _, a := range c.Addresses {
			if p, err := netip.ParsePrefix(a); err == nil {
				own[p.Addr()] = true
			}
		}
	}
	var out []inventory.HostEntry
	for _, line := range settingLines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		names := slices.DeleteFunc(fields[1:], func(n string) bool {
			return slices.Contains(installed, n) || (own[address] || address.IsLoopback()) && ownName(n, name)
		})
		for i := range names {
			names[i] = inventory.Name(names[i])
		}
		if len(names) > 0 {
			out = append(out, inventory.HostEntry{Address: address.String(), Names: names})
		}
	}
	return out
}

// ownName says whether n is the machine's name, with a domain or without.
func ownName(n, name string) bool {
	short, _, _ := strings.Cut(name, ".")
	first, _, _ := strings.Cut(n, ".")
	return name != "" && strings.EqualFold(first, short)
}

func dials(peers []inventory.Peer, e inventory.HostEntry) bool {
	loopback := netip.MustParseAddr(e.Address).IsLoopback() // everybody has such peers
	return slices.ContainsFunc(peers, func(p inventory.Peer) bool {
		return p.Address == e.Address && !loopback || p.Name != "" && slices.Contains(e.Names, p.Name)
	})
}

// igmp4 reads the groups of /proc/net/igmp: 32 bits in the byte order of the
// machine, which all that we know have the lowest byte first.
func igmp4(text string) []string {
	var out []string
	device := ""
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "Idx":
		case line[0] != '\t' && line[0] != ' ' && len(fields) > 1:
			device = strings.TrimSuffix(fields[1], ":")
		case len(fields[0]) == 8:
			if b, err := hex.DecodeString(fields[0]); err == nil {
				group := netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]})
				if group != netip.MustParseAddr("224.0.0.1") {
					out = append(out, fmt.Sprintf("%s on %s", group, inventory.Name(device)))
				}
			}
		}
	}
	return out
}

// igmp6 reads /proc/net/igmp6. Every machine is in the groups of all nodes and of
// its own addresses.
func igmp6(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[2]) != 32 {
			continue
		}
		b, err := hex.DecodeString(fields[2])
		if err != nil {
			continue
		}
		group := netip.AddrFrom16([16]byte(b))
		if s := group.String(); s != "ff02::1" && s != "ff01::1" && !strings.HasPrefix(s, "ff02::1:ff") && s != "ff02::2" && s != "ff01::2" && s != "ff05::2" {
			out = append(out, fmt.Sprintf("%s on %s", group, inventory.Name(fields[1])))
		}
	}
	return out
}

// ofSystem says that a group is that of name services (mDNS, LLMNR), and that the
// application does not listen to them itself.
func ofSystem(group string, listeners []inventory.Listener) bool {
	address, _, _ := strings.Cut(group, " ")
	port := map[string]int{"224.0.0.251": 5353, "ff02::fb": 5353, "224.0.0.252": 5355, "ff02::1:3": 5355}[address]
	return port != 0 && !slices.ContainsFunc(listeners, func(l inventory.Listener) bool { return l.Port == port })
}
