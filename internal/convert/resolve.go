package convert

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"rehome.dev/rehome/internal/tree"
)

const (
	// mostLinks is how many the kernel follows before it says ELOOP: path_resolution(7).
	mostLinks = 40
	// mostFiles bounds what links to directories can blow a tree up to.
	mostFiles = 20000
)

// source is one file that is really there, with all paths at which its content is to
// be found: its own and those of links.
type source struct {
	entry tree.Entry
	paths []string
	links map[string]string // the paths that are links: how each is written
}

// resolver turns entries into sources.
type resolver struct {
	o        Options
	root     string
	entries  map[string]tree.Entry
	below    map[string][]string // the paths in each directory
	decided  *decided
	sources  map[string]*source
	count    int
	skipped  []File
	problems []Problem
	warnings []Warning
}

func newResolver(t tree.Tree, o Options, d *decided) *resolver {
	r := &resolver{o: o, root: t.Root, entries: map[string]tree.Entry{}, below: map[string][]string{}, decided: d, sources: map[string]*source{}}
	for _, e := range t.Entries {
		r.entries[e.Path] = e
		if e.Path != "." {
			r.below[path.Dir(e.Path)] = append(r.below[path.Dir(e.Path)], e.Path)
		}
	}
	return r
}

// all resolves every entry of the tree, in its order.
func (r *resolver) all(t tree.Tree) []*source {
	var kept, outside []string
	for _, e := range t.Entries {
		if r.skip(e) {
			continue
		}
		switch {
		case e.Err != "":
			r.problem(CodeUnreadable, e.Path, e.Err, "let this user read it; or decide that it is skipped")
		case e.Kind == tree.File:
			r.add(e.Path, e.Path, "")
		case e.Kind == tree.Dir:
			r.directory(e)
		case e.Kind == tree.Link:
			n := len(r.problems)
			r.link(e)
			if len(r.problems) == n {
				kept = append(kept, Printable(e.Path))
			} else if r.problems[n].Code == CodeLinkOut {
				outside = append(outside, Printable(e.Path))
			}
		default:
			r.problem(CodeSpecial, e.Path, fmt.Sprintf("it is a %s, and no volume holds one", e.Kind), "make it where it is used, in the image or at start; and decide that it is skipped here")
		}
	}
	if len(kept) > 0 {
		r.warn(CodeLinkKept, kept, "a volume keeps no links: each of these becomes the content of what it names")
	}
	if len(outside) > 0 {
		r.warn(CodeLinkOut, outside, "these links lead out of the tree: what they name must come with the image, or from another conversion")
	}
	if r.count > mostFiles {
		r.problem(CodeTooMany, ".", fmt.Sprintf("more than %d files, links followed: this is no configuration", mostFiles), "name the directory that the application reads, or put the tree into the image or a volume")
	}
	return r.ordered()
}

func (r *resolver) ordered() []*source {
	out := make([]*source, 0, len(r.sources))
	for _, s := range r.sources {
		slices.Sort(s.paths)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *source) int { return strings.Compare(a.entry.Path, b.entry.Path) })
	return out
}

// skip notes an entry that a person has decided to leave out.
func (r *resolver) skip(e tree.Entry) bool {
	d, yes := r.decided.skips(Printable(e.Path))
	if !yes || e.Path == "." {
		return false
	}
	if e.Kind != tree.Dir {
		r.skipped = append(r.skipped, File{Path: Printable(e.Path), Placement: Skip, Reasons: []Reason{{Code: CodeDecided, Text: d.Why}}})
	}
	return true
}

func (r *resolver) problem(code, at, text, hint string) {
	p := Problem{Code: code, Path: Printable(at), Text: text, Hint: hint}
	p.Open = code == CodeLinkOut || code == CodeLinkBroken
	r.problems = append(r.problems, p)
}

func (r *resolver) warn(code string, paths []string, text string) {
	r.warnings = append(r.warnings, Warning{Code: code, Paths: paths, Text: text})
}

func (r *resolver) directory(e tree.Entry) {
	if e.Path != "." && len(r.below[e.Path]) == 0 {
		r.warn(CodeEmptyDir, []string{Printable(e.Path)}, "an empty directory is not there in a volume: an emptyDir can be mounted where the application needs one")
	}
}

// add gives the content of the file real another path.
func (r *resolver) add(at, real, written string) {
	if r.count++; r.count > mostFiles {
		return
	}
	if fault := faultyName(at); fault != "" {
		r.problem(CodeName, at, fault, "rename it; or decide that it is skipped")
		return
	}
	s := r.sources[real]
	if s == nil {
		s = &source{entry: r.entries[real], links: map[string]string{}}
		r.sources[real] = s
	}
	s.paths = append(s.paths, at)
	if at != real {
		s.links[at] = written
	}
}

