package inventory

import (
	"cmp"
	"strings"
)

// Name is what people call the machine: its own name, or how it was reached; empty
// where it has neither.
func (f Facts) Name() string { return cmp.Or(f.Host.Name, f.Target.Host) }

// Mounted is the mounted file system on which a path is, of those that are told.
func (f Facts) Mounted(path string) (Mount, bool) {
	var best Mount
	found := false
	for _, mt := range f.Mounts {
		if Below(path, mt.Point) && (!found || len(mt.Point) > len(best.Point)) {
			best, found = mt, true
		}
	}
	return best, found
}

// Below says whether an absolute path is dir or in it.
func Below(path, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// Sentence is one thing that was seen, for people: on which machine, and in how many
// samples. Without one of these it is left out.
func Sentence(machine, what, seen string) string {
	if machine != "" {
		what = machine + ": " + what
	}
	if seen != "" {
		what += " (" + seen + ")"
	}
	return what
}
