package part

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// policyFile is asked by Debian's maintainer scripts whether a service may be
// started, invoke-rc.d(8).
const policyFile = "/usr/sbin/policy-rc.d"

// Install brings in the Debian packages that are missing. Their services are not
// started: the lab runs the programs itself, within its network namespaces.
func (l *Lab) Install(ctx context.Context, packages []string) error {
	missing, err := missingPackages(ctx, packages)
	if err != nil || len(missing) == 0 {
		return err
	}
	l.Progress.Say("apt", "installing %s", strings.Join(missing, " "))
	allow, err := denyServices()
	if err != nil {
		return err
	}
	defer allow()
	stop := l.tellEvery(ctx, 15*time.Second, "apt", "still installing; log: "+l.LogPath("apt"))
	defer stop()
	if err := l.apt(ctx, "update"); err != nil {
		return err
	}
	args := append([]string{"install", "--yes", "--no-install-recommends"}, missing...)
	if err := l.apt(ctx, args...); err != nil {
		return err
	}
	l.Progress.Say("apt", "installed %d packages", len(missing))
	return nil
}

func (l *Lab) apt(ctx context.Context, args ...string) error {
	log, err := os.OpenFile(l.LogPath("apt"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	full := append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, args...)
	cmd := exec.CommandContext(ctx, "apt-get", full...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w%s", args[0], err, tail(l.LogPath("apt")))
	}
	return nil
}

// missingPackages keeps those that dpkg does not have installed.
func missingPackages(ctx context.Context, packages []string) ([]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		return nil, fmt.Errorf("the lab takes its servers from Debian: %w", err)
	}
	args := append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, packages...)
	// dpkg-query fails when one of them is unknown to it, and still lists the rest.
	out, err := exec.CommandContext(ctx, "dpkg-query", args...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return notInstalled(packages, string(out)), ctx.Err()
}

func notInstalled(packages []string, listing string) []string {
	var missing []string
	for _, name := range packages {
		if !slices.Contains(strings.Split(listing, "\n"), name+" installed") && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// denyServices forbids starting services until the returned function is called. A
// policy that the machine already has is respected.
func denyServices() (allow func(), err error) {
	f, err := os.OpenFile(policyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, werr := f.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(werr, f.Close()); err != nil {
		os.Remove(policyFile)
		return nil, err
	}
	return func() { os.Remove(policyFile) }, nil
}

// tellEvery repeats a line for what has no progress of its own.
func (l *Lab) tellEvery(ctx context.Context, every time.Duration, part, line string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.Progress.Say(part, "%s", line)
			}
		}
	}()
	return func() { cancel(); <-done }
}
