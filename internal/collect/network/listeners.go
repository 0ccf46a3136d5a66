package network

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// privileged is the first port that everybody may listen on.
const privileged = 1024

type listenerKey struct {
	space, protocol string
	at              netip.AddrPort
}

// listening is one socket that waits, several where they share the port.
type listening struct {
	pids      []int
	inodes    map[uint64]bool
	activated bool
	seen      int
	last      int
}

// listening notes the sockets of the application that wait.
func (c *Collector) listening(s *scope.Scope, space string) {
	for _, r := range c.rows {
		waits := r.state == listen || r.protocol[0] == 'u' && r.state == closed
		if !waits || r.local.Port() == 0 {
			continue
		}
		owners := c.owners[r.inode]
		if owners == nil {
			continue
		}
		k := listenerKey{space, r.protocol, r.local}
		l := c.listeners[k]
		if l == nil {
			l = &listening{inodes: map[uint64]bool{}, last: -1}
			c.listeners[k] = l
		}
		if l.last != s.Sample {
			l.seen, l.last = l.seen+1, s.Sample
		}
		if !l.inodes[r.inode] {
			l.inodes[r.inode] = true
			l.activated = l.activated || handedOver(s, owners)
		}
		l.pids = addPIDs(l.pids, owners)
	}
}

// serves says whether an address is one on which the application waits.
func (c *Collector) serves(space, protocol string, at netip.AddrPort) bool {
	family := strings.TrimSuffix(protocol, "6")
	for k := range c.listeners {
		if k.space == space && strings.TrimSuffix(k.protocol, "6") == family && k.at.Port() == at.Port() && (k.at.Addr().IsUnspecified() || k.at.Addr() == at.Addr()) {
			return true
		}
	}
	return false
}

// handedOver says that a process got a socket from whoever started it, by the
// convention of sd_listen_fds(3). Only the two numbers are taken from its
// environment.
func handedOver(s *scope.Scope, owners []descriptor.FD) bool {
	for _, o := range owners {
		if o.FD < 3 {
			continue
		}
		data, err := os.ReadFile(procFile(s, o.PID, "environ"))
		if err != nil {
			continue
		}
		count, forPID := 0, 0
		for variable := range bytes.SplitSeq(data, []byte{0}) {
			if n, is := bytes.CutPrefix(variable, []byte("LISTEN_FDS=")); is {
				count, _ = strconv.Atoi(string(n))
			}
			if n, is := bytes.CutPrefix(variable, []byte("LISTEN_PID=")); is {
				forPID, _ = strconv.Atoi(string(n))
			}
		}
		if forPID == o.PID && o.FD < 3+count {
			return true
		}
	}
	return false
}

// tellListeners writes the listeners down. A UDP socket with a port that the
// kernel chose is a client that waits for its answer, not a listener.
func (c *Collector) tellListeners(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	wanted := map[string]bool{}
	for _, l := range c.listeners {
		for inode := range l.inodes {
			wanted[link(inode)] = true
		}
	}
	inits := c.heldByInit(ctx, s, wanted)
	groups := multicasts(s)
	for k, l := range c.listeners {
		udp := k.protocol[0] == 'u'
		if udp && c.chosen(k.at.Port()) {
			continue
		}
		addr := k.at.Addr()
		for inode := range l.inodes {
			l.activated = l.activated || inits[link(inode)]
		}
		f.Listeners = append(f.Listeners, inventory.Listener{
			Protocol: k.protocol, Address: addr.String(), Port: int(k.at.Port()), PIDs: sorted(l.pids),
			Loopback: addr.IsLoopback(), Bound: !addr.IsLoopback() && !addr.IsUnspecified() && !addr.IsMulticast(),
			Privileged: k.at.Port() < privileged,
			Multicast:  addr.IsMulticast() || udp && addr.IsUnspecified() && groups,
			Activated:  l.activated, Seen: l.seen,
		})
	}
	slices.SortFunc(f.Listeners, func(a, b inventory.Listener) int {
		return compare(a.Port-b.Port, strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.Address, b.Address))
	})
}

// heldByInit says which sockets the first process of the machine holds too.
func (c *Collector) heldByInit(_ context.Context, s *scope.Scope, wanted map[string]bool) map[string]bool {
	held := map[string]bool{}
	w := descriptor.NewWalker(s.Proc, func(link []byte) bool { return wanted[string(link)] })
	w.Sample([]int{1}, func(_ int, l descriptor.Look) {
		for _, fd := range l.Opened {
			held[fd.Link] = true
		}
		triggered := s.Unit != nil && slices.ContainsFunc(s.Unit.TriggeredBy, func(u string) bool { return strings.HasSuffix(u, ".socket") })
		if l.Err != nil && triggered {
			s.Gaps.Add(inventory.SubjectListeners, "the sockets that systemd holds", why(l.Err))
		}
	})
	return held
}

func ephemeral(proc string) [2]uint16 {
	data, err := os.ReadFile(filepath.Join(proc, "sys/net/ipv4/ip_local_port_range"))
	if word := strings.Fields(string(data)); err == nil && len(word) == 2 {
		low, err1 := strconv.ParseUint(word[0], 10, 16)
		high, err2 := strconv.ParseUint(word[1], 10, 16)
		if err1 == nil && err2 == nil {
			return [2]uint16{uint16(low), uint16(high)}
		}
	}
	return [2]uint16{32768, 60999}
}

// chosen says that a port is one of those that the kernel gives out.
func (c *Collector) chosen(port uint16) bool {
	return port >= c.ephemeral[0] && port <= c.ephemeral[1]
}

// multicasts says whether somebody in the application's network joined a group
// beyond that of all hosts. The kernel does not tell which process it was.
func multicasts(s *scope.Scope) bool {
	data, err := os.ReadFile(procFile(s, s.Main, "net/igmp"))
	return err == nil && len(parseIGMP(data)) > 0
}

// parseIGMP reads the groups of /proc/net/igmp: lines that begin with a tab hold
// one, in hexadecimal and the machine's order.
func parseIGMP(data []byte) []netip.Addr {
	var groups []netip.Addr
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte("\t")) {
			continue
		}
		word := strings.Fields(string(line))
		if len(word) == 0 {
			continue
		}
		at, ok := address([]byte(word[0] + ":0"))
		if ok && at.Addr() != netip.AddrFrom4([4]byte{224, 0, 0, 1}) {
			groups = append(groups, at.Addr())
		}
	}
	return groups
}
