package convert

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

// Make plans the conversion of a tree whose files have their content. The same tree
// and options give the same plan. Contents are shared with the tree, not copied.
func Make(t tree.Tree, o Options) Plan {
	d := decisions(o.Decisions)
	r := newResolver(t, o, d)
	placed := &placer{o: o, decided: d}
	var units []*unit
	for _, s := range r.all(t) {
		units = append(units, placed.unit(s))
	}
	p := Plan{Problems: r.problems, Questions: placed.questions, Warnings: r.warnings}
	p.Problems = append(p.Problems, tooLarge(units)...)
	if unused := d.unused(); len(unused) > 0 {
		p.warn(CodeUnused, unused, "these decisions decide nothing: the file or the key is not there, or nothing in it is in question")
	}
	p.FSGroup = slices.ContainsFunc(units, func(u *unit) bool { return !forEverybody(u.source.entry.Mode) })
	assignKeys(units)
	objects := pack(units, o)
	if len(p.Problems) == 0 && len(p.Questions) == 0 {
		p.Objects, p.Mounts = nameAll(objects, o)
		p.items()
	}
	p.Files = append(files(units, p.FSGroup), r.skipped...)
	p.modes(t, units)
	if !p.Whole() {
		for i := range p.Files {
			p.Files[i].Object, p.Files[i].Key = "", ""
		}
	}
	sortPlan(&p)
	return p
}

// unit is one content with its placement: all paths that lead to it share one key.
type unit struct {
	source    *source
	placement Placement
	content   tree.Content
	key       string
	object    *object
	reasons   []Reason
	env       []variable // what --extract has taken out
}

func (p *Plan) warn(code string, paths []string, text string) {
	p.Warnings = append(p.Warnings, Warning{Code: code, Paths: paths, Text: text})
}

// mostItems is how large the paths of a volume may be in the pod's own object: it is
// kept in the Deployment, each ReplicaSet and each pod.
const mostItems = 1 << 20

// clientApply is how large an annotation may be, and with it what a client-side
// kubectl apply can handle.
const clientApply = 256 << 10

// items weighs what the mounts add to a pod.
func (p *Plan) items() {
	size, n := 0, 0
	for _, m := range p.Mounts {
		for _, i := range m.Items {
			size += len(i.Key) + len(i.Path) + len(`{"key":"","path":"","mode":420},`)
			n++
		}
	}
	switch {
	case size > mostItems:
		p.Problems = append(p.Problems, Problem{Code: CodeTooMany, Path: ".", Text: fmt.Sprintf("the paths of %d files make the pod's own object %d bytes larger, and etcd takes 1.5 MiB", n, size),
			Hint: "put the tree into the image or a volume, or convert its directories apart"})
		p.Objects, p.Mounts = nil, nil
	case size > clientApply:
		p.warn(CodeManyItems, nil, fmt.Sprintf("the paths of %d files make the pod's own object %d bytes larger: apply it on the server's side (kubectl apply --server-side)", n, size))
	}
}

// files are the lines of the report.
func files(units []*unit, group bool) []File {
	var out []File
	for _, u := range units {
		for _, at := range u.source.paths {
			f := File{Path: Printable(at), Placement: u.placement, Key: u.key, Mode: fmt.Sprintf("%04o", effective(u.source.entry.Mode, group))}
			if u.object != nil {
				f.Object = u.object.name
			}
			if written, link := u.source.links[at]; link {
				f.Reasons = append(f.Reasons, Reason{Code: CodeLink, Text: fmt.Sprintf("a link to %s, which is %s", Printable(written), Printable(u.source.entry.Path))})
			}
			f.Reasons = append(f.Reasons, u.reasons...)
			out = append(out, f)
		}
	}
	return out
}

func sortPlan(p *Plan) {
	slices.SortStableFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(p.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(p.Questions, func(a, b Question) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(p.Warnings, func(a, b Warning) int {
		return strings.Compare(a.Code+strings.Join(a.Paths, "\x00"), b.Code+strings.Join(b.Paths, "\x00"))
	})
}
