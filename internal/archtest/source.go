package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// SourceRule is a promise about the text of a file. In says which packages it
// binds, by their local names; Check gives each breach with its place.
type SourceRule struct {
	Name  string
	Why   string
	In    func(pkg, file string) bool
	Check func(File) []string
}

// File is a parsed source file.
type File struct {
	*ast.File
	Positions *token.FileSet
}

// Parse reads a file; src may be nil, then it is read from path.
func Parse(path string, src any) (File, error) {
	positions := token.NewFileSet()
	f, err := parser.ParseFile(positions, path, src, parser.ParseComments|parser.SkipObjectResolution)
	return File{f, positions}, err
}

// SourceRules are all that can be checked by reading one file.
func SourceRules() []SourceRule {
	everywhere := func(string, string) bool { return true }
	return []SourceRule{
		{"pure packages get the time as an argument", "a decision that asks the clock cannot be replayed, and its tests would have to wait",
			func(pkg, file string) bool { return slices.Contains(pure(), pkg) && !isTest(file) },
			selectors("time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local")},
		{"calls have a context from their caller", "a call whose context is made up on the spot can neither be bounded nor ended",
			func(_, file string) bool { return !isTest(file) }, selectors("context", "TODO")},
		{"no test is skipped", "a test that does not run says nothing; what it needs the harness installs or starts",
			func(_, file string) bool { return isTest(file) }, skips},
		{"registries are explicit lists", "what an init function registers depends on who imports whom, and nobody can read it in one place",
			everywhere, inits},
		{"nothing is left open in a comment", "a note to come back is read by nobody; it is done, or it is said where work is planned", everywhere, notes},
		{"what is compiled late can be compiled", "an expression that is broken would be noticed when somebody first needs it",
			func(_, file string) bool { return !isTest(file) }, expressions},
	}
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// selectors forbids to name these members of a package, called or not.
func selectors(path string, members ...string) func(File) []string {
	return func(f File) []string {
		name := f.nameOf(path)
		if name == "" {
			return nil
		}
		if name == "." {
			return []string{f.at(f.Package) + ": imports " + path + " into its own scope, where its use cannot be seen"}
		}
		var breaches []string
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(members, sel.Sel.Name) {
				breaches = append(breaches, fmt.Sprintf("%s: %s.%s", f.at(sel.Pos()), path, sel.Sel.Name))
			}
			return true
		})
		return breaches
	}
}

// nameOf is what an import is called in this file, "" where it is not imported.
func (f File) nameOf(path string) string {
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}

func (f File) at(pos token.Pos) string {
	p := f.Positions.Position(pos)
	return fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
}

func skips(f File) []string {
	var breaches []string
	ast.Inspect(f.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
			breaches = append(breaches, f.at(call.Pos())+": "+sel.Sel.Name)
		}
		return true
	})
	return breaches
}

func inits(f File) []string {
	var breaches []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			breaches = append(breaches, f.at(fn.Pos())+": func init")
		}
	}
	return breaches
}

var note = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func notes(f File) []string {
	var breaches []string
	for _, group := range f.Comments {
		for _, c := range group.List {
			if word := note.FindString(c.Text); word != "" && !strings.Contains(c.Text, "`") {
				breaches = append(breaches, f.at(c.Pos())+": "+word)
			}
		}
	}
	return breaches
}

// expressions compiles the regular expressions that lazy.New is given. One that does
// not stand in the file as a constant is a breach too.
func expressions(f File) []string {
	name := f.nameOf(module + "/internal/lazy")
	if name == "" {
		return nil
	}
	var breaches []string
	ast.Inspect(f.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "New" {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); !ok || x.Name != name {
			return true
		}
		if expr, ok := f.constant(call.Args[0]); !ok {
			breaches = append(breaches, f.at(call.Pos())+": an expression that is made when the program runs")
		} else if _, err := regexp.Compile(expr); err != nil {
			breaches = append(breaches, fmt.Sprintf("%s: %v", f.at(call.Pos()), err))
		}
		return true
	})
	return breaches
}

// constant is the text of an expression of literals and of constants of this file.
func (f File) constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, is := f.constant(e.X)
		right, too := f.constant(e.Y)
		return left + right, is && too && e.Op == token.ADD
	case *ast.Ident:
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				if value := valueOf(g, e.Name); value != nil {
					return f.constant(value)
				}
			}
		}
	}
	return "", false
}

// valueOf is what a declaration says that name is, nil where it says nothing.
func valueOf(g *ast.GenDecl, name string) ast.Expr {
	for _, s := range g.Specs {
		if v, ok := s.(*ast.ValueSpec); ok && len(v.Names) == 1 && len(v.Values) == 1 && v.Names[0].Name == name {
			return v.Values[0]
		}
	}
	return nil
}
