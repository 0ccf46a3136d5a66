package program

import (
	"context"
	"strings"

	"rehome.dev/rehome/internal/collect/owner"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// mostPaths bounds how many files are asked for.
const mostPaths = 2000

// packages names the package of each program and library.
func packages(ctx context.Context, s *scope.Scope, programs []inventory.Program) {
	asked := map[string]bool{}
	var paths []string
	add := func(path string) {
		if strings.HasPrefix(path, "/") && !asked[path] && len(paths) < mostPaths {
			asked[path] = true
			paths = append(paths, path)
		}
	}
	for _, p := range programs {
		add(p.Path)
	}
	for _, p := range programs {
		for _, l := range p.Libraries {
			add(l.Path)
		}
	}
	if len(paths) == 0 {
		return
	}
	found, err := owner.Of(ctx, s.Root, paths)
	if err != nil {
		s.Gaps.Add(inventory.SubjectPrograms, "packages", err.Error())
		return
	}
	for i := range programs {
		p := &programs[i]
		p.Package = found.Package[p.Path]
		for j := range p.Libraries {
			p.Libraries[j].Package = found.Package[p.Libraries[j].Path]
		}
	}
}
