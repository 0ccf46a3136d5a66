//go:build lab

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/part"
)

// trace is everything by which the lab can be seen from outside, one line each.
func trace(t *testing.T) []string {
	t.Helper()
	lines := []string{}
	for _, argv := range [][]string{
		{"ip", "-o", "addr"}, {"ip", "-o", "route", "show", "table", "all"}, {"ip", "netns"},
	} {
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", argv, err)
		}
		for line := range strings.Lines(string(out)) {
			// A lease that ages is no change.
			line, _, _ = strings.Cut(strings.TrimSpace(line), " valid_lft")
			lines = append(lines, strings.Join(argv[1:], " ")+": "+line)
		}
	}
	lines = append(lines, mounts(t)...)
	lines = append(lines, programs(t)...)
	for _, pattern := range []string{
		"/run/rehome-lab", "/var/lib/rehome-lab", "/run/netns", "/run/containerd", "/var/lib/cni", "/var/lib/kubelet",
		"/var/log/containers", "/var/log/pods", "/sys/fs/cgroup/*/rehome-lab", "/sys/fs/cgroup/rehome-lab",
		"/sys/fs/cgroup/*/kubepods", "/usr/sbin/policy-rc.d", "/run/systemd/nspawn/*",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, found...)
	}
	for _, key := range []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"} {
		value, _ := os.ReadFile("/proc/sys/" + key)
		lines = append(lines, key+" = "+strings.TrimSpace(string(value)))
	}
	slices.Sort(lines)
	return lines
}

func mounts(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		lines = append(lines, "mounted: "+strings.Fields(line)[4])
	}
	return lines
}

// programs are the running ones that the lab starts. A zombie has no program.
func programs(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, link := range links {
		exe, err := os.Readlink(link)
		if err != nil {
			continue
		}
		switch name := filepath.Base(exe); {
		case strings.Contains(exe, "rehome-lab"), strings.HasPrefix(name, "containerd"),
			slices.Contains([]string{"etcd", "named", "unbound", "prometheus", "systemd-nspawn", "pause"}, name):
			lines = append(lines, "runs: "+exe)
		}
	}
	return lines
}

func run(t *testing.T, argv ...string) time.Duration {
	t.Helper()
	began := time.Now()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}
	return time.Since(began)
}

func onlyIn(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

func TestDownLeavesNothingBehind(t *testing.T) {
	if err := part.Supported(); err != nil {
		t.Fatalf("%v; `make test-unit` runs all tests that need no lab", err)
	}
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := lab.LockTests(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	program := filepath.Join(t.TempDir(), "lab")
	run(t, "go", "build", "-o", program, ".")
	run(t, program, "up") // fills the caches and installs what is missing
	run(t, program, "down")
	before := trace(t)

	t.Logf("up with warm caches took %s", run(t, program, "up").Round(100*time.Millisecond))
	run(t, program, "status")
	run(t, program, "exec", "--", "kubectl", "create", "deployment", "left-behind", "--image=registry.golemtrust.am/lab/pause:1", "--replicas=2")
	run(t, program, "exec", "--", "kubectl", "rollout", "status", "deployment/left-behind", "--timeout=60s")
	during := trace(t)
	for _, line := range onlyIn(during, before) {
		if strings.HasPrefix(line, "-o addr") || strings.HasPrefix(line, "-o route") {
			t.Errorf("the root namespace got %s", line)
		}
	}
	for _, sign := range []string{"runs: /usr/bin/etcd", "mounted: /run/netns/rehome-node", "/run/rehome-lab"} {
		if !slices.Contains(during, sign) {
			t.Errorf("the trace does not see %q, so it proves nothing", sign)
		}
	}

	t.Logf("down took %s", run(t, program, "down").Round(100*time.Millisecond))
	after := trace(t)
	if left := onlyIn(after, before); len(left) > 0 {
		t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
	}
	if lost := onlyIn(before, after); len(lost) > 0 {
		t.Errorf("taken from the machine:\n  %s", strings.Join(lost, "\n  "))
	}
}
