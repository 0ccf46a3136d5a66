// Package legacy is a machine of its own beside the lab: Debian under systemd with
// applications that nobody here wrote, as Debian installs them, and with some that
// were written to be hard to look at (package oddity). Suites on it need nothing of
// the lab, and those on the lab nothing of it.
//
// It must not know what is seen on the machine, nor by whom.
package legacy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rehome.dev/rehome/lab/machine"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

// Legacy is the machine and what is around it.
type Legacy struct{ lab, shared *part.Lab }

// New returns it; nothing is touched. Its directories and its locks are not the
// lab's, except for the cache of the bare Debian that both begin with.
func New(p *part.Progress) (*Legacy, error) {
	shared, err := part.New(p)
	if err != nil {
		return nil, err
	}
	own := &part.Lab{Progress: p, Dirs: part.Dirs{
		Cache: shared.CachePath("legacy"), Run: "/run/rehome-legacy", State: "/var/lib/rehome-legacy"}}
	return &Legacy{lab: own, shared: shared}, nil
}

func (l *Legacy) machine() machine.Machine {
	return machine.Machine{Lab: l.lab, Name: machineName, Netns: machineNetns, Address: Address, From: opsNetns}
}

// KeyFile opens the machine to root, KnownHostsFile holds its key.
func (l *Legacy) KeyFile() string { return machine.KeyFile(l.lab) }

// KnownHostsFile holds the machine's own key.
func (l *Legacy) KnownHostsFile() string { return machine.KnownHostsFile(l.lab) }

// Root is where the machine's file system is seen from outside.
func (l *Legacy) Root() string { return l.machine().Root() }

// Run executes a shell command on the machine as root and returns what it printed.
// Without a deadline in ctx it may take a minute.
func (l *Legacy) Run(ctx context.Context, command string) (string, error) {
	return l.machine().Run(ctx, command)
}

// Start starts units and returns when systemd calls them started; Stop ends them.
func (l *Legacy) Start(ctx context.Context, units ...string) error {
	_, err := l.Run(ctx, "systemctl start "+quoted(units))
	return err
}

// Stop ends units.
func (l *Legacy) Stop(ctx context.Context, units ...string) error {
	_, err := l.Run(ctx, "systemctl stop "+quoted(units))
	return err
}

// Up boots the machine and returns when systemd calls it running. No application
// runs before somebody starts its unit.
func (l *Legacy) Up(ctx context.Context) error {
	unlock, err := l.lab.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if l.machine().Running() {
		return nil
	}
	if err := l.shared.Install(ctx, append(machine.Packages(), "iproute2")); err != nil {
		return err
	}
	system, err := l.ensureSystem(ctx)
	if err != nil {
		return err
	}
	if err := l.clear(ctx); err != nil { // of an Up that was killed
		return err
	}
	if err := l.networkUp(ctx); err != nil {
		return err
	}
	if err := errors.Join(l.machine().Mount(system), l.install(ctx)); err != nil {
		return errors.Join(err, l.clear(ctx))
	}
	start := time.Now()
	err = l.machine().Boot(ctx, func(ctx context.Context) error {
		_, err := l.Run(ctx, "systemctl is-system-running")
		return err
	})
	if err != nil {
		return err
	}
	l.say("%s is running, booted in %.1fs", Address, time.Since(start).Seconds())
	return nil
}

// Down switches the machine off and removes everything but the cache.
func (l *Legacy) Down(ctx context.Context) error {
	unlock, err := l.lab.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return l.clear(ctx)
}

func (l *Legacy) clear(ctx context.Context) error {
	return errors.Join(l.machine().Off(ctx), l.networkDown(ctx), l.lab.Remove())
}

// install puts the applications' files on the machine's disk.
func (l *Legacy) install(ctx context.Context) error {
	canaries, err := makeCanaries(l.canaryFile())
	if err != nil {
		return err
	}
	if err := errors.Join(l.machine().InstallIdentity(), installFiles(l.Root(), canaries)); err != nil {
		return err
	}
	for pkg, program := range map[string]string{
		"rehome.dev/rehome/lab/app/royal-bank-api": "opt/royal-bank-api/royal-bank-api",
		"rehome.dev/rehome/lab/legacy/oddity":      "opt/oddities/oddity",
	} {
		if err := l.build(ctx, pkg, filepath.Join(l.Root(), program)); err != nil {
			return err
		}
	}
	if _, err := part.Run(ctx, "chroot", l.Root(), "sh", "-ec", settle); err != nil {
		return fmt.Errorf("set up the applications: %w", err)
	}
	return nil
}

// Build compiles a package of this repository, and keeps the program for as long as
// the machine is up.
func (l *Legacy) Build(ctx context.Context, pkg string) (program string, err error) {
	program = l.lab.StatePath("bin", filepath.Base(pkg))
	return program, l.build(ctx, pkg, program)
}

func (l *Legacy) build(ctx context.Context, pkg, program string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	if err := l.lab.GoBuild(ctx, pkg, program); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return nil
}

// bare is the Debian that the lab's other machine begins with too. Who makes it
// keeps others out, here and there.
func (l *Legacy) bare(ctx context.Context) (string, error) {
	turn := &part.Lab{Progress: l.lab.Progress, Dirs: part.Dirs{Cache: l.shared.CachePath("vm")}}
	unlock, err := turn.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return vm.New(l.shared).Pristine(ctx)
}

func (l *Legacy) say(format string, args ...any) { l.lab.Progress.Say(machineName, format, args...) }
