package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
)

const root = "../../.."

// TestFilesAreUpToDate: the documents say what the table says today.
func TestFilesAreUpToDate(t *testing.T) {
	t.Chdir(root)
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Errorf("%d files", len(files))
	}
	for path, want := range files {
		have, err := os.ReadFile(path)
		if err != nil || string(have) != want {
			t.Errorf("%s is out of date: go run ./internal/report/docgen (%v)", path, err)
		}
	}
}

// TestGuardsAreWhereTheStorySawThem: what is read from the source agrees with
// what the whole procedure journalled, step by step.
func TestGuardsAreWhereTheStorySawThem(t *testing.T) {
	s, err := sim.Play(t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	recs, err := s.World.Journal.Read(t.Context(), sim.Example("").Name, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Build(recs, recs[len(recs)-1].At)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	src, err := read("internal/migration", "internal/runbook")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, a := range r.Attempts {
		for _, stay := range a.Stays {
			for _, e := range stay.Evidence {
				compared++
				where := src.judged(e.Code)
				if !regexp.MustCompile("`" + string(stay.Step) + "`|at every look|after every change|before another").MatchString(where) {
					t.Errorf("%s was judged at %s; the document says: %s", e.Code, stay.Step, where)
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d findings", compared)
	}
}

// TestSourceIsFound: what the generator knows by name exists.
func TestSourceIsFound(t *testing.T) {
	t.Chdir(root)
	src, err := read("internal/migration", "internal/runbook")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range moments {
		if _, ok := src.funcs[m.function]; !ok {
			t.Errorf("there is no function %s", m.function)
		}
	}
	for _, r := range runbook.Rows() {
		if _, ok := src.rows[r.Step]; !ok {
			t.Errorf("no row of %s in the source", r.Step)
		}
	}
	if len(src.rows) != len(runbook.Rows()) {
		t.Errorf("%d rows in the source, %d in the table", len(src.rows), len(runbook.Rows()))
	}
	if _, err := read("internal/migration", "internal/migration"); err == nil {
		t.Error("a folder without a table is accepted")
	}
}

// TestDiagram: every step and end is a state, reached and named once; what is
// prepared can be aborted and what is live is rolled back.
func TestDiagram(t *testing.T) {
	t.Chdir(root)
	src, err := read("internal/migration", "internal/runbook")
	if err != nil {
		t.Fatal(err)
	}
	text := diagram(src)
	for _, r := range runbook.Rows() {
		if n := strings.Count(text, "as "+id(r.Step)+"\n"); n != 1 {
			t.Errorf("%s is a state %d times", r.Step, n)
		}
		if !regexp.MustCompile(`(?m)--> ` + id(r.Step) + `(:|$)`).MatchString(text) {
			t.Errorf("nothing leads to %s", r.Step)
		}
	}
	for _, arrow := range []string{
		"[*] --> assess:", "go --> switch:", "go --> baseline:", "prepare --> undo_dns:", "live --> return_path:", "return_path --> dns_back\n", "retire --> retired\n",
		"verify_back --> rolled_back\n", "undo_staging --> aborted\n", "rolled_back --> stage:", "rolled_back --> containerise:",
		"rolled_back --> undo_dns:", "aborted --> assess:", "retired --> return_path:",
	} {
		if !strings.Contains(text, "    "+arrow) {
			t.Errorf("no arrow %q", arrow)
		}
	}
	drawing := text[strings.Index(text, "stateDiagram-v2"):strings.LastIndex(text, "```")]
	if odd := regexp.MustCompile(`;|-->[^:\n]*:[^\n]*:`).FindString(drawing); odd != "" {
		t.Errorf("Mermaid reads %q as the end of a statement", odd)
	}
	g := groups()
	if last := g[0].rows[len(g[0].rows)-1].Step; last != migration.StepGo || g[1].rows[0].Step != migration.StepSwitch {
		t.Errorf("what can be aborted ends with %s", last)
	}
	if slices.ContainsFunc(g[1].rows, func(r runbook.Row) bool { return r.Step.Before(migration.StepSwitch) }) {
		t.Error("a step before the switch is called live")
	}
}
