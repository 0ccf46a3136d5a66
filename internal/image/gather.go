package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/scan"
	"rehome.dev/rehome/internal/tree"
)

// What speaks against a build beyond what an image is held to.
const (
	CodeFiles   = Code("BUILD-FILES")     // everything that is needed is there and may be taken
	CodeLibrary = Code("BUILD-LIBRARIES") // every library is there, in a version that fits
)

// gathering is the way from facts to the files of an image.
type gathering struct {
	order Order
	base  *system
	read  Read
	built *Built

	bars    bars
	files   map[string]File // by path in the image
	elves   map[string]program
	dirs    []string // in which the loader must be told to look
	trouble map[Code][]Evidence
	remedy  map[Code]string
}

// neededBy says of a file of the base whether it may be a library that the
// application needs.
func neededBy(f inventory.Facts) func(string) bool {
	stems := map[string]bool{"libc": true}
	for _, p := range f.Programs {
		for _, l := range p.Libraries {
			stems[stem(path.Base(l.Path))] = true
		}
	}
	return func(p string) bool {
		return strings.Contains(path.Base(p), ".so") && stems[stem(path.Base(p))]
	}
}

func (g *gathering) gather(ctx context.Context) error {
	g.bars, g.files, g.elves = barsOf(g.order.Facts), map[string]File{}, map[string]program{}
	g.trouble, g.remedy = map[Code][]Evidence{}, map[Code]string{}
	if ok, why := g.order.Facts.Saw(inventory.SubjectPrograms, inventory.SubjectFiles); !ok {
		g.built.Findings = append(g.built.Findings, Finding{Code: CodeFiles, Subject: g.order.Name, Verdict: migration.Fail,
			Text: "what the application uses was not seen whole: " + plainText(why), Remedy: "take the facts anew, as root: rehome probe --sudo … -o json > facts.json"})
		return nil
	}
	s := selected(g.order.Facts, g.bars, g.order.With)
	g.built.Left, g.built.Undecided = s.left, s.undecided
	for _, w := range s.own {
		if why := g.bars.why(w.path); why != "" {
			g.against(CodeFiles, Evidence{What: w.path + ": " + why, File: w.path}, "take it out of --with: configuration, secrets, logs, data and sessions are never in an image")
		}
	}
	for _, w := range s.system {
		if _, ok := g.base.has(w.path); !ok {
			g.against(CodeFiles, Evidence{What: fmt.Sprintf("the base has no %s, which package %s brought to the machine", w.path, w.pkg), File: w.path},
				"choose an approved base that has it, or take it along by decision: --with "+w.path)
		}
	}
	for _, m := range s.missing {
		g.against(CodeLibrary, Evidence{What: m + " is nowhere on the machine", File: m}, libraryRemedy)
	}
	if err := g.fetch(ctx, s.own); err != nil {
		return err
	}
	var libraries []wanted
	for _, w := range s.libraries {
		if at, ok := g.base.library(path.Base(w.path)); ok {
			g.built.FromBase = append(g.built.FromBase, "/"+at)
			continue
		}
		libraries = append(libraries, w)
	}
	if err := g.fetch(ctx, libraries); err != nil {
		return err
	}
	slices.Sort(g.built.FromBase)
	g.built.FromBase = slices.Compact(g.built.FromBase)
	g.link()
	g.judge()
	g.built.Files = slices.Collect(maps.Values(g.files))
	for _, f := range g.built.Files {
		g.built.Taken += f.Size
	}
	if len(s.own) == 0 && len(s.system) == 0 {
		g.against(CodeFiles, Evidence{What: "the facts name no program"}, "take the facts while the application runs")
	}
	g.findings()
	return nil
}

const libraryRemedy = "choose an approved base that has it in that version, or install it on the machine and take the facts anew"

func (g *gathering) against(code Code, e Evidence, remedy string) {
	g.trouble[code] = append(g.trouble[code], e)
	if g.remedy[code] == "" {
		g.remedy[code] = remedy
	}
}

// findings are one for each code, passed or not.
func (g *gathering) findings() {
	texts := map[Code]string{
		CodeFiles:   fmt.Sprintf("%s taken, of which none may not be in an image", times(len(g.files), "name")),
		CodeLibrary: "every library that is needed is in the base or was taken",
		CodeSecret:  "no secret is in a file that was taken",
	}
	for _, code := range []Code{CodeFiles, CodeLibrary, CodeSecret} {
		f := Finding{Code: code, Subject: g.order.Name, Verdict: migration.Pass, Text: texts[code], Evidence: g.trouble[code]}
		if n := len(g.trouble[code]); n > 0 {
			f.Verdict, f.Remedy = migration.Fail, g.remedy[code]
			f.Text = f.Evidence[0].What
			if n > 1 {
				f.Text += fmt.Sprintf(", and %d more", n-1)
			}
		}
		g.built.Findings = append(g.built.Findings, f)
	}
}

