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

// killPods ends the containers and their shims. A shim outlives containerd by
// design; ours are those that were started with our socket.
func killPods(ctx context.Context, socket string) error {
	if err := killCgroups(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return part.Poll(ctx, 20*time.Millisecond, func(context.Context) error {
		shims, err := shimsOf(socket)
		if err != nil {
			return err
		}
		for _, pid := range shims {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(shims) > 0 {
			return fmt.Errorf("%d container shims still run", len(shims))
		}
		return nil
	})
}

func shimsOf(socket string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && isShimOf(strings.Split(string(data), "\x00"), socket) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func isShimOf(argv []string, socket string) bool {
	if !strings.HasPrefix(filepath.Base(argv[0]), "containerd-shim") {
		return false
	}
	i := slices.Index(argv, "-address")
	return i > 0 && i+1 < len(argv) && argv[i+1] == socket
}

// sysctls are what a kubelet changes for the whole machine when it starts.
var sysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom",
	"kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

func sysctlNote(lab *part.Lab, key string) string {
	return lab.RunPath("sysctl", strings.ReplaceAll(key, "/", "."))
}

// saveSysctls notes the machine's values once, before the first kubelet.
func saveSysctls(lab *part.Lab) error {
	for _, key := range sysctls {
		if _, err := os.Stat(sysctlNote(lab, key)); err == nil {
			continue
		}
		value, err := os.ReadFile("/proc/sys/" + key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := part.WriteFile(sysctlNote(lab, key), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func restoreSysctls(lab *part.Lab) error {
	var errs []error
	for _, key := range sysctls {
		was, err := os.ReadFile(sysctlNote(lab, key))
		if err != nil {
			continue // no kubelet ran
		}
		now, err := os.ReadFile("/proc/sys/" + key)
		if err == nil && string(now) == string(was) {
			continue
		}
		errs = append(errs, os.WriteFile("/proc/sys/"+key, was, 0o644))
	}
	return errors.Join(errs...)
}
