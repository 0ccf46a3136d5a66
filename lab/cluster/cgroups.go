package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/lab/part"
)

// cgroupName is the lab's own cgroup below the root of each hierarchy; the kubelet
// makes the pods' below it.
const cgroupName = "rehome-lab"

const cgroupMount = "/sys/fs/cgroup"

// cgroupRoots are the lab's cgroups: one where the machine has the unified
// hierarchy, one per controller where it has version 1.
func cgroupRoots() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		return []string{filepath.Join(cgroupMount, cgroupName)}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, e := range entries {
		if e.IsDir() { // cpu and cpuacct may be links to cpu,cpuacct
			roots = append(roots, filepath.Join(cgroupMount, e.Name(), cgroupName))
		}
	}
	return roots, nil
}

func makeCgroups() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := os.Mkdir(root, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := inheritCpuset(root); err != nil {
			return err
		}
	}
	return nil
}

// inheritCpuset: version 1 gives a new cpuset no processor and no memory node, and
// then refuses every process, cpuset(7).
func inheritCpuset(root string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(root), file))
		if err != nil {
			continue // another controller, or the unified hierarchy
		}
		if err := os.WriteFile(filepath.Join(root, file), parent, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups kills every process in the lab's cgroups and removes them.
func removeCgroups(ctx context.Context) error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var errs []error
	for _, root := range roots {
		errs = append(errs, part.Poll(ctx, 50*time.Millisecond, func(context.Context) error {
			return removeTree(root)
		}))
	}
	return errors.Join(errs...)
}

func killCgroups() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		for _, dir := range treeOf(root) {
			for _, pid := range membersOf(dir) {
				syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
			}
		}
	}
	return nil
}

func removeTree(root string) error {
	dirs := treeOf(root)
	slices.Reverse(dirs)
	for _, dir := range dirs {
		for _, pid := range membersOf(dir) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// treeOf lists root and the cgroups below it, parents first.
func treeOf(root string) []string {
	var dirs []string
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what vanishes in between is gone, as wanted
	})
	return dirs
}

func membersOf(dir string) []int {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
