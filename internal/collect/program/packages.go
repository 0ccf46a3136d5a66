package program

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// patience bounds one question to the machine's package database.
const patience = 20 * time.Second

// mostPaths bounds how many files are asked for.
const mostPaths = 2000

// packages names the package of each program and library.
func (c *collector) packages(ctx context.Context, s *scope.Scope, programs []inventory.Program) {
	paths := map[string]bool{}
	for _, p := range programs {
		paths[p.Path] = true
		for _, l := range p.Libraries {
			if strings.HasPrefix(l.Path, "/") && len(paths) < mostPaths {
				paths[l.Path] = true
			}
		}
	}
	if len(paths) == 0 {
		return
	}
	owners, why := owners(ctx, s.Root, paths)
	if why != "" {
		s.Gaps.Add(inventory.SubjectPrograms, "packages", why)
		return
	}
	for i := range programs {
		p := &programs[i]
		p.Package = owners[p.Path]
		for j := range p.Libraries {
			p.Libraries[j].Package = owners[p.Libraries[j].Path]
		}
	}
}

// owners asks the package database that the machine has; why says that it has
// none which is known.
func owners(ctx context.Context, root string, paths map[string]bool) (owners map[string]string, why string) {
	if _, err := os.Stat(filepath.Join(root, "var/lib/dpkg/status")); err == nil {
		return dpkg(ctx, root, paths)
	}
	for _, db := range []string{"var/lib/rpm", "usr/lib/sysimage/rpm"} {
		if _, err := os.Stat(filepath.Join(root, db)); err == nil {
			return rpm(ctx, root, paths)
		}
	}
	return nil, "the machine has neither dpkg's nor rpm's database"
}

// dpkg asks for owners and then for versions, once each (dpkg-query(1)).
func dpkg(ctx context.Context, root string, paths map[string]bool) (map[string]string, string) {
	admin := "--admindir=" + filepath.Join(root, "var/lib/dpkg")
	args := []string{admin, "--search"}
	asked := map[string]string{}
	for path := range paths {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, `*?[\`) {
			continue
		}
		for _, variant := range variants(path) {
			asked[variant] = path
			args = append(args, variant)
		}
	}
	out, why := ask(ctx, "dpkg-query", args...) // not all paths have an owner: then it says so, and that is no failure
	if why != "" {
		return nil, why
	}
	owner, versions := map[string]string{}, map[string]string{}
	for line := range strings.Lines(out) {
		names, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok || strings.HasPrefix(names, "diversion by ") || strings.HasPrefix(names, "local diversion") {
			continue
		}
		first, _, _ := strings.Cut(names, ", ")
		if asked[path] != "" {
			owner[asked[path]] = first
			versions[first] = ""
		}
	}
	args = []string{admin, "--show", "--showformat=${binary:Package} ${Version}\n"}
	for name := range versions {
		args = append(args, name)
	}
	if len(versions) > 0 {
		if out, why = ask(ctx, "dpkg-query", args...); why != "" {
			return nil, why
		}
		for line := range strings.Lines(out) {
			name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
			versions[name] = version
			bare, _, _ := strings.Cut(name, ":")
			if _, asked := versions[bare]; asked {
				versions[bare] = version
			}
		}
	}
	for path, name := range owner {
		bare, _, _ := strings.Cut(name, ":")
		owner[path] = strings.TrimSpace(bare + " " + versions[name])
	}
	return owner, ""
}

// variants are the names of a file where /lib is a link to /usr/lib: dpkg knows
// one of them.
func variants(path string) []string {
	if rest, ok := strings.CutPrefix(path, "/usr"); ok {
		for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"} {
			if strings.HasPrefix(rest, dir) {
				return []string{path, rest}
			}
		}
	}
	return []string{path}
}

// rpm gives one line for each file, in order (rpm(8)).
func rpm(ctx context.Context, root string, paths map[string]bool) (map[string]string, string) {
	var list []string
	args := []string{"--root", filepath.Clean(root), "--query", "--file", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\n"}
	for path := range paths {
		if _, err := os.Lstat(filepath.Join(root, path)); err == nil && strings.HasPrefix(path, "/") {
			list = append(list, path)
		}
	}
	out, why := ask(ctx, "rpm", append(args, list...)...)
	if why != "" {
		return nil, why
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(list) {
		return nil, "rpm answered something else than a line for each file"
	}
	owner := map[string]string{}
	for i, path := range list {
		if !strings.Contains(lines[i], "not owned by any package") {
			owner[path] = lines[i]
		}
	}
	return owner, ""
}

// ask runs a query of the package database. An exit code of its own is an
// answer: some of the files belong to nobody.
func ask(ctx context.Context, program string, args ...string) (string, string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path, err := exec.LookPath(program)
	if err != nil {
		return "", program + " is not there"
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	if ctx.Err() != nil {
		return "", program + " did not answer in " + patience.String()
	}
	if err != nil && cmd.ProcessState == nil {
		return "", program + " could not be run"
	}
	return out.String(), ""
}
