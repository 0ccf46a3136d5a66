package migration

import (
	"fmt"
	"slices"
	"strings"
)

// RRset is all records of one owner name and type (RFC 2181, section 5). Data
// holds the presentation form of each record; TTL is in seconds. An RRset
// without data stands for "there is none", and is how a change demands absence.
type RRset struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	TTL  uint32   `json:"ttl"`
	Data []string `json:"data,omitempty"`
}

// Key is what identifies a set: owner name in lower case, and type.
func (r RRset) Key() string { return strings.ToLower(r.Name) + " " + strings.ToUpper(r.Type) }

// SameData compares name, type and data in any order, not the TTL: servers
// count it down or cap it, and RFC 2136 prerequisites do not see it.
func (r RRset) SameData(o RRset) bool {
	if r.Key() != o.Key() || len(r.Data) != len(o.Data) {
		return false
	}
	a, b := slices.Clone(r.Data), slices.Clone(o.Data)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// Same compares TTLs too.
func (r RRset) Same(o RRset) bool {
	return r.SameData(o) && (r.TTL == o.TTL || len(r.Data) == 0)
}

// String is the set on one line, in a zone file's order.
func (r RRset) String() string {
	if len(r.Data) == 0 {
		return fmt.Sprintf("%s %s (none)", r.Name, r.Type)
	}
	d := slices.Clone(r.Data)
	slices.Sort(d)
	return fmt.Sprintf("%s %d %s %s", r.Name, r.TTL, r.Type, strings.Join(d, " "))
}

// FindSet gives the set with that name and type, or the empty one.
func FindSet(sets []RRset, name, typ string) RRset {
	want := RRset{Name: name, Type: typ}
	for _, s := range sets {
		if s.Key() == want.Key() {
			return s
		}
	}
	return want
}

// SetsMatch says whether every set of want stands in have: its data, or with
// ttl its TTL as well. An empty set demands absence.
func SetsMatch(have, want []RRset, ttl bool) bool {
	for _, w := range want {
		h := FindSet(have, w.Name, w.Type)
		if !h.SameData(w) || (ttl && !h.Same(w)) {
			return false
		}
	}
	return true
}

// DiffSets is the change from before to after as unified lines, "-" and "+".
func DiffSets(before, after []RRset) []string {
	var out []string
	for _, b := range before {
		if a := FindSet(after, b.Name, b.Type); !a.Same(b) && len(b.Data) > 0 {
			out = append(out, "- "+b.String())
		}
	}
	for _, a := range after {
		if b := FindSet(before, a.Name, a.Type); !b.Same(a) && len(a.Data) > 0 {
			out = append(out, "+ "+a.String())
		}
	}
	return out
}
