// Package machine runs Debian under systemd in namespaces made by systemd-nspawn,
// because the machines that the lab runs on cannot be expected to virtualise: its
// disk, its keys, its cgroups, how it is switched on and off, and a shell on it.
//
// It must not know what is installed on a machine, nor what it is for.
package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"rehome.dev/rehome/lab/part"
)

// Machine is one of them. Its name is that of its process in the lab, its host
// name, and what its cgroups and directories are called by.
type Machine struct {
	Lab     *part.Lab
	Name    string
	Netns   string
	Address netip.Addr
	// From is the network namespace from which Run reaches it.
	From string
}

// Packages are the Debian packages that the host needs.
func Packages() []string {
	return []string{"debootstrap", "systemd-container", "debian-archive-keyring"}
}

// Root is where the machine's file system is seen from outside. What changes in
// the machine changes here.
func (m Machine) Root() string { return m.Lab.StatePath(m.Name, "root") }

// Running says whether the machine is on.
func (m Machine) Running() bool { return m.Lab.Running(m.Name) }

// Boot switches the machine on, its disk being mounted, and returns when ready
// does, which is asked for a minute.
func (m Machine) Boot(ctx context.Context, ready func(context.Context) error) error {
	if err := m.makeCgroups(); err != nil {
		return err
	}
	err := m.Lab.Start(ctx, part.Process{
		Name: m.Name, Path: "sh", Args: append([]string{"-c", joinCgroups, "rehome-" + m.Name}, m.nspawn()...),
		Env:        nspawnEnv(),
		StopSignal: syscall.SIGTERM, StopWithin: 15 * time.Second, ReadyWithin: time.Minute,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return part.Poll(ctx, 100*time.Millisecond, func(ctx context.Context) error {
		if !m.Running() {
			return part.Permanent(fmt.Errorf("the machine went off; log: %s", m.Lab.LogPath(m.Name)))
		}
		return ready(ctx)
	})
}

// Off switches the machine off and takes its disk away.
func (m Machine) Off(ctx context.Context) error {
	err := m.Lab.Stop(ctx, m.Name)
	if errors.Is(err, part.ErrUnknownProcess) {
		err = nil
	}
	return errors.Join(err, m.Unmount(), m.removeCgroups(ctx))
}

// nspawn is the command line that boots the machine. --register=no and
// --keep-unit do without a systemd on the host. Whoever is root on a machine makes
// networks there, systemd for one, which a container may not without being told.
func (m Machine) nspawn() []string {
	return []string{
		"systemd-nspawn", "--quiet", "--directory=" + m.Root(), "--boot", "--machine=" + m.Name, "--hostname=" + m.Name,
		"--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--capability=CAP_NET_ADMIN", "--network-namespace-path=" + part.NetnsPath(m.Netns),
	}
}

// nspawnEnv: where the host has version 1 of the cgroups the machine must have it
// too, which systemd-nspawn does not find out by itself.
func nspawnEnv() []string {
	if unified() {
		return nil
	}
	return []string{"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0"}
}
