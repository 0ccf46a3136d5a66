package archtest

import (
	"strings"
	"testing"
)

func TestSourceRulesTurnRed(t *testing.T) {
	const clock, context, skipped, registries, open, late = 0, 1, 2, 3, 4, 5
	for _, tc := range []struct {
		name   string
		rule   int
		pkg    string
		file   string
		src    string
		breach string // "" where the rule must stay green
	}{
		{"the clock is asked", clock, "internal/runbook", "a.go", `import "time"; var t = time.Now()`, "a.go:1: time.Now"},
		{"the clock is kept for later", clock, "internal/runbook", "a.go", `import "time"; var now = time.Now`, "time.Now"},
		{"the clock under another name", clock, "internal/runbook", "a.go", `import clock "time"; var t = clock.Since(x)`, "time.Since"},
		{"the clock without a name", clock, "internal/runbook", "a.go", `import . "time"; var t = Now()`, "own scope"},
		{"a location from the machine", clock, "internal/runbook", "a.go", `import "time"; var l, err = time.LoadLocation("")`, "time.LoadLocation"},
		{"a duration", clock, "internal/runbook", "a.go", `import "time"; var d = 3 * time.Second`, ""},
		{"something else called time", clock, "internal/runbook", "a.go", `import "x.org/time"; var t = time.Now()`, ""},
		{"a test may ask the clock", clock, "internal/runbook", "a_test.go", `import "time"; var t = time.Now()`, ""},
		{"an adapter may ask the clock", clock, "internal/probe", "a.go", `import "time"; var t = time.Now()`, ""},

		{"a context from nowhere", context, "internal/probe", "a.go", `import "context"; var c = context.TODO()`, "context.TODO"},
		{"a context that is given", context, "internal/probe", "a.go", `import "context"; func f(ctx context.Context) {}`, ""},

		{"a skipped test", skipped, "internal/probe", "a_test.go", `func f(t T) { t.Skip("later") }`, "a_test.go:1: Skip"},
		{"a test skipped with a format", skipped, "internal/probe", "a_test.go", `func f(t T) { t.Skipf("later") }`, "Skipf"},
		{"a test that is not", skipped, "internal/probe", "a_test.go", `func f(t T) { t.Fatal("now") }`, ""},

		{"a hidden registry", registries, "internal/dns", "a.go", `func init() { Register("x") }`, "a.go:1: func init"},
		{"a method called init", registries, "internal/dns", "a.go", `func (x X) init() {}`, ""},

		{"something to come back to", open, "internal/dns", "a.go", "// TO" + "DO: later\nvar x = 1", "a.go:1: TO" + "DO"},
		{"a word that contains it", open, "internal/dns", "a.go", "// MASTODONS are big\nvar x = 1", ""},

		{"an expression that is broken", late, "internal/scan", "a.go", `import "rehome.dev/rehome/internal/lazy"; var x = lazy.New("(" + "a")`, "a.go:1: error parsing regexp"},
		{"one that is broken by a constant", late, "internal/scan", "a.go", `import "rehome.dev/rehome/internal/lazy"; const c = "("; var x = lazy.New("a" + c)`, "error parsing regexp"},
		{"one that nobody can read here", late, "internal/scan", "a.go", `import "rehome.dev/rehome/internal/lazy"; var x = lazy.New(f())`, "made when the program runs"},
		{"one that can be compiled", late, "internal/scan", "a.go", `import "rehome.dev/rehome/internal/lazy"; const c = ")"; var x = lazy.New("(a" + c)`, ""},
		{"something else that is new", late, "internal/scan", "a.go", `import "errors"; var x = errors.New("(")`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := Parse(tc.file, "package a; "+strings.TrimPrefix(tc.src, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			var said string
			if r := SourceRules()[tc.rule]; r.In(tc.pkg, tc.file) {
				said = strings.Join(r.Check(f), "\n")
			}
			if (tc.breach == "") != (said == "") || !strings.Contains(said, tc.breach) {
				t.Errorf("said %q, should say %q", said, tc.breach)
			}
		})
	}
}
