package files

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// listed is how many files of one class are told one by one, createdAtLeast from
// how many new files on a directory is summed up although they are.
const (
	listed         = 500
	createdAtLeast = 10
)

// Finish puts what was seen into f.
func (c *Collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	if c.walker == nil {
		return // there was no sample
	}
	c.hear(s)
	c.events.end()
	c.last(s)
	beyond := c.trees.changes(ctx, c, s)
	all := make([]*use, 0, len(c.uses))
	for _, u := range c.uses {
		all = append(all, u)
	}
	c.own(ctx, s, all)
	for _, u := range all {
		u.classify()
	}
	spot(all)
	c.tell(all, beyond, f)
	c.ends.finish(ctx, c, s, f)
	c.shared(ctx, s, f)
}

// last measures everything that is written once more, the files that nobody has
// open any more by their names.
func (c *Collector) last(s *scope.Scope) {
	at := map[*use]handle{}
	for h, u := range c.open {
		at[u] = h
	}
	for _, u := range c.written {
		if h, open := at[u]; open {
			c.weigh(s, u, h)
			continue
		}
		pid := s.Main
		if slices.ContainsFunc(u.pids, func(p int) bool { return slices.Contains(s.PIDs, p) }) {
			pid = firstOf(u.pids)
		}
		if m, err := stat(view(s, pid, u.path)); err == nil && m.inode == u.inode {
			u.measure(m.size, time.Now())
		}
	}
	c.readMaps(s)
}

// tell lists the files in the order of their rank, and sums up the rest of a
// class by directory.
func (c *Collector) tell(all []*use, beyond map[string]int, f *inventory.Facts) {
	slices.SortFunc(all, func(a, b *use) int {
		return cmp.Or(
			cmp.Compare(a.class, b.class),
			-cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.path, b.path),
		)
	})
	count := map[inventory.FileClass]int{}
	groups := map[string]*group{}
	for _, u := range all {
		g := groups[string(u.class)+" "+parent(u.path)]
		if g == nil {
			g = &group{FileGroup: inventory.FileGroup{Directory: inventory.Name(parent(u.path)), Class: u.class, Why: u.why}}
			groups[string(u.class)+" "+parent(u.path)] = g
		}
		g.add(u)
		if count[u.class]++; count[u.class] > listed {
			g.hidden++
			continue
		}
		f.Files = append(f.Files, u.fact(c.mounts))
	}
	for _, g := range groups {
		for dir, n := range beyond {
			if g.Directory == inventory.Name(dir) && g.Written > 0 {
				g.hidden += max(0, n-g.Count)
				g.Count = max(g.Count, n)
				delete(beyond, dir)
			}
		}
		if g.hidden > 0 || g.Created >= createdAtLeast {
			f.Groups = append(f.Groups, g.FileGroup)
		}
	}
	for dir, n := range beyond {
		f.Groups = append(f.Groups, inventory.FileGroup{Directory: inventory.Name(dir), Class: inventory.FileOther, Count: n, Why: "are too many to be looked at"})
	}
	slices.SortFunc(f.Groups, func(a, b inventory.FileGroup) int {
		return cmp.Or(strings.Compare(a.Directory, b.Directory), cmp.Compare(a.Class, b.Class))
	})
}

// rank puts what is held open without a name before all, since no other look finds
// it; then what is written before what is read, and that before what is only there,
// each time with what was seen open before what its times gave away.
func rank(u *use) int {
	open := 0
	if u.by&byFD != 0 {
		open = 1
	}
	switch {
	case u.deleted && open > 0:
		return 6
	case u.written || u.grown > 0:
		return 4 + open
	case u.read:
		return 2 + open
	}
	return open
}

type group struct {
	inventory.FileGroup
	hidden int
}

func (g *group) add(u *use) {
	g.Count++
	g.Bytes += u.size
	if u.written || u.grown > 0 {
		g.Written++
	}
	if u.created {
		g.Created++
	}
}
