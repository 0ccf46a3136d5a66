package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// guardPackage is where the guards are.
const guardPackage = "internal/runbook"

// mutant is the variable that says which guard passes whatever it sees.
const mutant = "REHOME_MUTANT"

// passing is laid beside the guards: the binary of the tests is built once, and each
// run of it has another guard that lets pass what it should stop.
const passing = `package runbook

import (
	"os"

	"rehome.dev/rehome/internal/migration"
)

var mutant = os.Getenv("` + mutant + `")

func mutated(name string, r migration.Reason) migration.Reason {
	if name == mutant && !r.OK() {
		return migration.Reason{Code: r.Code, Verdict: migration.Pass, Text: r.Text, Source: r.Source, At: r.At}
	}
	return r
}

func mutatedAll(name string, all []migration.Reason) []migration.Reason {
	out := make([]migration.Reason, len(all))
	for i, r := range all {
		out[i] = mutated(name, r)
	}
	if all == nil {
		return nil
	}
	return out
}
`

// guards takes out each guard.
func (t tester) guards(ctx context.Context, wanted *regexp.Regexp, count func(verdict)) error {
	overlay, names, err := t.wrapped()
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !wanted.MatchString(name) })
	if len(names) == 0 {
		return nil
	}
	dir, binary := filepath.Join(t.root, guardPackage), filepath.Join(t.dir, "guards.test")
	if killer, err := t.test(ctx, dir, nil, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "."); err != nil || killer != "" {
		return fmt.Errorf("build the tests of %s: %w %s", guardPackage, err, killer)
	}
	if killer, err := t.test(ctx, dir, nil, binary); err != nil || killer != "" {
		return fmt.Errorf("the tests of %s are red before anything is taken out: %w %s", guardPackage, err, killer)
	}
	for _, name := range names {
		began := time.Now()
		killer, err := t.test(ctx, dir, []string{mutant + "=" + name}, binary, "-test.failfast", "-test.timeout=3m")
		if err != nil {
			return err
		}
		count(verdict{"guard " + name, killer, time.Since(began)})
	}
	return nil
}

// wrapped lays over each file with guards one in which each asks mutated, and names
// them.
func (t tester) wrapped() (overlay string, names []string, err error) {
	replace := map[string]string{}
	write := func(path, text string) error {
		to := filepath.Join(t.dir, filepath.Base(path))
		replace[path] = to
		return os.WriteFile(to, []byte(text), 0o600)
	}
	files, err := filepath.Glob(filepath.Join(t.root, guardPackage, "*.go"))
	if err != nil {
		return "", nil, err
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, here, err := wrap(path)
		if err != nil {
			return "", nil, err
		}
		if names = append(names, here...); len(here) > 0 {
			if err := write(path, text); err != nil {
				return "", nil, err
			}
		}
	}
	if err := write(filepath.Join(t.root, guardPackage, "zz_mutated.go"), passing); err != nil {
		return "", nil, err
	}
	slices.Sort(names)
	overlay, err = t.overlay("guards.json", replace)
	return overlay, names, err
}

func (t tester) overlay(name string, replace map[string]string) (string, error) {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(t.dir, name)
	return path, os.WriteFile(path, text, 0o600)
}

// found is a guard or a survey in a file: a function from a look to reasons.
type found struct {
	name string
	body *ast.BlockStmt
	all  bool // it gives several reasons
}

// wrap gives the text of a file in which every guard asks whether it is taken out.
func wrap(path string) (text string, names []string, err error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	if err != nil {
		return "", nil, err
	}
	var list []found
	for _, d := range file.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Body == nil || decl.Recv != nil {
			continue
		}
		if is, all := guardType(decl.Type); is {
			list = append(list, found{decl.Name.Name, decl.Body, all})
		}
		n := 0
		ast.Inspect(decl.Body, func(node ast.Node) bool {
			lit, ok := node.(*ast.FuncLit)
			if !ok {
				return true
			}
			if is, all := guardType(lit.Type); is {
				n++
				list = append(list, found{decl.Name.Name + strings.Repeat("'", n), lit.Body, all})
			}
			return true
		})
	}
	type insert struct {
		at   int
		text string
	}
	var inserts []insert
	for _, f := range list {
		call, result := "mutated", "migration.Reason"
		if f.all {
			call, result = "mutatedAll", "[]migration.Reason"
		}
		inserts = append(inserts,
			insert{set.Position(f.body.Lbrace).Offset + 1, fmt.Sprintf(" return %s(%q, func() %s {", call, f.name, result)},
			insert{set.Position(f.body.Rbrace).Offset, "}()) "})
		names = append(names, f.name)
	}
	slices.SortStableFunc(inserts, func(a, b insert) int { return cmp.Compare(b.at, a.at) }) // from the end
	out := string(source)
	for _, i := range inserts {
		out = out[:i.at] + i.text + out[i.at:]
	}
	return out, names, nil
}

// guardType says whether a function is a guard, or a survey with all its reasons.
func guardType(f *ast.FuncType) (is, all bool) {
	if f.Params.NumFields() != 1 || f.Results.NumFields() != 1 {
		return false, false
	}
	param, ok := f.Params.List[0].Type.(*ast.Ident)
	if !ok || param.Name != "look" {
		return false, false
	}
	result := f.Results.List[0].Type
	if list, ok := result.(*ast.ArrayType); ok && list.Len == nil {
		result, all = list.Elt, true
	}
	s, ok := result.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Reason", all
}
