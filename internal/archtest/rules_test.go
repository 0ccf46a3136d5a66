package archtest

import (
	"slices"
	"strings"
	"testing"
)

// pkg makes a package of ours for a graph, with a comment.
func pkg(name string, imports ...string) Package {
	return Package{
		ImportPath: module + "/" + name, Name: name[strings.LastIndex(name, "/")+1:], Doc: "Package.",
		GoFiles: []string{"doc.go"}, Imports: imports, Deps: imports,
	}
}

func (p Package) tested(imports ...string) Package { p.XTestImports = imports; return p }

func (p Package) reaching(deps ...string) Package {
	p.Deps = append(slices.Clone(p.Deps), deps...)
	return p
}

func (p Package) silent() Package { p.Doc = ""; return p }

func graph(packages ...Package) Graph {
	g := Graph{}
	for _, p := range packages {
		for _, path := range p.all() {
			if _, ok := g[path]; !ok {
				g[path] = Package{ImportPath: path, Standard: !strings.Contains(path, ".")}
			}
		}
	}
	for _, p := range packages {
		g[p.ImportPath] = p
	}
	return g
}

// Each rule is shown something that breaks it and something next to it that does
// not: a rule that never turns red protects nothing.
func TestRulesTurnRed(t *testing.T) {
	us := func(name string) string { return module + "/" + name }
	for _, tc := range []struct {
		name, rule string
		graph      Graph
		breach     string // "" where the rule must stay green
	}{
		{"the vocabulary imports ours", "import table", graph(pkg("internal/migration", us("internal/journal"))), "internal/migration imports internal/journal"},
		{"the journal imports the procedure", "import table", graph(pkg("internal/journal", us("internal/runbook"))), "internal/journal imports internal/runbook"},
		{"the procedure imports the judgement", "import table", graph(pkg("internal/runbook", us("internal/analysis"))), ""},
		{"the procedure imports an adapter", "import table", graph(pkg("internal/runbook", us("internal/dns"))), "internal/runbook imports internal/dns"},
		{"the engine imports an adapter", "import table", graph(pkg("internal/engine", us("internal/cluster"))), "internal/engine imports internal/cluster"},
		{"an adapter imports the engine", "import table", graph(pkg("internal/dns/rfc2136", us("internal/engine"))), "internal/dns/rfc2136 imports internal/engine"},
		{"a store imports the engine's errors", "import table", graph(pkg("internal/store/sqlite", us("internal/engine"))), ""},
		{"a store imports a store", "import table", graph(pkg("internal/store/sqlite", us("internal/store/memory"))), "imports internal/store/memory"},
		{"an adapter imports another", "import table", graph(pkg("internal/metrics/prometheus", us("internal/probe"))), "imports internal/probe"},
		{"an adapter imports its sibling", "import table", graph(pkg("internal/dns/rfc2136", us("internal/dns/memory"))), "imports internal/dns/memory"},
		{"an adapter imports its shared parent", "import table", graph(pkg("internal/dns/rfc2136", us("internal/dns"))), ""},
		{"a suite imports an implementation", "import table", graph(pkg("internal/dns/dnstest", us("internal/dns/memory"))), "internal/dns/dnstest imports"},
		{"the cluster imports the manifests", "import table", graph(pkg("internal/cluster", us("internal/manifest"))), ""},
		{"the simulation imports a real adapter", "import table", graph(pkg("internal/sim", us("internal/dns/rfc2136"))), "internal/sim imports internal/dns/rfc2136"},
		{"the simulation imports one in memory", "import table", graph(pkg("internal/sim", us("internal/dns/memory"))), ""},
		{"the command line imports an adapter", "import table", graph(pkg("internal/cli", us("internal/store/sqlite"))), "internal/cli imports internal/store/sqlite"},
		{"wire imports the procedure", "import table", graph(pkg("internal/wire", us("internal/runbook"))), "internal/wire imports internal/runbook"},
		{"wire imports an adapter", "import table", graph(pkg("internal/wire", us("internal/dns/rfc2136"))), ""},
		{"main imports more than the command line", "import table", graph(pkg("cmd/rehome", us("internal/engine"))), "cmd/rehome imports internal/engine"},
		{"the witness imports the product", "import table", graph(pkg("lab/client", us("internal/migration"))), "lab/client imports internal/migration"},
		{"a package without a row", "import table", graph(pkg("internal/novelty")), "internal/novelty stands in no row"},
		{"tests may import anything", "import table", graph(pkg("internal/migration").tested(us("internal/sim"))), ""},

		{"a library away from home", "library homes", graph(pkg("internal/engine", "github.com/miekg/dns")), "internal/engine imports github.com/miekg/dns"},
		{"a library away from home in a test", "library homes", graph(pkg("internal/engine").tested("k8s.io/client-go/rest")), "k8s.io/client-go/rest"},
		{"a library at home", "library homes", graph(pkg("internal/dns/ask", "github.com/miekg/dns")), ""},
		{"a library with a longer name", "library homes", graph(pkg("internal/engine", "github.com/miekg/dnsfmt")), ""},

		{"a pure package opens files", "pure packages import nothing that acts", graph(pkg("internal/runbook", "os")), "internal/runbook imports os"},
		{"a pure package takes a context", "pure packages import nothing that acts", graph(pkg("internal/journal", "context")), "imports context"},
		{"a pure package throws dice", "pure packages import nothing that acts", graph(pkg("internal/analysis", "math/rand/v2")), "imports math/rand/v2"},
		{"a test of a pure package throws dice", "pure packages import nothing that acts", graph(pkg("internal/analysis").tested("math/rand/v2")), ""},
		{"another package opens files", "pure packages import nothing that acts", graph(pkg("internal/archive", "os")), ""},

		{"a pure package reaches the network", "pure packages reach nothing that acts",
			graph(pkg("internal/runbook", "expvar").reaching("net/http"), Package{ImportPath: "expvar", Standard: true, Imports: []string{"net/http"}}),
			"internal/runbook reaches net/http: rehome.dev/rehome/internal/runbook -> expvar -> net/http"},
		{"a pure package reaches net/netip", "pure packages reach nothing that acts", graph(pkg("internal/runbook", "net/netip")), ""},

		{"the domain needs a module", "the domain needs the standard library only", graph(pkg("internal/migration", "sigs.k8s.io/yaml")), "imports sigs.k8s.io/yaml"},
		{"the domain needs the standard library", "the domain needs the standard library only", graph(pkg("internal/migration", "encoding/json")), ""},

		{"the product imports the lab", "the product does not know the lab", graph(pkg("internal/cli", us("lab/part"))), "internal/cli imports lab/part"},
		{"a test imports the lab's insides", "the product does not know the lab", graph(pkg("internal/cli").tested(us("lab/vm"))), "a test of internal/cli imports lab/vm"},
		{"a test imports the harness", "the product does not know the lab", graph(pkg("internal/cli").tested(us("lab/labtest"))), ""},
		{"the lab imports the lab", "the product does not know the lab", graph(pkg("lab/vm", us("lab/part"))), ""},

		{"a package of everything", "names say what a package is for", graph(pkg("internal/util")), "internal/util"},
		{"a path that hides it", "names say what a package is for", graph(func() Package { p := pkg("internal/dnsx"); p.Name = "helpers"; return p }()), "package helpers"},
		{"a package of something", "names say what a package is for", graph(pkg("internal/dns")), ""},

		{"a package without a comment", "every package has a comment", graph(pkg("internal/dns").silent()), "internal/dns has no package comment"},
		{"a package with one", "every package has a comment", graph(pkg("internal/dns")), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			breaches := rule(t, tc.rule)(tc.graph)
			switch {
			case tc.breach == "" && len(breaches) > 0:
				t.Errorf("red without a breach: %q", breaches)
			case tc.breach != "" && !strings.Contains(strings.Join(breaches, "\n"), tc.breach):
				t.Errorf("%q does not say %q", breaches, tc.breach)
			}
		})
	}
}

func rule(t *testing.T, name string) func(Graph) []string {
	t.Helper()
	for _, r := range Rules() {
		if r.Name == name {
			return r.Check
		}
	}
	t.Fatalf("no rule is called %q", name)
	return nil
}
