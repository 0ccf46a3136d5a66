package program

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

var (
	libPHP    = lazy.New(`/(?:libphp|mod_php)(\d+(?:\.\d+)*)?\.so`)
	libJVM    = lazy.New(`/libjvm\.so`)
	libCLR    = lazy.New(`(?:/Microsoft\.NETCore\.App/([\d.]+))?/libcoreclr\.so`)
	libPython = lazy.New(`/libpython(\d+\.\d+)|/python(\d+\.\d+)/lib-dynload/|/python3?\d*_plugin\.so`)
	libPerl   = lazy.New(`/libperl\.so\.(\d+\.\d+)`)
	libRuby   = lazy.New(`/libruby[-\d.]*\.so\.(\d+\.\d+)`)
	modWSGI   = lazy.New(`/mod_wsgi[^/]*\.so`)
	modPerl   = lazy.New(`/mod_perl\.so`)
)

// guests are languages that run inside of a program of another one. A program
// that has a scripting language for its own use is still what it is: only those
// of uwsgi count, and the modules of a web server.
var guests = []struct {
	by                           *lazy.Regexp
	inside                       string // framework of the host; "" is any
	language, runtime, framework string
}{
	{libPHP, "", "PHP", "php", "mod_php"},
	{modWSGI, "", "Python", "python", "mod_wsgi"},
	{modPerl, "", "Perl", "perl", "mod_perl"},
	{libJVM, "", "Java", "java", ""},
	{libCLR, "", ".NET", "dotnet", ""},
	{libPython, "uwsgi", "Python", "python", "uwsgi"},
	{libRuby, "uwsgi", "Ruby", "ruby", "uwsgi"},
	{libPerl, "uwsgi", "Perl", "perl", "uwsgi"},
}

// complete adds what headers and mapped libraries tell: languages that are
// loaded into another program, versions, frameworks that lie beside a script.
func (k *kind) complete(p process, h header, mapped map[string]bool) {
	if k.language == "" {
		k.loaded(mapped)
	}
	switch k.language {
	case "Java":
		if v := javaVersion(p); v != "" {
			k.runtime = "java " + v
		}
		if k.framework == "" && k.script != "" {
			k.framework = jar(filepath.Join(p.root, k.script))
		}
	case "Python":
		if !strings.Contains(k.runtime, ".") {
			if v := version(libPython, mapped); v != "" {
				k.runtime = "python " + v
			}
		}
		k.framework = joined(k.framework, virtualEnvironment(p, k.script))
	case ".NET":
		if v := version(libCLR, mapped); v != "" {
			k.runtime = "dotnet " + v
		}
	case "JavaScript":
		if k.framework == "" && k.script != "" {
			k.framework = nodeFramework(p.root, k.script)
		}
	case "":
		k.language, k.runtime, k.framework = h.language, h.runtime, joined(k.framework, h.framework)
	}
}

// loaded recognises a guest by the library that is mapped into the program.
func (k *kind) loaded(mapped map[string]bool) {
	for _, g := range guests {
		if (g.inside == "" || g.inside == k.framework) && matches(g.by, mapped) {
			k.language, k.runtime = g.language, strings.TrimSpace(g.runtime+" "+version(g.by, mapped))
			k.framework = cmp.Or(g.framework, k.framework)
			return
		}
	}
}

func matches(by *lazy.Regexp, mapped map[string]bool) bool {
	for path := range mapped {
		if by.MatchString(path) {
			return true
		}
	}
	return false
}

func version(by *lazy.Regexp, mapped map[string]bool) string {
	best := ""
	for path := range mapped {
		m := by.FindStringSubmatch(path)
		for _, v := range m[min(1, len(m)):] {
			best = max(best, v)
		}
	}
	return best
}

func joined(a, b string) string {
	if a == "" || b == "" || a == b {
		return cmp.Or(a, b)
	}
	return a + ", " + b
}

// virtualEnvironment names the web framework that is installed in the virtual
// environment to which the script or the interpreter belongs. What is installed for
// the whole machine says nothing of one application.
func virtualEnvironment(p process, script string) string {
	var first string
	if len(p.argv) > 0 {
		first = p.argv[0]
	}
	for _, program := range []string{script, first} {
		if !filepath.IsAbs(program) {
			continue
		}
		dir := filepath.Join(p.root, filepath.Dir(filepath.Dir(program)))
		if _, err := os.Stat(filepath.Join(dir, "pyvenv.cfg")); err != nil {
			continue
		}
		for _, name := range []string{"django", "flask", "fastapi", "bottle", "tornado", "pyramid"} {
			if found, _ := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages", name)); len(found) > 0 {
				return name
			}
		}
	}
	return ""
}

// nodeFramework is the first known one in the package.json beside the script or above it.
func nodeFramework(root, script string) string {
	for dir, up := filepath.Dir(script), 0; up < 4 && dir != "/"; dir, up = filepath.Dir(dir), up+1 {
		text := head(filepath.Join(root, dir, "package.json"), 256<<10)
		if text == "" {
			continue
		}
		var manifest struct {
			Dependencies map[string]json.RawMessage `json:"dependencies"`
		}
		if json.Unmarshal([]byte(text), &manifest) != nil {
			return ""
		}
		for _, name := range []string{"next", "nuxt", "@nestjs/core", "express", "fastify", "koa", "@hapi/hapi"} {
			if _, ok := manifest.Dependencies[name]; ok {
				return name
			}
		}
		return ""
	}
	return ""
}

// goFrameworks are modules by which a Go program is told.
var goFrameworks = []struct{ module, name string }{
	{"github.com/gin-gonic/gin", "gin"}, {"github.com/labstack/echo", "echo"}, {"github.com/gofiber/fiber", "fiber"},
	{"github.com/go-chi/chi", "chi"}, {"github.com/gorilla/mux", "gorilla"}, {"google.golang.org/grpc", "grpc"},
}

func goFramework(modules []string) string {
	for _, f := range goFrameworks {
		if slices.ContainsFunc(modules, func(m string) bool { return m == f.module || strings.HasPrefix(m, f.module+"/") }) {
			return f.name
		}
	}
	return ""
}

// head is the beginning of a regular file, "" where there is none.
func head(path string, most int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return ""
	}
	buf := make([]byte, most)
	n := 0
	for n < most {
		m, err := f.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	return string(buf[:n])
}
