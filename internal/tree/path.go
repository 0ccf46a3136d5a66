package tree

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Order is the order of paths in a tree: the root, and then bytewise, which puts
// each directory before what it holds.
func Order(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ".":
		return -1
	case b == ".":
		return 1
	}
	return strings.Compare(a, b)
}

// Sort brings entries into the order of their paths.
func Sort(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return Order(a.Path, b.Path) })
}

// At gives the entry of a path. The tree must be in order.
func (t Tree) At(p string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(t.Entries, p, func(e Entry, p string) int { return Order(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return t.Entries[i], true
}

// Forget overwrites what the files of the tree hold, and lets go of it.
func (t Tree) Forget() {
	for i := range t.Entries {
		clear(t.Entries[i].Content)
		t.Entries[i].Content = nil
	}
}

// Name is a path as it is shown to people: as it is where it is plain, and
// otherwise quoted, so that a line's end or a byte that is not UTF-8 is seen.
func Name(p string) string {
	plain := p != "" && utf8.ValidString(p) && !strings.ContainsFunc(p, func(r rune) bool {
		return !unicode.IsPrint(r) || r == '"' || r == '\\' || unicode.IsSpace(r)
	})
	if plain {
		return p
	}
	return strconv.Quote(p)
}

// parent is the directory of a path; the root is its own.
func parent(p string) string { return path.Dir(p) }

// Proper says whether a path can stand in a tree: relative, clean, without "..", a
// NUL or an empty name.
func Proper(p string) bool {
	return p != "" && !strings.HasPrefix(p, "/") && !strings.ContainsRune(p, 0) && path.Clean(p) == p && p != ".." && !strings.HasPrefix(p, "../")
}
