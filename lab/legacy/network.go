package legacy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"rehome.dev/rehome/lab/part"
)

// The little network: the machine, and a host at the other end of its only cable
// where the tests run. That one has a second address for servers that the
// applications dial. Names do not begin as the lab's do, for the lab removes all of
// its own.
const (
	machineName  = "legacy"
	machineNetns = "legacy-vm"
	opsNetns     = "legacy-ops"
)

var (
	// Address is the machine's.
	Address = netip.MustParseAddr("10.76.0.20")
	// Second is another address of the machine.
	Second = netip.MustParseAddr("10.76.0.21")
	// Ops is the address of the tests.
	Ops = netip.MustParseAddr("10.76.0.50")
	// Database is an address of the tests too: what listens there is a server
	// outside the machine.
	Database = netip.MustParseAddr("10.76.0.60")
)

const prefixBits = 24

func networkCommands() [][]string {
	ip := func(args ...string) []string { return append([]string{"ip"}, args...) }
	commands := [][]string{ip("netns", "add", machineNetns), ip("netns", "add", opsNetns)}
	for _, netns := range []string{machineNetns, opsNetns} {
		commands = append(commands, []string{"nsenter", "--net=" + part.NetnsPath(netns), "--", "sh", "-c",
			"test ! -e /proc/sys/net/ipv6 || echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"},
			ip("-n", netns, "link", "set", "lo", "up"))
	}
	commands = append(commands, ip("-n", opsNetns, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", machineNetns))
	for _, a := range []struct {
		netns   string
		address netip.Addr
	}{{machineNetns, Address}, {machineNetns, Second}, {opsNetns, Ops}, {opsNetns, Database}} {
		commands = append(commands, ip("-n", a.netns, "addr", "add", fmt.Sprintf("%s/%d", a.address, prefixBits), "dev", "eth0"))
	}
	return append(commands, ip("-n", machineNetns, "link", "set", "eth0", "up"), ip("-n", opsNetns, "link", "set", "eth0", "up"))
}

func (l *Legacy) networkUp(ctx context.Context) error {
	for _, argv := range networkCommands() {
		if _, err := part.Run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

// networkDown removes the names. A test that still runs in the network keeps it
// alive, without a name, until it ends.
func (l *Legacy) networkDown(ctx context.Context) error {
	var errs []error
	for _, netns := range []string{machineNetns, opsNetns} {
		if _, err := os.Stat(part.NetnsPath(netns)); err == nil {
			_, err := part.Run(ctx, "ip", "netns", "delete", netns)
			errs = append(errs, err)
		}
	}
	dir := filepath.Dir(part.NetnsPath("any"))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		return errors.Join(errs...)
	}
	// iproute2 mounts the directory of the names on itself with the first of them.
	return errors.Join(append(errs, err, part.UnmountBelow(dir), os.Remove(dir))...)
}
