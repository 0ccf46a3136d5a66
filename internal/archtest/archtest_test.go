package archtest

import (
	"os/exec"
	"strings"
	"testing"
)

// repository lists this module.
func repository(t *testing.T) Graph {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	g, err := Load(t.Context(), strings.TrimSpace(string(root)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRepository(t *testing.T) {
	g := repository(t)
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			for _, breach := range r.Check(g) {
				t.Errorf("%s\n\twhy: %s", breach, r.Why)
			}
		})
	}
	t.Run("sources", func(t *testing.T) {
		for _, name := range g.ours() {
			for _, path := range g.of(name).Sources() {
				checkSource(t, name, path)
			}
		}
	})
}

func checkSource(t *testing.T, pkg, path string) {
	t.Helper()
	f, err := Parse(path, nil)
	if err != nil {
		t.Error(err)
		return
	}
	for _, r := range SourceRules() {
		if !r.In(pkg, path) {
			continue
		}
		for _, breach := range r.Check(f) {
			t.Errorf("%s: %s/%s\n\twhy: %s", r.Name, pkg, breach, r.Why)
		}
	}
}

// The rules speak of packages by name: one that was renamed would be checked no more.
func TestRulesKnowThePackages(t *testing.T) {
	g := repository(t)
	for _, name := range append(pure(), harness()...) {
		if g.of(name).ImportPath == "" {
			t.Errorf("a rule names %s, which does not exist", name)
		}
	}
	for _, h := range homes() {
		used := false
		for _, name := range g.ours() {
			for _, path := range g.of(name).all() {
				used = used || path == h.library || strings.HasPrefix(path, h.library+"/")
			}
		}
		if !used {
			t.Errorf("%s has a home and nobody imports it", h.library)
		}
	}
}

func TestEveryReasonIsGiven(t *testing.T) {
	for _, r := range Rules() {
		if r.Name == "" || r.Why == "" {
			t.Errorf("rule %q has no why", r.Name)
		}
	}
	for _, r := range SourceRules() {
		if r.Name == "" || r.Why == "" {
			t.Errorf("rule %q has no why", r.Name)
		}
	}
	for _, r := range table() {
		if r.why == "" {
			t.Errorf("the row of %s has no why", r.packages)
		}
	}
	for _, h := range homes() {
		if h.why == "" {
			t.Errorf("the home of %s has no why", h.library)
		}
	}
}
