package readiness

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// drift is CONFIG-DRIFT: the configuration of machines of one kind is the same, file
// by file. What differs is named by file and setting; digests are
// compared only where both were made with the same key.
func drift(l look) opinion {
	o := opinion{remedy: "make the machines alike, or declare which one is right and move that one"}
	groups := kinds(l.machines)
	compared := 0
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		compared += len(group)
		trees := 0
		for _, m := range group {
			trees += len(m.Trees)
			if why := m.unseen(inventory.SubjectTrees); why != "" {
				o.doubt(m, 0, "%s: %s", m.name, why)
			}
		}
		if trees == 0 {
			o.doubt(group[0], 0, "no configuration directory was looked at: there is nothing to compare")
		}
		for _, m := range group[1:] {
			differ(&o, group[0], m)
		}
	}
	if len(l.machines) > 0 {
		o.at, _ = l.oldest()
		o.command = showDirectories(l.machines[0])
	}
	switch {
	case len(l.machines) == 0:
		return o.unknown("there are no facts of any machine")
	case len(o.blames) > 0:
		return o.fails("%s", some(o.blames))
	case len(o.unsure) > 0:
		return o.unknown("%s", some(o.unsure))
	case compared == 0:
		return o.passes("there is one machine of each kind: nothing can differ")
	}
	return o.passes("%d machines have the same configuration", compared)
}

// kinds puts together the machines that run the same unit. Where the application is
// found by a port or a process there is no unit's name: then they are of one kind
// that have a configuration directory in common.
func kinds(machines []machine) [][]machine {
	var groups [][]machine
	for _, m := range machines {
		at := slices.IndexFunc(groups, func(g []machine) bool {
			if a, b := unitOf(g[0]), unitOf(m); a != "" && b != "" {
				return a == b
			}
			return slices.ContainsFunc(m.Trees, func(t inventory.Tree) bool {
				return slices.ContainsFunc(g[0].Trees, func(u inventory.Tree) bool { return t.Path == u.Path })
			}) || len(m.Trees)+len(g[0].Trees) == 0
		})
		if at < 0 {
			groups = append(groups, nil)
			at = len(groups) - 1
		}
		groups[at] = append(groups[at], m)
	}
	return groups
}

func unitOf(m machine) string { return unitName(cmp.Or(m.declared.Unit, m.Target.Unit)) }

// drifted are the machines, by name, that CONFIG-DRIFT names.
func drifted(l look) map[string]bool {
	out := map[string]bool{}
	if d := drift(l); len(d.blames) > 0 {
		for _, e := range d.evidence {
			out[e.Machine] = true
		}
	}
	return out
}

// differ compares the trees of two machines.
func differ(o *opinion, a, b machine) {
	of := func(m machine) map[string]inventory.Tree {
		out := map[string]inventory.Tree{}
		for _, t := range m.Trees {
			if !t.Missing {
				out[t.Path] = t
			}
		}
		return out
	}
	left, right := of(a), of(b)
	if a.unseen(inventory.SubjectTrees) != "" || b.unseen(inventory.SubjectTrees) != "" {
		// What was seen on both can still differ; what is missing on one was
		// perhaps only not seen there.
		maps.DeleteFunc(left, func(p string, _ inventory.Tree) bool { _, ok := right[p]; return !ok })
		maps.DeleteFunc(right, func(p string, _ inventory.Tree) bool { _, ok := left[p]; return !ok })
	}
	for _, path := range slices.Sorted(maps.Keys(left)) {
		there, ok := right[path]
		if !ok {
			both(o, a, b, path+" is on "+a.name+" and not on "+b.name)
			continue
		}
		differInside(o, a, b, left[path], there)
	}
	for _, path := range slices.Sorted(maps.Keys(right)) {
		if _, ok := left[path]; !ok {
			both(o, a, b, path+" is on "+b.name+" and not on "+a.name)
		}
	}
}

func differInside(o *opinion, a, b machine, x, y inventory.Tree) {
	if x.Truncated+y.Truncated > 0 {
		o.doubt(a, 0, "%s has too many entries to be compared whole", x.Path)
	}
	comparable := x.KeyID != "" && x.KeyID == y.KeyID
	if !comparable && len(x.Entries)+len(y.Entries) > 0 {
		o.doubt(a, 0, "%s of %s and %s was not taken in one probe and cannot be compared: probe them together", x.Path, a.name, b.name)
	}
	other := map[string]inventory.TreeEntry{}
	for _, e := range y.Entries {
		other[e.Path] = e
	}
	for _, e := range x.Entries {
		f, ok := other[e.Path]
		delete(other, e.Path)
		file := x.Path + "/" + e.Path
		switch {
		case !ok && y.Truncated == 0:
			both(o, a, b, file+" is on "+a.name+" and not on "+b.name)
		case !ok:
		case e.Unreadable != "" || f.Unreadable != "":
			o.doubt(a, 0, "%s could not be read: %s", file, e.Unreadable+f.Unreadable)
		default:
			if what := change(e, f, comparable); what != "" {
				both(o, a, b, file+" differs between "+a.name+" and "+b.name+": "+what)
			} else if comparable && strings.HasPrefix(e.Mode, "-") && (e.Digest == "" || f.Digest == "") {
				o.doubt(a, 0, "%s has no digest", file)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(other)) {
		if x.Truncated == 0 {
			both(o, a, b, x.Path+"/"+path+" is on "+b.name+" and not on "+a.name)
		}
	}
}

// both blames a difference on either machine, once.
func both(o *opinion, a, b machine, what string) {
	o.blame(a, 0, "%s", what)
	if len(o.blames) <= listed {
		o.evidence = append(o.evidence, b.evidence(0, what))
	}
}

// change says in what two entries of the same path differ.
func change(e, f inventory.TreeEntry, comparable bool) string {
	var what []string
	if e.Mode != f.Mode {
		what = append(what, "mode "+e.Mode+" and "+f.Mode)
	}
	if e.Owner != f.Owner {
		what = append(what, "owner "+e.Owner+" and "+f.Owner)
	}
	if e.Link != f.Link {
		what = append(what, "where it links to")
	}
	if !comparable || e.Digest == "" || f.Digest == "" || e.Digest == f.Digest {
		return strings.Join(what, ", ")
	}
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(merged(e.Keys, f.Keys))) {
		if e.Keys[k] != f.Keys[k] {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 || len(e.Keys) == 0 || len(f.Keys) == 0 {
		return strings.Join(append(what, "its content"), ", ")
	}
	return strings.Join(append(what, "the settings "+some(keys)), ", ")
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}
