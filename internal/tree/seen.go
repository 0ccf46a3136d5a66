package tree

import (
	"path"
	"strings"
)

// most links on the way to one entry, as path_resolution(7) has it.
const mostLinks = 40

// mostSeen bounds what links make of a tree, in entries.
const mostSeen = 100_000

// Seen is a tree as an application sees it that opens paths: each link inside the
// tree is what it leads to, a directory with all that it holds. A link that leads
// out of the tree, to nothing, or round in a circle stays a link. What Kubernetes
// keeps beside the files of a volume, names that begin with "..", is left out:
// there the files themselves are links into "..data".
//
// A link to a directory that it stands in stays a link too, and so does every link
// once mostSeen entries are seen: a few links can make a tree of any size.
func Seen(t Tree) Tree {
	s := seer{root: path.Clean(t.Root), at: make(map[string]Entry, len(t.Entries)), in: map[string][]string{}}
	for _, e := range t.Entries {
		s.at[e.Path] = e
		if e.Path != "." {
			s.in[parent(e.Path)] = append(s.in[parent(e.Path)], e.Path)
		}
	}
	out := t
	out.Entries = nil
	if root, ok := s.at["."]; ok {
		out.Entries = append(out.Entries, root)
	}
	s.walk(".", ".", nil, &out.Entries)
	Sort(out.Entries)
	return out
}

type seer struct {
	root string
	at   map[string]Entry
	in   map[string][]string // what directories hold, as paths
}

// walk adds what stands in the directory dir, which is seen as shown. within are
// the directories that are being walked.
func (s seer) walk(dir, shown string, within []string, out *[]Entry) {
	within = append(within[:len(within):len(within)], dir)
	for _, p := range s.in[dir] {
		name := path.Base(p)
		if strings.HasPrefix(name, "..") && dir == "." {
			continue
		}
		e := s.at[p]
		as := path.Join(shown, name)
		if e.Kind == Link && len(*out) < mostSeen {
			if real, ok := s.resolve(p); ok && !holds(within, real.Path) {
				e = real
			}
		}
		p, e.Path = e.Path, as
		*out = append(*out, e)
		if e.Kind == Dir {
			s.walk(p, as, within, out)
		}
	}
}

func holds(within []string, p string) bool {
	for _, w := range within {
		if w == p {
			return true
		}
	}
	return false
}

// resolve is the entry that a path leads to, when every link on the way is
// followed. It is none where the way leaves the tree or has no end.
func (s seer) resolve(p string) (Entry, bool) {
	rest := strings.Split(p, "/")
	here := "."
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if here == "." {
				return Entry{}, false
			}
			here = parent(here)
			continue
		}
		next := path.Join(here, name)
		e, ok := s.at[next]
		if !ok {
			return Entry{}, false
		}
		if e.Kind != Link {
			if e.Kind != Dir && len(rest) > 0 {
				return Entry{}, false
			}
			here = next
			continue
		}
		if links++; links > mostLinks {
			return Entry{}, false
		}
		target := e.Target
		if strings.HasPrefix(target, "/") {
			if here, target, ok = s.inside(target); !ok {
				return Entry{}, false
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	e, ok := s.at[here]
	return e, ok
}

// inside is a whole path as one from the root on.
func (s seer) inside(target string) (here, rest string, ok bool) {
	clean := path.Clean(target)
	if clean == s.root {
		return ".", "", true
	}
	rest, ok = strings.CutPrefix(clean, strings.TrimSuffix(s.root, "/")+"/")
	return ".", rest, ok
}
