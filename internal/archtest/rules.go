package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Pure lists the packages that decide: values in, values out.
func pure() []string {
	return []string{"internal/migration", "internal/analysis", "internal/trace", "internal/journal", "internal/runbook", "internal/scan", "internal/inventory", "internal/readiness", "internal/accesslog", "internal/tree", "internal/convert", "internal/workload"}
}

// Rule is one promise of the architecture. Check gives each breach in a line that
// names who broke it and how.
type Rule struct {
	Name  string
	Why   string
	Check func(Graph) []string
}

// Rules are all that can be checked by who imports whom.
func Rules() []Rule {
	return []Rule{
		{"import table", "data flows one way, and each arrow was meant: the breach names the row's own reason", imports},
		{"library homes", "a library is replaced in one place: the breach names the library's own reason", libraries},
		{"pure packages import nothing that acts", "a decision that reads a file, a clock, a random number or the environment cannot be replayed from the journal", pureImports},
		{"pure packages reach nothing that acts", "what a dependency does counts as done by the package", pureReach},
		{"the domain needs the standard library only", "the vocabulary and the judgement must outlive every dependency", domainStandard},
		{"the product does not know the lab", "what is shipped must not need what it is tried on; tests may use the harness", labApart},
		{"names say what a package is for", "a package called after nothing in the field collects everything", names},
		{"every package has a comment", "it says what the package is for and what it must not know", comments},
	}
}

func imports(g Graph) []string {
	var breaches []string
	for _, name := range g.ours() {
		i := slices.IndexFunc(table(), func(r row) bool { return matches(r.packages, name) })
		if i < 0 {
			breaches = append(breaches, name+" stands in no row of the import table; give it one, with its reason")
			continue
		}
		r := table()[i]
		for _, path := range g.of(name).Imports {
			if dep, ok := local(path); ok && !matchesAny(r.may, dep) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, and may import %s: %s", name, dep, list(r.may), r.why))
			}
		}
	}
	return breaches
}

func list(may []string) string {
	if len(may) == 0 {
		return "nothing of ours"
	}
	return "only " + strings.Join(may, ", ")
}

func libraries(g Graph) []string {
	var breaches []string
	for _, name := range g.ours() {
		for _, path := range g.of(name).all() {
			for _, h := range homes() {
				if (path == h.library || strings.HasPrefix(path, h.library+"/")) && !matchesAny(h.at, name) {
					breaches = append(breaches, fmt.Sprintf("%s imports %s, which is at home in %s: %s", name, path, strings.Join(h.at, ", "), h.why))
				}
			}
		}
	}
	return breaches
}

// all are the imports of a package and of its tests.
func (p Package) all() []string {
	paths := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
	slices.Sort(paths)
	return slices.Compact(paths)
}

// existing are those of names that the graph has.
func (g Graph) existing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return g.of(n).ImportPath == "" })
}

func pureImports(g Graph) []string {
	forbidden := []string{"os", "syscall", "context", "sync", "sync/atomic", "log/slog", "crypto/rand", "math/rand", "math/rand/v2", "unsafe"}
	var breaches []string
	for _, name := range g.existing(pure()) {
		for _, path := range g.of(name).Imports {
			if slices.Contains(forbidden, path) {
				breaches = append(breaches, name+" imports "+path)
			}
		}
	}
	return breaches
}

func pureReach(g Graph) []string {
	forbidden := []string{"net", "net/http", "os/exec", "database/sql", "log"}
	var breaches []string
	for _, name := range g.existing(pure()) {
		p := g.of(name)
		for _, path := range forbidden {
			if slices.Contains(p.Deps, path) {
				breaches = append(breaches, fmt.Sprintf("%s reaches %s: %s", name, path, strings.Join(g.chain(p.ImportPath, path), " -> ")))
			}
		}
	}
	return breaches
}

func domainStandard(g Graph) []string {
	var breaches []string
	for _, name := range g.existing(pure()) {
		for _, path := range g.of(name).Imports {
			if _, us := local(path); !us && !g[path].Standard {
				breaches = append(breaches, name+" imports "+path)
			}
		}
	}
	return breaches
}

// harness are the packages of the lab that tests of the product may use: real
// servers, a way into the lab, and its kubectl.
func harness() []string {
	return []string{"lab/dns/bindtest", "lab/ssh/sshdtest", "lab/prometheus/promtest", "lab/haproxy/haproxytest", "lab/freeport", "lab/labtest", "lab/part", "lab/cluster", "lab/ingress"}
}

func labApart(g Graph) []string {
	var breaches []string
	for _, name := range g.ours() {
		if matchesAny([]string{"lab/...", "e2e/...", "bench/..."}, name) {
			continue
		}
		p := g.of(name)
		for _, path := range p.all() {
			dep, _ := local(path)
			if !matches("lab/...", dep) {
				continue
			}
			if slices.Contains(p.Imports, path) {
				breaches = append(breaches, name+" imports "+dep)
			} else if !slices.Contains(harness(), dep) {
				breaches = append(breaches, fmt.Sprintf("a test of %s imports %s, which is not of the test harness (%s)", name, dep, strings.Join(harness(), ", ")))
			}
		}
	}
	return breaches
}

func names(g Graph) []string {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "lib", "core", "types", "models"}
	var breaches []string
	for _, name := range g.ours() {
		last := name[strings.LastIndex(name, "/")+1:]
		if p := g.of(name); slices.Contains(empty, last) || slices.Contains(empty, p.Name) {
			breaches = append(breaches, fmt.Sprintf("%s (package %s) is called after nothing", name, p.Name))
		}
	}
	return breaches
}

func comments(g Graph) []string {
	var breaches []string
	for _, name := range g.ours() {
		if p := g.of(name); len(p.GoFiles) > 0 && p.Doc == "" {
			breaches = append(breaches, name+" has no package comment")
		}
	}
	return breaches
}
