package part

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Run executes a command to its end and returns its output; an error carries the
// end of what it wrote. The arguments must hold no secret.
func Run(ctx context.Context, argv ...string) (string, error) {
	return RunCmd(exec.CommandContext(ctx, argv[0], argv[1:]...))
}

// RunCmd is Run for a prepared command.
func RunCmd(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = strings.TrimSpace(stdout.String())
		}
		return stdout.String(), fmt.Errorf("%s: %w%s", strings.Join(cmd.Args, " "), err, indent(lastLines(said, 10)))
	}
	return stdout.String(), nil
}

// GoBuild compiles a package of this repository into a static binary at out. The
// Go build cache makes a second call cheap.
func (l *Lab) GoBuild(ctx context.Context, pkg, out string) error {
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local")
	_, err = RunCmd(cmd)
	return err
}

// ModuleRoot is the folder of this repository's go.mod, found upwards from the
// working directory: the lab is built from its own sources.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.Contains(string(data), "module rehome.dev/rehome\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside the rehome repository: no go.mod of rehome.dev/rehome here or above")
		}
		dir = parent
	}
}

// tail is the end of a log, ready to be appended to an error.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return indent(lastLines(strings.TrimSpace(string(data)), 10))
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(s string) string {
	if s == "" {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(s, "\n", "\n  | ")
}
