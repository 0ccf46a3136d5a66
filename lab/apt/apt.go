// Package apt installs the Debian packages whose programs the lab runs itself.
//
// The packages bring services that Debian would start in the host's own network;
// they are never started, and those that come with a new package are not enabled
// either. A service that was there before is left as it was.
package apt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNotRoot says that packages are missing which only root can install.
var ErrNotRoot = errors.New("only root can install Debian packages")

const lockFile = "/run/lock/rehome-apt.lock"

// Install returns when all packages are installed. It does nothing where they are,
// needs root where they are not, and may be called by several processes at once.
func Install(ctx context.Context, packages ...string) error {
	missing := Missing(ctx, packages...)
	if len(missing) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: run apt-get install --no-install-recommends %s", ErrNotRoot, strings.Join(missing, " "))
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if missing = Missing(ctx, packages...); len(missing) == 0 {
		return nil // another process was faster
	}
	restore, err := keepServicesDown("/usr/sbin/policy-rc.d")
	if err != nil {
		return err
	}
	defer restore()
	if err := getInstall(ctx, missing); err != nil {
		if err := run(ctx, "apt-get", "update"); err != nil {
			return err
		}
		if err := getInstall(ctx, missing); err != nil {
			return err
		}
	}
	return disable(ctx, missing)
}

// Missing returns those of packages that are not installed.
func Missing(ctx context.Context, packages ...string) []string {
	var missing []string
	for _, p := range packages {
		out, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Status}", p).Output()
		if err != nil || string(out) != "installed" {
			missing = append(missing, p)
		}
	}
	return missing
}

func getInstall(ctx context.Context, packages []string) error {
	args := []string{"-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends"}
	return run(ctx, "apt-get", append(args, packages...)...)
}

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return nil
}

const refuseAll = "#!/bin/sh\nexit 101\n"

// keepServicesDown forbids maintainer scripts to start services, by the file that
// invoke-rc.d asks. Where the host has such a file already, it is put back as it
// was, also after a run that was killed in between.
func keepServicesDown(policy string) (restore func(), err error) {
	aside := policy + ".before-rehome-lab"
	if text, err := os.ReadFile(policy); err == nil && string(text) != refuseAll {
		if err := os.Rename(policy, aside); err != nil {
			return nil, fmt.Errorf("set policy-rc.d aside: %w", err)
		}
	}
	restore = func() {
		if os.Rename(aside, policy) != nil {
			os.Remove(policy) // there was none before
		}
	}
	if err := os.WriteFile(policy, []byte(refuseAll), 0o755); err != nil {
		restore()
		return nil, fmt.Errorf("write policy-rc.d: %w", err)
	}
	return restore, nil
}

// disable keeps the services of newly installed packages from starting at the next boot.
func disable(ctx context.Context, packages []string) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil // systemd is not running here
	}
	out, err := exec.CommandContext(ctx, "dpkg-query", append([]string{"--listfiles"}, packages...)...).Output()
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", strings.Join(packages, ", "), err)
	}
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		if filepath.Ext(file) != ".service" || strings.Contains(file, "@") {
			continue
		}
		if err := run(ctx, "systemctl", "disable", filepath.Base(file)); err != nil {
			return err
		}
	}
	return nil
}

func lock() (unlock func(), err error) {
	f, err := os.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the installation lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("take the installation lock: %w", err)
	}
	return func() { f.Close() }, nil
}
