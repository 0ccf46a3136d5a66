package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/lab/part"
)

const (
	scanRounds = 3        // of each program over each tree, in turn
	scanTree   = 12 << 20 // bytes of generated configuration
	scanStream = 1 << 30  // bytes through one pipe
)

// scans are one tree and what each program took for it, both detectors of rehome on.
type scans struct {
	name         string
	bytes        int64
	ours, theirs []time.Duration
	cpu, cpu2    []time.Duration
}

// scanning compares rehome scan with gitleaks alone, built from the same module that
// rehome uses, over the same trees in turn, and measures the memory of a long stream.
func scanning(ctx context.Context, dir, rehome string, progress io.Writer) (string, error) {
	root, err := part.ModuleRoot()
	if err != nil {
		return "", err
	}
	gitleaks := filepath.Join(dir, "gitleaks")
	if err := goBuild(ctx, root, "-s -w", gitleaks, "github.com/zricethezav/gitleaks/v8"); err != nil {
		return "", err
	}
	tree := filepath.Join(dir, "configuration")
	if err := configurations(tree, scanTree); err != nil {
		return "", err
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find Go's sources: %w", err)
	}
	var all []scans
	for _, t := range []scans{{name: "generated configuration", bytes: 0}, {name: "Go's package net"}} {
		path := tree
		if len(all) > 0 {
			path = filepath.Join(strings.TrimSpace(string(goroot)), "src", "net")
		}
		if t.bytes, err = treeSize(path); err != nil {
			return "", err
		}
		fmt.Fprintln(progress, "bench: scanning", t.name, scanRounds, "times with rehome and with gitleaks")
		if err := t.measure(ctx, rehome, gitleaks, path); err != nil {
			return "", err
		}
		all = append(all, t)
	}
	fmt.Fprintf(progress, "bench: scanning %.0f MiB through a pipe\n", mebi(scanStream))
	peak, took, err := longScan(ctx, rehome, scanStream)
	if err != nil {
		return "", err
	}
	return scanTable(all, scanStream, peak, took), nil
}

// measure lets both look at a tree in turn. Both end with another code than 0 where
// they have found something.
func (s *scans) measure(ctx context.Context, rehome, gitleaks, path string) error {
	// Not os.DevNull: gitleaks removes what it is to write before it writes it, and
	// run by root it would take the device away.
	theirs := filepath.Join(filepath.Dir(gitleaks), "report.json")
	for range scanRounds {
		t, c, err := timed(ctx, rehome, 3, "scan", path, "-o", "json")
		u, d, err2 := timed(ctx, gitleaks, 9, "dir", "--exit-code", "9", "--no-banner", "--log-level", "error", "--report-format", "json", "--report-path", theirs, path)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		s.ours, s.theirs = append(s.ours, t), append(s.theirs, u)
		s.cpu, s.cpu2 = append(s.cpu, c), append(s.cpu2, d)
	}
	return nil
}

// timed runs a program that ends with 0 or found, and gives its time and that of the
// processors.
func timed(ctx context.Context, program string, found int, args ...string) (took, cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == found {
		err = nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), args[0], err, said.String())
	}
	return time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// longScan writes a text of that many bytes to rehome, and gives the most memory that
// it had (VmHWM of proc_pid_status(5)) when all of it but the end was taken.
func longScan(ctx context.Context, rehome string, bytes int64) (peak int64, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, rehome, "scan", "-", "--stdin-name", "dump.properties", "-o", "json")
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	block := []byte(propertiesText(rand.New(rand.NewPCG(3, 9)), 1<<20))
	for left := bytes; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = in.Write(block)
	}
	if err == nil {
		peak, err = highWater(cmd.Process.Pid)
	}
	if err = errors.Join(err, in.Close()); err != nil {
		cancel()
	}
	ended := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](ended); ok && exit.ExitCode() == 3 {
		ended = nil
	}
	return peak, time.Since(began), errors.Join(err, ended)
}

func highWater(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	f := strings.Fields(rest)
	if len(f) < 2 {
		return 0, errors.New("the system does not say how much memory a process had")
	}
	kib, err := strconv.ParseInt(f[0], 10, 64)
	return kib << 10, err
}

func treeSize(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

func scanTable(all []scans, stream, peak int64, took time.Duration) string {
	var b strings.Builder
	b.WriteString("| Scan, median of the rounds | rehome | gitleaks | gitleaks takes |\n|---|---:|---:|---:|\n")
	row := func(what string, s scans, ours, theirs time.Duration) {
		speed := func(d time.Duration) string { return number(float64(s.bytes)/1e6/d.Seconds()) + " MB/s" }
		fmt.Fprintf(&b, "| %s, %.1f MB, %s | %s | %s | %.1f times as long |\n", s.name, mega(s.bytes), what, speed(ours), speed(theirs), theirs.Seconds()/ours.Seconds())
	}
	for _, s := range all {
		row("time", s, median(s.ours), median(s.theirs))
		row("processors", s, median(s.cpu), median(s.cpu2))
	}
	fmt.Fprintf(&b, "| %.0f MiB through a pipe | %s MB/s | – | – |\n| memory at its peak | %.0f MiB | – | – |\n",
		mebi(stream), number(mega(stream)/took.Seconds()), mebi(peak))
	return b.String()
}
