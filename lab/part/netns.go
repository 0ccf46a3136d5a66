package part

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// NetnsPath is where iproute2 keeps a named network namespace, ip-netns(8).
func NetnsPath(netns string) string { return "/run/netns/" + netns }

// ResolvConf is the resolv.conf of those who ask the lab's resolver.
func (l *Lab) ResolvConf() string { return l.RunPath("resolv.conf") }

// Argv is the command line that runs argv in a network namespace. nsenter and not
// `ip netns exec`: that one mounts /sys anew and so hides the cgroups. With
// resolver, the program sees the lab's resolv.conf in a mount namespace of its
// own; every resolver obeys it, Go's too.
func (l *Lab) Argv(netns string, resolver bool, argv ...string) []string {
	return l.wrap(Process{Netns: netns, Resolver: resolver, Path: argv[0], Args: argv[1:]})
}

func (l *Lab) wrap(p Process) []string {
	var argv []string
	if p.Netns != "" || p.Mounts != "" {
		argv = append(argv, "nsenter")
		if p.Netns != "" {
			argv = append(argv, "--net="+NetnsPath(p.Netns))
		}
		if p.Mounts != "" {
			argv = append(argv, "--mount="+p.Mounts)
		}
		argv = append(argv, "--")
	}
	if p.Resolver || p.OwnMounts {
		argv = append(argv, "unshare", "--mount", "--")
	}
	if p.Resolver {
		const bind = `mount --bind -- "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"`
		argv = append(argv, "sh", "-c", bind, l.ResolvConf())
	}
	return slices.Concat(argv, []string{p.Path}, p.Args)
}

// Command is exec.CommandContext within a network namespace.
func (l *Lab) Command(ctx context.Context, netns string, argv ...string) *exec.Cmd {
	full := l.Argv(netns, false, argv...)
	return exec.CommandContext(ctx, full[0], full[1:]...)
}

// DialIn returns a dialer whose sockets live in the network namespace. The
// address must be numeric, for names would be looked up outside.
func DialIn(netns string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var conn net.Conn
		err := InNetns(netns, func() error {
			var err error
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// InNetns runs f on a thread that is in the network namespace; goroutines that f
// starts are not. With an empty name f runs as it is.
func InNetns(netns string, f func() error) error {
	if netns == "" {
		return f()
	}
	runtime.LockOSThread()
	home, err := openNetns("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(home)
	target, err := openNetns(NetnsPath(netns))
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(target)
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", netns, err)
	}
	ferr := f()
	// A thread that cannot go back stays locked, so the runtime ends it with its
	// goroutine instead of lending it to another one.
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("leave network namespace %s: %w", netns, err)
	}
	runtime.UnlockOSThread()
	return ferr
}

func openNetns(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	return fd, nil
}