// faultyName says why a path cannot be that of an item: objects are JSON, and the
// kubelet keeps names that begin with two dots for itself.
func faultyName(at string) string {
	switch {
	case !utf8.ValidString(at):
		return "its name is no UTF-8, and objects hold nothing else"
	case strings.HasPrefix(at, ".."):
		return "a name that begins with two dots is kept for the volume itself"
	}
	return ""
}

func (r *resolver) link(e tree.Entry) {
	to, fault, why := r.walk(path.Dir(e.Path), e.Target)
	if fault != "" {
		r.linkProblem(e.Path, fault, why)
		return
	}
	if !r.expand(e.Path, to, e.Target, above(e.Path)) {
		r.linkProblem(e.Path, CodeLinkLoop, "it leads to a directory in which it stands itself")
	}
}

func (r *resolver) linkProblem(at, code, why string) {
	hint := "put what it names in its place; or decide that it is skipped, and have the image bring it"
	if code == CodeLinkLoop {
		hint = "take out the link that closes the loop; or decide that it is skipped"
	}
	r.problem(code, at, why, hint)
}

// above are the directories in which a path stands.
func above(at string) []string {
	var out []string
	for at != "." {
		at = path.Dir(at)
		out = append(out, at)
	}
	return out
}

// expand gives everything at real the path at. Open are the directories that are being
// gone through; it is false where a link leads back into one of them.
func (r *resolver) expand(at, real, written string, open []string) bool {
	e := r.entries[real]
	switch {
	case r.count > mostFiles:
		return true
	case e.Err != "" || e.Kind != tree.File && e.Kind != tree.Dir: // named where it stands itself
		if _, skipped := r.decided.skips(Printable(real)); skipped {
			r.skipped = append(r.skipped, File{Path: Printable(at), Placement: Skip, Reasons: []Reason{{Code: CodeDecided, Text: "it names " + Printable(real)}}})
		}
		return true
	case e.Kind == tree.File:
		r.add(at, real, written)
		return true
	case slices.Contains(open, real):
		return false
	}
	open = append(open[:len(open):len(open)], real)
	for _, child := range r.below[real] {
		shown := path.Join(at, path.Base(child))
		if _, skipped := r.decided.skips(Printable(shown)); skipped {
			continue
		}
		if _, skipped := r.decided.skips(Printable(child)); skipped {
			continue
		}
		to := child
		if c := r.entries[child]; c.Kind == tree.Link {
			next, fault, _ := r.walk(path.Dir(child), c.Target)
			if fault != "" {
				continue // named where it stands itself
			}
			to = next
		}
		if !r.expand(shown, to, written, open) {
			return false
		}
	}
	return true
}

// walk follows target from a directory of the tree as the kernel would, and gives the
// path of what is no link. An absolute target is in the tree where it begins with the
// tree's root, or with the path at which the application finds it.
func (r *resolver) walk(from, target string) (at, code, why string) {
	at = from
	todo, ok := r.parts(&at, target)
	if !ok {
		return "", CodeLinkOut, fmt.Sprintf("it leads out of the tree, to %s", Printable(target))
	}
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch {
		case part == "" || part == ".":
			continue
		case part == ".." && at == ".":
			return "", CodeLinkOut, fmt.Sprintf("it leads out of the tree, by %s", Printable(target))
		case part == "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		e, there := r.entries[next]
		switch {
		case !there || len(todo) > 0 && e.Kind != tree.Dir && e.Kind != tree.Link:
			return "", CodeLinkBroken, fmt.Sprintf("nothing is there where it leads: %s", Printable(target))
		case e.Kind != tree.Link:
			at = next
			continue
		}
		if hops++; hops > mostLinks {
			return "", CodeLinkLoop, fmt.Sprintf("it leads in a circle, by %s", Printable(target))
		}
		more, ok := r.parts(&at, e.Target)
		if !ok {
			return "", CodeLinkOut, fmt.Sprintf("it leads out of the tree, to %s", Printable(e.Target))
		}
		todo = append(more, todo...)
	}
	return at, "", ""
}

// parts splits a link's target; an absolute one begins again at the root.
func (r *resolver) parts(at *string, target string) ([]string, bool) {
	if !path.IsAbs(target) {
		return strings.Split(target, "/"), true
	}
	for _, root := range []string{r.root, r.o.Mount} {
		root = strings.TrimSuffix(root, "/")
		if rest, in := strings.CutPrefix(target, root); in && root != "" && (rest == "" || rest[0] == '/') {
			*at = "."
			return strings.Split(rest, "/"), true
		}
	}
	return nil, false
}

// Printable is a path as it can be written into reports and decisions: bytes that are
// no UTF-8, and the backslash before an x, are written \xNN.
func Printable(p string) string {
	if utf8.ValidString(p) && !strings.Contains(p, `\x`) {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		c, n := utf8.DecodeRuneInString(p[i:])
		if c == utf8.RuneError && n == 1 || strings.HasPrefix(p[i:], `\x`) {
			fmt.Fprintf(&b, `\x%02x`, p[i])
		} else {
			b.WriteString(p[i : i+n])
		}
		i += n
	}
	return b.String()
}
