package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/part"
)

// starts is how often each program is started; an odd number has a median.
const starts = 31

// programs are the two that are compared, by path.
type programs struct{ rehome, kubectl string }

// build makes rehome as it is released, and takes the lab's kubectl, which is built
// likewise; where the lab has none yet, kubectl alone is built for it.
func build(ctx context.Context, dir string) (programs, error) {
	root, err := part.ModuleRoot()
	if err != nil {
		return programs{}, err
	}
	p := programs{rehome: filepath.Join(dir, "rehome")}
	if err := goBuild(ctx, root, "-s -w", p.rehome, "./cmd/rehome"); err != nil {
		return p, err
	}
	lab, err := part.New(part.NewProgress(io.Discard, false))
	if err != nil {
		return p, err
	}
	p.kubectl = cluster.KubectlPath(lab)
	if _, err := os.Stat(p.kubectl); err == nil {
		return p, nil
	}
	p.kubectl = filepath.Join(dir, "kubectl")
	flags := "-s -w -X k8s.io/component-base/version.gitVersion=" + cluster.Version
	return p, goBuild(ctx, filepath.Join(root, "lab", "kubernetes"), flags, p.kubectl, "k8s.io/kubernetes/cmd/kubectl")
}

func goBuild(ctx context.Context, dir, ldflags, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags="+ldflags, "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, said)
	}
	return nil
}

// compare gives size and start-up of both. The starts alternate, so that whatever
// else the machine does meets both alike.
func (p programs) compare(ctx context.Context) (string, error) {
	ours, err := size(p.rehome)
	theirs, err2 := size(p.kubectl)
	if err := errors.Join(err, err2); err != nil {
		return "", err
	}
	var ourTimes, theirTimes []time.Duration
	for range starts {
		t, err := start(ctx, p.rehome, "version")
		u, err2 := start(ctx, p.kubectl, "version", "--client")
		if err := errors.Join(err, err2); err != nil {
			return "", err
		}
		ourTimes, theirTimes = append(ourTimes, t), append(theirTimes, u)
	}
	story, err := start(ctx, p.rehome, "simulate")
	if err != nil {
		return "", err
	}
	return comparison(ours, theirs, median(ourTimes), median(theirTimes), story), nil
}

func comparison(ourSize, theirSize int64, ourStart, theirStart, story time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Program | rehome | kubectl %s | ratio |\n|---|---:|---:|---:|\n", cluster.Version)
	fmt.Fprintf(&b, "| size | %.1f MB | %.1f MB | %.2f |\n", mega(ourSize), mega(theirSize), mega(ourSize)/mega(theirSize))
	fmt.Fprintf(&b, "| start (`version`), median of %d | %.1f ms | %.1f ms | %.2f |\n",
		starts, milli(ourStart), milli(theirStart), ourStart.Seconds()/theirStart.Seconds())
	fmt.Fprintf(&b, "| `rehome simulate`, as a process | %.0f ms | – | – |\n", milli(story))
	return b.String()
}

func mega(bytes int64) float64      { return float64(bytes) / 1e6 }
func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func start(ctx context.Context, program string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	began := time.Now()
	if said, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, said)
	}
	return time.Since(began), nil
}

func machine() string {
	return fmt.Sprintf("%s, %s/%s, %d processors.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
