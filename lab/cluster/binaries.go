package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"rehome.dev/rehome/lab/part"
)

// Version is the Kubernetes that lab/kubernetes/go.mod requires.
const Version = "v1.36.3"

var components = []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"}

func binary(lab *part.Lab, name string) string {
	return lab.CachePath("kubernetes", Version, name)
}

// ensureBinaries builds the components once per version. A build goes to a folder
// beside the final one and is renamed, so that one cut short is never taken for a
// whole one.
func ensureBinaries(ctx context.Context, lab *part.Lab) error {
	complete := true
	for _, name := range components {
		if _, err := os.Stat(binary(lab, name)); err != nil {
			complete = false
		}
	}
	if complete {
		return nil
	}
	dir := lab.CachePath("kubernetes", Version)
	building := dir + ".building"
	if err := errors.Join(os.RemoveAll(building), os.MkdirAll(building, 0o755)); err != nil {
		return err
	}
	lab.Progress.Say("cluster", "building Kubernetes %s, once; this takes four to ten minutes", Version)
	if err := build(ctx, lab, building); err != nil {
		return fmt.Errorf("build Kubernetes %s: %w", Version, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(building, dir); err != nil {
		return err
	}
	lab.Progress.Say("cluster", "built Kubernetes %s", Version)
	return nil
}

func build(ctx context.Context, lab *part.Lab, out string) error {
	root, err := part.ModuleRoot()
	if err != nil {
		return err
	}
	goCommand := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = filepath.Join(root, "lab", "kubernetes")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off")
		return cmd
	}
	listing, err := part.RunCmd(goCommand("list", "-deps", "tool"))
	if err != nil {
		return err
	}
	total := strings.Count(listing, "\n")
	var compiled atomic.Int64
	stop := lab.TellEvery(ctx, 15*time.Second, "cluster", func() string {
		return fmt.Sprintf("building Kubernetes: %d packages compiled (of %d, less what Go's cache has), %d of %d programs linked",
			compiled.Load(), total, linked(out), len(components))
	})
	defer stop()
	// Without gitVersion the server calls itself v0.0.0-master, and clients judge
	// by it what it can do.
	ldflags := "-s -w -X k8s.io/component-base/version.gitVersion=" + Version
	// Nothing is inlined: that saves more than a fifth of the time to compile, and what
	// the lab asks of its cluster needs none of the speed.
	return counted(goCommand("build", "-v", "-trimpath", "-gcflags=all=-l", "-ldflags="+ldflags, "-o", out+"/", "tool"), &compiled)
}

// linked counts the finished programs.
func linked(dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	return len(entries)
}

// counted runs a `go build -v`, which names each package that it compiles on a
// line of its own, and keeps the other lines for the error.
func counted(cmd *exec.Cmd, compiled *atomic.Int64) error {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if line := lines.Text(); strings.ContainsAny(line, " \t") {
			said = append(said, line)
			continue
		}
		compiled.Add(1)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, strings.Join(said[max(0, len(said)-20):], "\n"))
	}
	return nil
}