// fetch reads what is wanted, and what its links lead to.
func (g *gathering) fetch(ctx context.Context, all []wanted) error {
	for rounds := 0; len(all) > 0; rounds++ {
		if rounds == mostLinks {
			return fmt.Errorf("read the application's files: %w", errLoop)
		}
		why := map[string]wanted{}
		var paths []string
		for _, w := range all {
			if _, seen := g.files[strings.TrimPrefix(w.path, "/")]; seen || g.bars.why(w.path) != "" {
				continue
			}
			why[w.path] = w
			paths = append(paths, w.path)
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
		if len(paths) == 0 {
			return nil
		}
		t, err := g.readAll(ctx, paths)
		if err != nil {
			return err
		}
		all = nil
		for _, e := range t.Entries {
			if next, ok := g.entry(e, nearest(why, "/"+e.Path)); ok {
				all = append(all, next)
			}
		}
	}
	return nil
}

// readAll reads paths at once; where one of them is missing each is read alone, so
// that the finding names it.
func (g *gathering) readAll(ctx context.Context, paths []string) (tree.Tree, error) {
	t, err := g.read(ctx, paths)
	if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	var out tree.Tree
	for _, p := range paths {
		t, err := g.read(ctx, []string{p})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			g.against(CodeFiles, Evidence{What: p + " was seen in use and is not there any more", File: p}, "take the facts anew")
		case err != nil:
			return out, err
		}
		out.Entries = append(out.Entries, t.Entries...)
	}
	return out, nil
}

// nearest is what was wanted that a path is, or is below.
func nearest(why map[string]wanted, p string) wanted {
	for at := p; ; at = path.Dir(at) {
		if w, ok := why[at]; ok {
			return w
		}
		if at == "/" {
			return wanted{path: p}
		}
	}
}

// entry takes one entry of the machine into the image. A link whose target is not
// there yet is wanted next.
func (g *gathering) entry(e tree.Entry, w wanted) (next wanted, ok bool) {
	from := "/" + e.Path
	if why := g.bars.why(from); why != "" {
		g.built.Left = append(g.built.Left, Left{from, why})
		return wanted{}, false
	}
	if e.Err != "" {
		g.against(CodeFiles, Evidence{What: plainName(e.Path) + " cannot be read: " + plainText(e.Err), File: plainName(e.Path)}, "read the machine as root")
		return wanted{}, false
	}
	if e.Kind != tree.File && e.Kind != tree.Dir && e.Kind != tree.Link {
		g.built.Left = append(g.built.Left, Left{from, "it is a " + string(e.Kind)})
		return wanted{}, false
	}
	at, err := g.base.resolve(e.Path, false)
	if err != nil {
		g.against(CodeFiles, Evidence{What: err.Error()}, "choose another base")
		return wanted{}, false
	}
	_, inBase := g.base.nodes[at]
	if e.Kind == tree.Dir && (inBase || at == "") {
		return wanted{}, false
	}
	f := File{Path: at, From: from, Kind: e.Kind, Mode: modeOf(e), Size: int64(len(e.Content)), SHA256: e.SHA256, Target: e.Target, Package: w.pkg, Why: w.why, Content: e.Content}
	g.files[at] = f
	switch e.Kind {
	case tree.File:
		g.scan(f)
		if p, is := elfOf("/"+at, f.Content); is {
			g.elves[at] = p
		}
	case tree.Link:
		g.base.nodes[at] = node{kind: tar.TypeSymlink, mode: 0o777, target: e.Target} // what is read next may lead over it
		target := e.Target
		if !strings.HasPrefix(target, "/") {
			target = path.Join(path.Dir(from), target)
		}
		target = path.Clean(target)
		if _, taken := g.base.has(target); !taken {
			return wanted{path: target, why: "target of " + from, pkg: w.pkg}, true
		}
	}
	return wanted{}, false
}

// scan looks for secrets in a file that was taken. One that a package brought is
// known to everybody.
func (g *gathering) scan(f File) {
	if f.Package != "" {
		return
	}
	for _, p := range scan.Locate(f.From, f.Content) {
		at := place{file: strings.TrimPrefix(f.From, "/"), at: p}.evidence()
		remedy := "take the secret out of the file and give it as a Secret: rehome convert"
		if p.Doubtful {
			if slices.Contains(g.order.Innocent, f.From) {
				continue
			}
			at.What += ": it may be one"
			remedy = "look at it; where it is none, say so: --innocent " + f.From
		}
		g.against(CodeSecret, at, remedy)
	}
}
