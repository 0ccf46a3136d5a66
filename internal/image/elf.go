package image

import (
	"bytes"
	"debug/elf"
	"path"
	"regexp"
	"slices"
	"strings"
)

// program is what the header of an ELF file says (elf(5), System V ABI).
type program struct {
	soname string
	interp string   // absolute path of the program that loads it
	needed []string // names of libraries
	paths  []string // RUNPATH and RPATH, $ORIGIN resolved
	wants  map[string][]string
	gives  []string // versions of symbols that it defines
}

// elfOf reads a file at path, or gives false where it is none or is damaged: then
// its loader would refuse it too.
func elfOf(p string, data []byte) (program, bool) {
	if !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		return program{}, false
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return program{}, false
	}
	defer f.Close()
	out := program{wants: map[string][]string{}}
	out.needed, _ = f.ImportedLibraries()
	if names, err := f.DynString(elf.DT_SONAME); err == nil && len(names) > 0 {
		out.soname = names[0]
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		dirs, _ := f.DynString(tag)
		for _, dir := range strings.Split(strings.Join(dirs, ":"), ":") {
			dir = strings.NewReplacer("${ORIGIN}", path.Dir(p), "$ORIGIN", path.Dir(p)).Replace(dir)
			if dir != "" {
				out.paths = append(out.paths, path.Clean(dir))
			}
		}
	}
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP && s.Filesz < 4096 {
			text := make([]byte, s.Filesz)
			if n, _ := s.ReadAt(text, 0); n == len(text) {
				out.interp = strings.TrimRight(string(text), "\x00")
			}
		}
	}
	needs, _ := f.DynamicVersionNeeds()
	for _, n := range needs {
		for _, d := range n.Needs {
			if d.Flags&elf.VER_FLG_WEAK == 0 {
				out.wants[n.Name] = append(out.wants[n.Name], d.Dep)
			}
		}
	}
	versions, _ := f.DynamicVersions()
	for _, v := range versions {
		out.gives = append(out.gives, v.Name)
	}
	return out, true
}

// standard are the directories in which glibc's loader looks by itself (ld.so(8)),
// with those of Debian's architectures.
var standard = regexp.MustCompile(`^(usr/)?lib(64|32|x32)?(/[a-z0-9_]+-linux-gnu[a-z0-9_]*)?$`)

// library finds a library of that name where the loader of an image looks.
func (s *system) library(name string) (string, bool) {
	var found []string
	for p, v := range s.nodes {
		if path.Base(p) == name && standard.MatchString(path.Dir(p)) && v.kind != '5' {
			if _, ok := s.has(p); ok {
				found = append(found, p)
			}
		}
	}
	if len(found) == 0 {
		return "", false
	}
	return slices.Min(found), true
}

// stem is the name of a library without its version: libc of libc.so.6 and of
// libc-2.31.so.
func stem(name string) string {
	name, _, _ = strings.Cut(name, ".so")
	name, _, _ = strings.Cut(name, "-")
	return name
}

// missingVersions are the versions of symbols that a program wants of a library of
// the base and that this one does not give. What cannot be read is not missing.
func (s *system) missingVersions(name string, wants []string) []string {
	at, ok := s.library(name)
	if !ok {
		return nil
	}
	at, err := s.resolve(at, true)
	if err != nil {
		return nil
	}
	lib, ok := elfOf("/"+at, s.kept[at])
	if !ok || len(lib.gives) == 0 {
		return nil
	}
	var out []string
	for _, v := range wants {
		if !slices.Contains(lib.gives, v) {
			out = append(out, v)
		}
	}
	return out
}
