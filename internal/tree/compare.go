package tree

import (
	"fmt"
	"slices"
	"strings"
)

// What is the respect in which two trees differ.
type What string

// The ways to differ.
const (
	Missing  What = "missing"  // it is wanted, and not there
	Extra    What = "extra"    // it is there, and not wanted
	KindIs   What = "kind"     // a file where a directory is wanted
	Holds    What = "content"  // another size or another hash
	LeadsTo  What = "target"   // a link that names something else
	ModeIs   What = "mode"     // other permissions
	OwnerIs  What = "owner"    // another user or group, by number
	Unread   What = "unread"   // on one of the sides it could not be read, so nothing is known
	Unhashed What = "unhashed" // on one of the sides nobody took the hash
)

// Difference is one respect in which one path differs. Want and Got are words that
// may be shown: sizes and hashes, modes, kinds, never what a file holds.
type Difference struct {
	Path string `json:"path"`
	What What   `json:"what"`
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
}

// String is the difference in one line.
func (d Difference) String() string {
	switch d.What {
	case Missing, Extra:
		return fmt.Sprintf("%s: %s: %s", Name(d.Path), d.What, d.Want+d.Got)
	}
	return fmt.Sprintf("%s: %s: want %s, got %s", Name(d.Path), d.What, d.Want, d.Got)
}

// CompareOptions say in what two trees must agree. The zero value asks for what an
// application finds that opens paths: the same files with the same content, whether
// a path leads there by a link or not, and nothing else.
type CompareOptions struct {
	// Links compares links as links, by what they name. Otherwise both sides are
	// taken as Seen has them.
	Links bool
	// Modes compares the lower twelve bits of the modes of files and directories.
	Modes bool
	// Owners compares users and groups by their numbers.
	Owners bool
	// EmptyDirs has a directory count although no file stands below it.
	EmptyDirs bool
	// AllowExtra passes over what is there and not wanted.
	AllowExtra bool
	// Skip are paths that do not count, with everything below them.
	Skip []string
}

// Compare gives every difference, in the order of paths. A path that could not be
// read on one of the sides is a difference: what is not known is not the same. The
// root's own mode and owner do not count: they are those of the mount.
func Compare(want, got Tree, o CompareOptions) []Difference {
	a, b := o.view(want), o.view(got)
	var out []Difference
	for i, j := 0, 0; i < len(a) || j < len(b); {
		order := 0
		switch {
		case i == len(a):
			order = 1
		case j == len(b):
			order = -1
		default:
			order = Order(a[i].Path, b[j].Path)
		}
		switch {
		case order < 0:
			out = append(out, Difference{Path: a[i].Path, What: Missing, Want: a[i].words()})
			i++
		case order > 0:
			if !o.AllowExtra {
				out = append(out, Difference{Path: b[j].Path, What: Extra, Got: b[j].words()})
			}
			j++
		default:
			out = append(out, o.entries(a[i], b[j])...)
			i, j = i+1, j+1
		}
	}
	return out
}

// view are the entries that count, in order.
func (o CompareOptions) view(t Tree) []Entry {
	if !o.Links {
		t = Seen(t)
	}
	full := map[string]bool{".": true}
	for _, e := range t.Entries {
		if e.Kind != Dir {
			for d := parent(e.Path); !full[d]; d = parent(d) {
				full[d] = true
			}
		}
	}
	var out []Entry
	for _, e := range t.Entries {
		if o.skips(e.Path) || e.Kind == Dir && e.Err == "" && !o.EmptyDirs && !full[e.Path] {
			continue
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return Order(a.Path, b.Path) })
	return out
}

func (o CompareOptions) skips(path string) bool {
	return slices.ContainsFunc(o.Skip, func(s string) bool { return path == s || strings.HasPrefix(path, s+"/") })
}

// entries are the differences of one path.
func (o CompareOptions) entries(want, got Entry) []Difference {
	var out []Difference
	differ := func(what What, w, g string) {
		out = append(out, Difference{Path: want.Path, What: what, Want: w, Got: g})
	}
	switch {
	case want.Err != "" || got.Err != "":
		differ(Unread, want.words(), got.words())
		return out
	case want.Kind != got.Kind:
		differ(KindIs, want.words(), got.words())
		return out
	case want.Kind == File && want.Size == got.Size && (want.SHA256 == "" || got.SHA256 == ""):
		differ(Unhashed, want.words(), got.words())
	case want.Kind == File && (want.Size != got.Size || want.SHA256 != got.SHA256):
		differ(Holds, want.words(), got.words())
	case want.Kind == Link && want.Target != got.Target:
		differ(LeadsTo, Name(want.Target), Name(got.Target))
	}
	if want.Path == "." || want.Kind == Link {
		return out
	}
	if o.Modes && want.Mode != got.Mode {
		differ(ModeIs, fmt.Sprintf("%04o", want.Mode), fmt.Sprintf("%04o", got.Mode))
	}
	if o.Owners && (want.UID != got.UID || want.GID != got.GID) {
		differ(OwnerIs, want.owner(), got.owner())
	}
	return out
}

// words say what an entry is, without what it holds.
func (e Entry) words() string {
	switch {
	case e.Err != "":
		return string(e.Kind) + " that could not be read: " + e.Err
	case e.Kind == File && e.SHA256 == "":
		return fmt.Sprintf("file of %d bytes", e.Size)
	case e.Kind == File:
		return fmt.Sprintf("file of %d bytes, sha256 %.12s", e.Size, e.SHA256)
	case e.Kind == Link:
		return "link to " + Name(e.Target)
	}
	return string(e.Kind)
}

func (e Entry) owner() string {
	return fmt.Sprintf("%d:%d", e.UID, e.GID)
}
