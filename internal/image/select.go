package image

import (
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// wanted is one path of the machine that belongs into the image.
type wanted struct {
	path string // absolute
	why  string
	pkg  string // of the distribution, with its version
}

// Left is something that stays out of the image, and why.
type Left struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// bars are what may never be in an image, by where it is on the machine.
type bars struct {
	below map[string]string // directory -> why
	exact map[string]string
}

// neverBelow are directories of which nothing belongs into an image.
var neverBelow = map[string]string{
	"/etc": "configuration is converted, not copied", "/proc": "the kernel's", "/sys": "the kernel's", "/dev": "devices",
	"/run": "of this boot alone", "/var/run": "of this boot alone", "/tmp": "temporary", "/var/tmp": "temporary",
	"/var/log": "logs go to standard output", "/var/spool": "data", "/var/backups": "data", "/root/.ssh": "keys", "/boot": "the kernel's",
}

// neverNamed are names that hold nothing but secrets or a history.
var neverNamed = []string{".ssh", ".gnupg", ".aws", ".kube", ".docker", ".netrc", ".pgpass", ".my.cnf", ".env", ".git", ".bash_history", ".vault-token", ".npmrc", ".pypirc"}

// barsOf takes them from the facts: what the application keeps or configures.
func barsOf(f inventory.Facts) bars {
	b := bars{below: map[string]string{}, exact: map[string]string{}}
	for dir, why := range neverBelow {
		b.below[dir] = why
	}
	for _, t := range f.Trees {
		b.below[path.Clean(t.Path)] = neverBelow["/etc"]
	}
	why := map[inventory.FileClass]string{
		inventory.FileConfig: neverBelow["/etc"], inventory.FileLog: neverBelow["/var/log"], inventory.FileData: "data belongs on a volume",
		inventory.FileSession: "sessions belong in a store", inventory.FileTemp: "temporary", inventory.FileDevice: "devices",
	}
	for _, file := range f.Files {
		if w := why[file.Class]; w != "" {
			b.exact[file.Path] = w
		}
	}
	for _, g := range f.Groups {
		if w := why[g.Class]; w != "" {
			b.below[path.Clean(g.Directory)] = w
		}
	}
	delete(b.below, "/")
	return b
}

// why says why a path may not be in an image, or "".
func (b bars) why(p string) string {
	if w := b.exact[p]; w != "" {
		return w
	}
	for at := p; ; at = path.Dir(at) {
		if w := b.below[at]; w != "" {
			return w
		}
		if slices.Contains(neverNamed, path.Base(at)) {
			return "secrets and histories stay where they are"
		}
		if at == "/" || at == "." {
			return ""
		}
	}
}

// selection is what an application needs of its machine.
type selection struct {
	own       []wanted // its own files
	libraries []wanted // that it needs, unless the base has them
	system    []wanted // programs of the distribution that the base must have
	missing   []string // libraries that are nowhere
	left      []Left
	undecided []Left
}

// selected takes from the facts what belongs into an image: programs and files that
// no package brought, the libraries of those programs, and what a person decided.
func selected(f inventory.Facts, b bars, with []string) selection {
	var s selection
	for _, p := range with {
		s.own = append(s.own, wanted{path: path.Clean(p), why: "decided"})
	}
	for _, p := range f.Programs {
		decided := slices.ContainsFunc(with, func(w string) bool { return below(p.Path, path.Clean(w)) })
		if p.Package != "" && !decided {
			s.system = append(s.system, wanted{path: p.Path, why: "program", pkg: p.Package})
			continue
		}
		if !decided {
			s.take(b, wanted{path: p.Path, why: "program"})
		}
		for _, l := range p.Libraries {
			switch {
			case l.Missing:
				s.missing = append(s.missing, l.Path)
			case l.Package == "":
				s.take(b, wanted{path: l.Path, why: "library of " + p.Path})
			default:
				s.libraries = append(s.libraries, wanted{path: l.Path, why: "library of " + p.Path, pkg: l.Package})
			}
		}
	}
	s.files(f, b)
	return s
}

// files takes what the application was seen to use beside its programs.
func (s *selection) files(f inventory.Facts, b bars) {
	for _, file := range f.Files {
		switch {
		case file.Package != "" || file.Deleted:
		case file.Class == inventory.FileProgram && file.Written:
			s.left = append(s.left, Left{file.Path, "it is written while the application runs"})
		case file.Class == inventory.FileProgram:
			s.take(b, wanted{path: file.Path, why: "seen in use: " + strings.Join(file.By, ", ")})
		case file.Class == inventory.FileOther:
			s.undecided = append(s.undecided, Left{file.Path, "no rule knows what it is"})
		default:
			s.left = append(s.left, Left{file.Path, b.why(file.Path)})
		}
	}
	for _, g := range f.Groups {
		if why := b.below[path.Clean(g.Directory)]; why != "" {
			s.left = append(s.left, Left{g.Directory, why})
		} else {
			s.undecided = append(s.undecided, Left{g.Directory, "a directory of files that are too many to be listed"})
		}
	}
	for _, w := range s.own {
		if dir := ownDirectory(w.path); dir != "" && w.why != "decided" && !s.decided(dir) {
			s.undecided = append(s.undecided, Left{dir, "it may hold more than was seen in use"})
		}
	}
	s.undecided = slices.DeleteFunc(s.undecided, func(l Left) bool { return s.decided(l.Path) || b.why(l.Path) != "" })
	slices.SortFunc(s.undecided, func(a, b Left) int { return strings.Compare(a.Path, b.Path) })
	s.undecided = slices.CompactFunc(s.undecided, func(a, b Left) bool { return a.Path == b.Path })
}

func (s *selection) take(b bars, w wanted) {
	if why := b.why(w.path); why != "" {
		s.left = append(s.left, Left{w.path, why})
		return
	}
	s.own = append(s.own, w)
}

// decided says whether a person has asked for a path, or for what it is below.
func (s *selection) decided(p string) bool {
	return slices.ContainsFunc(s.own, func(w wanted) bool { return w.why == "decided" && below(p, w.path) })
}

// below says whether a path is a directory or below it.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// ownDirectory is the directory of an application in which a file is, by where
// applications are put (FHS 3.0: /opt, /srv, /usr/local), or "".
func ownDirectory(p string) string {
	for _, root := range []string{"/opt/", "/srv/", "/var/www/", "/usr/local/share/", "/usr/local/lib/", "/home/"} {
		rest, ok := strings.CutPrefix(p, root)
		if name, _, deeper := strings.Cut(rest, "/"); ok && deeper {
			return root + name
		}
	}
	return ""
}
