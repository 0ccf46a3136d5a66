package network

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

type peerKey struct {
	space     string
	direction inventory.Direction
	protocol  string
	addr      netip.Addr
	port      uint16
}

type peer struct {
	pids        []int
	now, most   int
	seen, count int
	last        int
	local       bool
	process     string
	others      []uint64 // sockets at the other end, on this machine
}

// connection is an open connection of the application.
type connection struct {
	peer *peer
	last int
}

// connections notes whom the application is connected with, and short ones that
// ended between the samples by what the kernel still remembers of them.
func (c *Collector) connections(s *scope.Scope, space string, waiting bool) {
	for _, r := range c.rows {
		switch {
		case r.state == listen || r.remote.Port() == 0 || r.remote.Addr().IsUnspecified():
		case r.state == timeWait:
			if waiting {
				c.waited(s, space, r)
			}
		case c.owners[r.inode] != nil:
			c.connected(s, space, r)
		}
	}
	for k, p := range c.peers {
		if k.space == space {
			p.most, p.now = max(p.most, p.now), 0
		}
	}
}

func (c *Collector) keyOf(space string, r row) peerKey {
	protocol := strings.TrimSuffix(r.protocol, "6")
	if r.remote.Addr().Is6() {
		protocol += "6"
	}
	if c.serves(space, r.protocol, r.local) {
		return peerKey{space, inventory.Accepted, protocol, r.remote.Addr(), r.local.Port()}
	}
	return peerKey{space, inventory.Dialled, protocol, r.remote.Addr(), r.remote.Port()}
}

func (c *Collector) connected(s *scope.Scope, space string, r row) {
	if r.state == synSent && c.serves(space, r.protocol, r.local) {
		return
	}
	o := c.open[r.inode]
	if o == nil {
		p := c.peer(s, c.keyOf(space, r))
		if p == nil {
			return
		}
		o = &connection{peer: p}
		c.open[r.inode] = o
		p.count++
		if p.local && p.process == "" && len(p.others) < 8 {
			p.others = append(p.others, c.otherEnd(r)...)
		}
	}
	o.last = s.Sample
	o.peer.now++
	o.peer.see(s.Sample)
	o.peer.pids = addPIDs(o.peer.pids, c.owners[r.inode])
}

// waited counts a connection that was closed on this machine: it has no process
// any more. It is the application's where it came to its port, and most likely
// where it led to a peer that only it is known to have.
func (c *Collector) waited(s *scope.Scope, space string, r row) {
	ends := [2]netip.AddrPort{r.local, r.remote}
	if _, known := c.waiting[ends]; known {
		c.waiting[ends] = s.Sample
		return
	}
	k := c.keyOf(space, r)
	if k.direction == inventory.Dialled && c.peers[k] == nil || len(c.waiting) >= mostWaiting {
		return
	}
	c.waiting[ends] = s.Sample
	p := c.peer(s, k)
	if p == nil {
		return
	}
	p.see(s.Sample)
	if s.Sample > 0 { // what is left of the time before is no connection that was seen
		p.count++
	}
	p.most = max(p.most, 1)
}

func (p *peer) see(sample int) {
	if p.last != sample+1 {
		p.seen, p.last = p.seen+1, sample+1
	}
}

// peer finds or makes the entry of a peer, nil where there are too many. Callers
// beyond a number have one entry together, without an address: who they are says
// no more than that they are many.
func (c *Collector) peer(s *scope.Scope, k peerKey) *peer {
	if p := c.peers[k]; p != nil {
		return p
	}
	if k.direction == inventory.Accepted {
		if c.callers >= mostCallers {
			k.addr = netip.Addr{}
			if p := c.peers[k]; p != nil {
				return p
			}
		}
		c.callers++
	} else if len(c.peers)-c.callers >= mostPeers {
		if !c.crowded {
			c.crowded = true
			s.Gaps.Add(inventory.SubjectPeers, "", "more than "+strconv.Itoa(mostPeers)+" peers, the rest was left out")
		}
		return nil
	}
	p := &peer{local: k.addr.IsLoopback() || c.own[k.space][k.addr]}
	c.peers[k] = p
	return p
}

// otherEnd finds the sockets of this machine at the other end: of the
// connection, or where it led to a listener, that one.
func (c *Collector) otherEnd(r row) []uint64 {
	var found []uint64
	for _, x := range c.rows {
		family := strings.TrimSuffix(x.protocol, "6") == strings.TrimSuffix(r.protocol, "6")
		facing := x.local == r.remote && x.remote == r.local
		waits := x.state == listen && x.local.Port() == r.remote.Port() && (x.local.Addr().IsUnspecified() || x.local.Addr() == r.remote.Addr())
		if family && x.inode != 0 && x.inode != r.inode && (facing || waits) {
			found = append(found, x.inode)
		}
	}
	return found
}

const (
	// scansAtMost and scanEvery bound how often the whole machine is looked
	// through for a process next door before the end.
	scansAtMost = 6
	scanEvery   = 20
)

// resolve names the processes of this machine at the other ends. It looks through
// all processes, so during the samples it does so seldom; final says that now is
// the last time.
func (c *Collector) resolve(ctx context.Context, s *scope.Scope, final bool) {
	if c.walker == nil || !final && (c.scans >= scansAtMost || c.scans > 0 && s.Sample-c.scanned < scanEvery) {
		return
	}
	wanted := map[string]bool{}
	for _, p := range c.peers {
		if p.process == "" {
			for _, inode := range p.others {
				wanted[link(inode)] = true
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	c.scans, c.scanned = c.scans+1, s.Sample
	held, blind := c.walker.Holders(ctx, wanted)
	missing := false
	for _, p := range c.peers {
		for _, inode := range p.others {
			if h := held[link(inode)]; p.process == "" && len(h) > 0 {
				p.process = inventory.Name(h[0].Name)
			}
		}
		missing = missing || p.local && p.process == "" && len(p.others) > 0
	}
	if final && missing && blind > 0 {
		s.Gaps.Add(inventory.SubjectPeers, "the processes of this machine at the other end", strconv.Itoa(blind)+" processes may not be looked into")
	}
}

func (c *Collector) tellPeers(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	called := c.names(ctx, s)
	for k, p := range c.peers {
		n, addr := called[k.addr], k.addr.String()
		if !k.addr.IsValid() {
			addr = "*"
		}
		f.Peers = append(f.Peers, inventory.Peer{
			Direction: k.direction, Protocol: k.protocol, Address: addr, Port: int(k.port),
			Name: n.name, NameFrom: n.from, Process: p.process, Local: p.local, PIDs: sorted(p.pids),
			Most: p.most, Seen: p.seen, Count: p.count,
		})
	}
	slices.SortFunc(f.Peers, func(a, b inventory.Peer) int {
		return compare(strings.Compare(string(a.Direction), string(b.Direction)), a.Port-b.Port, strings.Compare(a.Address, b.Address), strings.Compare(a.Protocol, b.Protocol))
	})
}

func sorted(list []int) []int { return slices.Sorted(slices.Values(list)) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func compare(by ...int) int { return cmp.Or(by...) }
