package network

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// unixSockets are what was seen of them in a few looks.
type unixSockets struct {
	seen    map[uint64]*unixEnd // the application's
	servers map[string]uint64   // the sockets with a path that wait or are bound
}

// unixEnd is one unix socket of the application and what is behind it.
type unixEnd struct {
	path, peerPath string
	listening      bool
	peer           uint64
	pids           []int
}

// lookUnix joins the table of unix sockets with those of the application, and
// asks the kernel which belong together.
func (c *Collector) lookUnix(s *scope.Scope) {
	pid := s.Main
	table, err := descriptor.UnixSockets(s.Proc, pid)
	if err != nil {
		if !ended(err) {
			s.Gaps.Add(inventory.SubjectSockets, "the table of unix sockets", why(err))
		}
		return
	}
	paths := make(map[uint64]string, len(table))
	mine := false
	c.unix.servers = map[string]uint64{}
	for _, u := range table {
		paths[u.Inode] = u.Path
		if u.Path != "" && (u.Listening || c.unix.servers[u.Path] == 0) {
			c.unix.servers[u.Path] = u.Inode
		}
		owners := c.owners[u.Inode]
		if owners == nil {
			continue
		}
		end := c.unix.seen[u.Inode]
		if end == nil {
			end = &unixEnd{}
			c.unix.seen[u.Inode] = end
		}
		end.path, end.listening = u.Path, u.Listening
		end.pids = addPIDs(end.pids, owners)
		mine = mine || !u.Listening
	}
	if !mine {
		return
	}
	peers, err := descriptor.UnixPeers(s.Proc, pid)
	if err != nil {
		s.Gaps.Add(inventory.SubjectSockets, "who is at the other end of the unix sockets", err.Error())
		return
	}
	for inode, end := range c.unix.seen {
		if peer := peers[inode]; peer != 0 {
			end.peer, end.peerPath = peer, paths[peer]
		}
	}
}

// tellUnix writes down the unix sockets: one entry for each path and role. A pair
// without a name that stays among the application's own processes is its own
// affair.
func (c *Collector) tellUnix(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	wanted := map[string]bool{}
	for inode, end := range c.unix.seen {
		wanted[link(inode)] = true
		if end.peer != 0 {
			wanted[link(end.peer)] = true
		}
		if server := c.unix.servers[end.peerPath]; server != 0 {
			wanted[link(server)] = true
		}
	}
	if len(wanted) == 0 {
		return
	}
	held, blind := c.walker.Holders(ctx, wanted)
	found := map[string]*inventory.UnixSocket{}
	nobody := false
	for inode, end := range c.unix.seen {
		others := outsiders(s, held[link(inode)])
		others = append(others, outsiders(s, held[link(end.peer)])...)
		if len(held[link(end.peer)]) == 0 {
			others = append(others, outsiders(s, held[link(c.unix.servers[end.peerPath])])...)
		}
		path := cmp.Or(end.path, end.peerPath)
		if path == "" && len(others) == 0 {
			nobody = nobody || end.peer != 0 && len(held[link(end.peer)]) == 0
			continue
		}
		role := end.listening || end.path != ""
		k := strconv.FormatBool(role) + path
		u := found[k]
		if u == nil {
			u = &inventory.UnixSocket{Path: inventory.Name(path)}
			found[k] = u
		}
		u.Listening = u.Listening || end.listening
		u.Shared = u.Shared || len(others) > 0
		for _, pid := range end.pids {
			if !slices.Contains(u.PIDs, pid) {
				u.PIDs = append(u.PIDs, pid)
			}
		}
		if len(others) > 0 && u.Peer == "" {
			u.Peer = inventory.Name(others[0].Name)
		}
		nobody = nobody || !end.listening && len(others) == 0 && end.peer != 0 && len(held[link(end.peer)]) == 0
	}
	if blind > 0 && nobody {
		s.Gaps.Add(inventory.SubjectSockets, "who is at the other end of the unix sockets", strconv.Itoa(blind)+" processes may not be looked into")
	}
	for _, u := range found {
		slices.Sort(u.PIDs)
		f.Sockets = append(f.Sockets, *u)
	}
	slices.SortFunc(f.Sockets, func(a, b inventory.UnixSocket) int {
		return compare(strings.Compare(a.Path, b.Path), strings.Compare(a.Peer, b.Peer), slices.Compare(a.PIDs, b.PIDs))
	})
}

func outsiders(s *scope.Scope, holders []descriptor.Holder) []descriptor.Holder {
	var found []descriptor.Holder
	for _, h := range holders {
		if !s.Ever[h.PID] && !slices.Contains(s.PIDs, h.PID) {
			found = append(found, h)
		}
	}
	return found
}
