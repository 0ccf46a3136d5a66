package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

// annexOf is the process that serves for a branch before it is moved.
func annexOf(b branch.Branch) string { return "annex-" + b.Namespace }

// startAnnexes runs the application as it is on the machine, with the machine's
// configuration, but for where it keeps sessions and its log.
func (a *App) startAnnexes(ctx context.Context) error {
	files, err := readTree(filepath.Join(vm.Root(a.lab), vm.ConfigDir))
	if err != nil {
		return err
	}
	var g errgroup.Group
	for _, b := range branch.Others {
		g.Go(func() error { return a.startAnnex(ctx, b, files) })
	}
	return g.Wait()
}

func (a *App) startAnnex(ctx context.Context, b branch.Branch, files map[string]string) error {
	dir := a.lab.StatePath("annex", b.Namespace)
	for name, text := range files {
		if err := part.WriteFile(filepath.Join(dir, name), []byte(moved(text, dir)), 0o600); err != nil {
			return fmt.Errorf("write the annex's configuration: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "sessions"), 0o700); err != nil {
		return fmt.Errorf("make room for the annex's sessions: %w", err)
	}
	return a.lab.Start(ctx, part.Process{
		Name: annexOf(b), Netns: b.Old.Netns, Resolver: true, // its database has a name
		Path: vm.Program(a.lab), Args: []string{"-legacy", "-config", dir},
		Ready: []string{"tcp://" + net.JoinHostPort(b.Old.Address.String(), "8080")},
	})
}

// moved keeps sessions and log in a directory.
func moved(text, dir string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		key, _, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "log_file":
			line = "log_file = " + filepath.Join(dir, "log") + "\n"
		case "session_dir":
			line = "session_dir = " + filepath.Join(dir, "sessions") + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
