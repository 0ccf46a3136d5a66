package program

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// header is what the executable's ELF header and build notes tell.
type header struct {
	static    bool
	needed    []string // names of libraries
	search    []string // directories that it names itself
	language  string
	runtime   string
	framework string
}

// header reads the executable of a process: through /proc/PID/exe, which leads to
// the file that runs even where another one has taken its name.
func (c *collector) header(s *scope.Scope, r *running) header {
	var h header
	f, err := c.executable(r)
	if err != nil {
		if !os.IsNotExist(err) {
			s.Gaps.Add(inventory.SubjectPrograms, inventory.Name(r.exe), reason(err))
		}
		return h
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return h
	}
	interp := slices.ContainsFunc(e.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	h.needed, _ = e.ImportedLibraries()
	h.static = !interp && len(h.needed) == 0
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, _ := e.DynString(tag)
		for _, list := range paths {
			for _, dir := range strings.Split(list, ":") {
				dir = strings.NewReplacer("$ORIGIN", filepath.Dir(r.exe), "${ORIGIN}", filepath.Dir(r.exe)).Replace(dir)
				h.search = append(h.search, dir)
			}
		}
	}
	h.language = "C"
	if slices.ContainsFunc(h.needed, func(l string) bool { return strings.HasPrefix(l, "libstdc++") }) {
		h.language = "C++"
	}
	if note := e.Section(".comment"); note != nil && note.Size < 4096 {
		if text, err := note.Data(); err == nil && bytes.Contains(text, []byte("rustc")) {
			h.language = "Rust"
		}
	}
	if e.Section(".go.buildinfo") != nil {
		h.golang(f)
	}
	return h
}

func (h *header) golang(f *os.File) {
	h.language = "Go"
	info, err := buildinfo.Read(f)
	if err != nil {
		return
	}
	h.runtime = info.GoVersion
	var modules []string
	for _, d := range info.Deps {
		modules = append(modules, d.Path)
	}
	h.framework = goFramework(modules)
}

func (c *collector) executable(r *running) (*os.File, error) {
	var err error
	for _, pid := range r.pids {
		var f *os.File
		if f, err = os.Open(c.path(pid, "exe")); err == nil {
			return f, nil
		}
	}
	if os.IsPermission(err) {
		return nil, err
	}
	return os.Open(r.exe) // all of its processes have ended
}

// mostMaps bounds of how many processes of one program the maps are read.
const mostMaps = 4

// maps notes the libraries that are mapped into the program's processes.
func (c *collector) maps(s *scope.Scope, r *running) {
	read := 0
	for _, pid := range r.pids {
		if read == mostMaps {
			return
		}
		text, err := c.read(pid, "maps")
		if err != nil {
			if os.IsPermission(err) {
				s.Gaps.Add(inventory.SubjectPrograms, "libraries of "+c.comm(pid), reason(err))
			}
			continue
		}
		read++
		for line := range bytes.Lines(text) {
			i := bytes.IndexByte(line, '/')
			if i < 0 || !bytes.Contains(line[i:], []byte(".so")) {
				continue
			}
			path := strings.TrimSuffix(strings.TrimSuffix(string(line[i:]), "\n"), " (deleted)")
			if base := filepath.Base(path); strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") {
				r.mapped[path] = true
			}
		}
	}
}

// libraries are those that are mapped, and those that are needed and cannot be found.
func (c *collector) libraries(s *scope.Scope, r *running, h header) []inventory.Library {
	var out []inventory.Library
	found := map[string]bool{}
	for path := range r.mapped {
		_, err := os.Lstat(filepath.Join(r.first.root, path))
		out = append(out, inventory.Library{Path: inventory.Name(path), Mapped: true, Missing: os.IsNotExist(err) && c.alive(r)})
		found[filepath.Base(path)] = true
	}
	for _, name := range h.needed {
		if found[filepath.Base(name)] {
			continue
		}
		l := inventory.Library{Path: inventory.Name(name)}
		if path := c.find(s, r, h, name); path != "" {
			l.Path = inventory.Name(path)
			if r.mapped[path] || r.mapped[real(r.first.root, path)] {
				continue
			}
		} else {
			l.Missing = true
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b inventory.Library) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// alive says that the files are looked for where a process sees them.
func (c *collector) alive(r *running) bool {
	_, err := os.Lstat(r.first.root + "/")
	return err == nil
}

// real follows the links of a path below root: libz.so.1 is libz.so.1.2.13.
func real(root, path string) string {
	to, err := os.Readlink(filepath.Join(root, path))
	switch {
	case err != nil:
		return path
	case filepath.IsAbs(to):
		return to
	}
	return filepath.Join(filepath.Dir(path), to)
}

// find looks for a library as ld.so(8) does, but for its cache.
func (c *collector) find(s *scope.Scope, r *running, h header, name string) string {
	root := r.first.root
	if !c.alive(r) {
		root = s.Root
	}
	dirs := append(slices.Clone(h.search), "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
	for _, pattern := range []string{"/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/local/lib/*-linux-*"} {
		more, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, dir := range more {
			dirs = append(dirs, strings.TrimPrefix(dir, root))
		}
	}
	lists, _ := filepath.Glob(filepath.Join(root, "/etc/ld.so.conf.d/*.conf"))
	for _, list := range append(lists, filepath.Join(root, "/etc/ld.so.conf")) {
		for line := range strings.Lines(head(list, 4096)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") {
				dirs = append(dirs, line)
			}
		}
	}
	if filepath.IsAbs(name) {
		dirs, name = []string{filepath.Dir(name)}, filepath.Base(name)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(filepath.Join(root, path)); err == nil {
			return path
		}
	}
	return ""
}
