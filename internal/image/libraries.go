package image

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

// link gives taken libraries the names under which they are looked for, and
// programs the loader that they name.
func (g *gathering) link() {
	for _, at := range slices.Sorted(maps.Keys(g.elves)) {
		p := g.elves[at]
		if p.soname != "" && p.soname != path.Base(at) {
			g.alias(path.Join(path.Dir(at), p.soname), path.Base(at), g.files[at].Package)
		}
		if p.interp == "" {
			continue
		}
		if _, ok := g.base.has(p.interp); ok {
			continue
		}
		loader, ok := g.taken(path.Base(p.interp))
		name, err := g.base.resolve(p.interp, false)
		switch {
		case !ok || err != nil:
			g.against(CodeLibrary, Evidence{What: fmt.Sprintf("/%s is loaded by %s, which the base does not have", at, p.interp), File: "/" + at}, libraryRemedy)
		case name != loader:
			g.alias(name, "/"+loader, g.files[loader].Package)
		}
	}
}

func (g *gathering) alias(name, target, pkg string) {
	if _, ok := g.files[name]; !ok {
		g.files[name] = File{Path: name, Kind: tree.Link, Mode: 0o777, Target: target, Package: pkg, Why: "name of a library"}
	}
}

// taken is the taken file that has a name of a library, or that calls itself so.
func (g *gathering) taken(name string) (string, bool) {
	for _, at := range slices.Sorted(maps.Keys(g.elves)) {
		if path.Base(at) == name || g.elves[at].soname == name {
			return at, true
		}
	}
	return "", false
}

// judge looks whether every library that is needed will be found, and fits.
func (g *gathering) judge() {
	for _, at := range slices.Sorted(maps.Keys(g.elves)) {
		p := g.elves[at]
		for _, name := range p.needed {
			if lib, ok := g.taken(name); ok {
				dir := path.Dir(lib)
				if !standard.MatchString(dir) && !slices.Contains(p.paths, "/"+dir) && !slices.Contains(g.dirs, "/"+dir) {
					g.dirs = append(g.dirs, "/"+dir)
				}
				continue
			}
			if _, ok := g.base.library(name); !ok {
				g.against(CodeLibrary, Evidence{What: fmt.Sprintf("/%s needs %s, which neither the base nor the machine's facts have", at, name), File: "/" + at}, libraryRemedy)
				continue
			}
			if lacking := g.base.missingVersions(name, p.wants[name]); len(lacking) > 0 {
				g.against(CodeLibrary, Evidence{What: fmt.Sprintf("/%s wants %s of %s, and the base's has it not", at, strings.Join(lacking, ", "), name), File: "/" + at},
					"choose an approved base that is not older than the machine")
			}
		}
	}
	slices.Sort(g.dirs)
}
