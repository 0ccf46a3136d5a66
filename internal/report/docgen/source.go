package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// source is what the generator knows of the runbook's own text: which codes and
// steps each function names, and which functions each step of the table rests on.
type source struct {
	consts map[string]string // string constants of the vocabulary, by name
	funcs  map[string]mentions
	rows   map[migration.Step]map[string]mentions // by field of the row
}

// mentions is what a piece of source names.
type mentions struct {
	codes []migration.Code
	steps []migration.Step
	calls []string
}

// read parses the vocabulary and the runbook, their tests aside.
func read(vocabulary, runbook string) (source, error) {
	s := source{consts: map[string]string{}, funcs: map[string]mentions{}, rows: map[migration.Step]map[string]mentions{}}
	err := files(vocabulary, s.constants)
	if err == nil {
		err = files(runbook, func(f *ast.File) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					s.funcs[fn.Name.Name] = s.mentioned(fn)
					s.table(fn)
				}
			}
		})
	}
	if err == nil && len(s.rows) == 0 {
		err = fmt.Errorf("no step table found in %s", runbook)
	}
	return s, err
}

func files(dir string, use func(*ast.File)) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		use(f)
	}
	return nil
}

func (s source) constants(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != len(v.Names) {
			return true
		}
		for i, name := range v.Names {
			if lit, ok := v.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s.consts[name.Name], _ = strconv.Unquote(lit.Value)
			}
		}
		return true
	})
}

// mentioned collects the codes, the steps and the names of functions in n. A name
// that n declares for itself is a variable, and one behind a dot counts only
// where it is called: a field is no function.
func (s source) mentioned(n ast.Node) mentions {
	var m mentions
	local := declared(n)
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
				m.calls = append(m.calls, sel.Sel.Name)
			}
		case *ast.SelectorExpr:
			name := n.Sel.Name
			switch {
			case strings.HasPrefix(name, "Code") && s.consts[name] != "":
				m.codes = append(m.codes, migration.Code(s.consts[name]))
			case strings.HasPrefix(name, "Step") && s.consts[name] != "":
				m.steps = append(m.steps, migration.Step(s.consts[name]))
			}
			ast.Inspect(n.X, func(x ast.Node) bool {
				if call, ok := x.(*ast.CallExpr); ok {
					inner := s.mentioned(call)
					m.codes, m.calls = append(m.codes, inner.codes...), append(m.calls, inner.calls...)
					return false
				}
				return true
			})
			return false
		case *ast.Ident:
			if !local[n.Name] {
				m.calls = append(m.calls, n.Name)
			}
		}
		return true
	})
	return m
}

// declared are the names of variables and parameters in n.
func declared(n ast.Node) map[string]bool {
	out := map[string]bool{}
	add := func(exprs ...ast.Expr) {
		for _, e := range exprs {
			if x, ok := e.(*ast.Ident); ok {
				out[x.Name] = true
			}
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				add(n.Lhs...)
			}
		case *ast.RangeStmt:
			add(n.Key, n.Value)
		case *ast.ValueSpec:
			for _, name := range n.Names {
				out[name.Name] = true
			}
		case *ast.Field:
			for _, name := range n.Names {
				out[name.Name] = true
			}
		case *ast.KeyValueExpr:
			add(n.Key)
		}
		return true
	})
	return out
}

// table finds the rows: composite literals with a field step.
func (s source) table(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		fields := map[string]mentions{}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok {
					fields[key.Name] = s.mentioned(kv.Value)
				}
			}
		}
		if step := fields["step"].steps; len(step) == 1 && len(fields) > 1 {
			s.rows[step[0]] = fields
		}
		return true
	})
}

// reach follows the functions that m names, and theirs.
func (s source) reach(m mentions) mentions {
	out := mentions{codes: slices.Clone(m.codes), steps: slices.Clone(m.steps)}
	seen := map[string]bool{}
	todo := slices.Clone(m.calls)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		f, known := s.funcs[name]
		if seen[name] || !known {
			continue
		}
		seen[name] = true
		out.codes = append(out.codes, f.codes...)
		out.steps = append(out.steps, f.steps...)
		todo = append(todo, f.calls...)
	}
	return out
}
