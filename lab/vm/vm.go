// Package vm runs the lab's virtual machine: Debian under systemd, in namespaces
// made by systemd-nspawn because the machines that the lab runs on cannot be
// expected to virtualise, with an sshd and with the application as it grew there.
//
// It must not know what becomes of the application.
package vm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/lab/machine"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

const processName = "vm"

// VM is the part.
type VM struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *VM { return &VM{lab} }

func (v *VM) machine() machine.Machine { return machineOf(v.lab) }

func (v *VM) Name() string { return "vm" }

func (v *VM) Packages() []string {
	return machine.Packages()
}

// Program is where the application's binary is kept while the lab is up.
func Program(lab *part.Lab) string { return lab.StatePath("bin", "royal-bank-api") }

// Up boots the machine and returns when systemd calls it running and the
// application answers. A machine that was switched off boots with the disk it had.
func (v *VM) Up(ctx context.Context) error {
	if v.lab.Running(processName) {
		v.lab.Progress.Say(v.Name(), "is up")
		return nil
	}
	if err := v.lab.GoBuild(ctx, "rehome.dev/rehome/lab/app/royal-bank-api", Program(v.lab)); err != nil {
		return fmt.Errorf("build the application: %w", err)
	}
	pristine, err := v.Pristine(ctx)
	if err != nil {
		return err
	}
	if err := v.ensureDisk(pristine); err != nil {
		return err
	}
	start := time.Now()
	if err := v.boot(ctx); err != nil {
		return err
	}
	v.lab.Progress.Say(v.Name(), "%s is running, booted in %.1fs; ssh and royal-bank-api answer", network.VM.Address, time.Since(start).Seconds())
	return nil
}

// ensureDisk mounts a fresh disk and installs on it, unless there is one.
func (v *VM) ensureDisk(pristine string) error {
	m := v.machine()
	if m.Mounted() {
		return nil
	}
	if err := m.Unmount(); err != nil { // of an Up that was killed
		return err
	}
	if err := m.Mount(pristine); err != nil {
		return err
	}
	resolver := []byte("nameserver " + network.Resolver.Address.String() + "\n")
	err := errors.Join(m.InstallIdentity(), part.WriteFile(filepath.Join(m.Root(), "etc/resolv.conf"), resolver, 0o644), v.installApplication())
	if err != nil {
		return errors.Join(err, m.Unmount()) // half a disk must not be taken for a disk
	}
	return nil
}

func (v *VM) boot(ctx context.Context) error {
	return v.machine().Boot(ctx, func(ctx context.Context) error {
		if err := part.Probe(ctx, network.VM.Netns, "http://"+network.VM.Address.String()+":8080/"); err != nil {
			return err
		}
		_, err := Run(ctx, v.lab, "systemctl is-system-running")
		return err
	})
}

// Down switches the machine off and takes its disk away.
func (v *VM) Down(ctx context.Context) error { return v.machine().Off(ctx) }

// Status asks the machine's systemd.
func (v *VM) Status(ctx context.Context) part.Status {
	if !v.lab.Running(processName) {
		return part.Status{State: part.StateDown}
	}
	said, err := Run(ctx, v.lab, "systemctl is-system-running; systemctl is-active royal-bank-api")
	if err != nil {
		return part.Status{State: part.StatePartial, Detail: err.Error()}
	}
	return part.Status{State: part.StateUp, Detail: "systemd is " + strings.Join(strings.Fields(said), ", royal-bank-api is ")}
}
