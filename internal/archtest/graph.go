package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is the import path that all of ours begin with.
const module = "rehome.dev/rehome"

// Package is what `go list` says about one package, of ours or of others.
type Package struct {
	ImportPath   string
	Name         string
	Dir          string
	Doc          string // the first sentence of the package comment
	Standard     bool
	Imports      []string // of the package itself
	Deps         []string // reached from Imports, transitively
	TestImports  []string // of its tests in the same package
	XTestImports []string // of its tests in package …_test
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// Graph is every package of ours and all that they reach, by import path.
type Graph map[string]Package

// Load lists the module whose root is dir, the tests that need the lab included.
func Load(ctx context.Context, dir string) (Graph, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-tags=lab", "-deps", "-json=ImportPath,Name,Dir,Doc,Standard,Imports,Deps,"+
		"TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	g := Graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return g, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		g[p.ImportPath] = p
	}
}

// local is an import path without the module, "." for its root; ok says whether
// the package is ours.
func local(path string) (name string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// ours are the packages of the module by their local names, sorted.
func (g Graph) ours() []string {
	var names []string
	for path := range g {
		if name, ok := local(path); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// of is the package with a local name.
func (g Graph) of(name string) Package {
	if name == "." {
		return g[module]
	}
	return g[module+"/"+name]
}

// Sources are all Go files of a package, its tests included.
func (p Package) Sources() []string {
	var files []string
	for _, f := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
		files = append(files, filepath.Join(p.Dir, f))
	}
	return files
}

// chain is a shortest way by imports from a package to another, for the message
// of a rule about what is reached.
func (g Graph) chain(from, to string) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var way []string
			for at := to; at != ""; at = before[at] {
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range g[queue[0]].Imports {
			if _, seen := before[next]; !seen {
				before[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// matches says whether a name is the pattern, or below it where the pattern ends
// in "/...".
func matches(pattern, name string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == dir || strings.HasPrefix(name, dir+"/")
	}
	return pattern == name
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}
