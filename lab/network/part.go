package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/lab/part"
)

// Network is the part that makes and removes the namespaces.
type Network struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *Network { return &Network{lab} }

func (n *Network) Name() string       { return "network" }
func (n *Network) Packages() []string { return []string{"iproute2", "iptables"} }

// Up makes what is missing. A set of namespaces that is not whole is made anew,
// since a half-wired host is harder to understand than a restarted lab.
func (n *Network) Up(ctx context.Context) error {
	resolv := fmt.Sprintf("nameserver %s\noptions timeout:1 attempts:3\n", Resolver.Address)
	// Programs have the file mounted, and where it was replaced nothing more can be
	// mounted over it: as long as it says the same, it stays.
	if have, err := os.ReadFile(n.lab.ResolvConf()); err != nil || string(have) != resolv {
		if err := part.WriteFile(n.lab.ResolvConf(), []byte(resolv), 0o644); err != nil {
			return err
		}
	}
	if n.Status(ctx).State == part.StateUp {
		n.lab.Progress.Say(n.Name(), "is up")
		return nil
	}
	if err := n.Down(ctx); err != nil {
		return err
	}
	for _, argv := range commands() {
		if _, err := part.Run(ctx, argv...); err != nil {
			return err
		}
	}
	n.lab.Progress.Say(n.Name(), "%d hosts on %s, nothing of it in the root namespace", len(Hosts()), LANPrefix)
	return nil
}

// Down ends what still runs in the namespaces and removes them, whoever made them.
func (n *Network) Down(ctx context.Context) error {
	var errs []error
	for _, netns := range n.present() {
		errs = append(errs, endAll(ctx, netns))
		_, err := part.Run(ctx, "ip", "netns", "delete", netns)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, n.removeNetnsDir())...)
}

// removeNetnsDir undoes what iproute2 does on its first `netns add`: it mounts the
// directory of the names on itself. Where others have names in it, it stays.
func (n *Network) removeNetnsDir() error {
	dir := filepath.Dir(part.NetnsPath("any"))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if err := part.UnmountBelow(dir); err != nil {
		return err
	}
	return os.Remove(dir)
}

// endAll kills what is in a namespace: one with a process in it would live on
// without a name.
func endAll(ctx context.Context, netns string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return part.Poll(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		out, err := part.Run(ctx, "ip", "netns", "pids", netns)
		if err != nil {
			return part.Permanent(err)
		}
		var left []string
		for _, field := range strings.Fields(out) {
			if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
				syscall.Kill(pid, syscall.SIGKILL)
				left = append(left, field)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("processes in %s: %s", netns, strings.Join(left, " "))
		}
		return nil
	})
}

// Status asks each host for its address.
func (n *Network) Status(ctx context.Context) part.Status {
	if len(n.present()) == 0 {
		return part.Status{State: part.StateDown}
	}
	var missing []string
	for _, h := range Hosts() {
		out, err := exec.CommandContext(ctx, "ip", "-n", h.Netns, "-4", "-o", "addr", "show", "dev", "eth0", "up").Output()
		if err != nil || !strings.Contains(string(out), h.Address.String()+"/") {
			missing = append(missing, h.Netns)
		}
	}
	if len(missing) > 0 {
		return part.Status{State: part.StatePartial, Detail: "not whole: " + strings.Join(missing, ", ")}
	}
	return part.Status{State: part.StateUp, Detail: fmt.Sprintf("%d hosts on %s", len(Hosts()), LANPrefix)}
}

func (n *Network) present() []string {
	entries, err := os.ReadDir(filepath.Dir(part.NetnsPath("any")))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// commands build the network from nothing. Each veth pair is made inside the
// namespaces, so that it never shows in the root namespace.
func commands() [][]string {
	ip := func(args ...string) []string { return append([]string{"ip"}, args...) }
	cmds := [][]string{
		ip("netns", "add", LAN),
		noIPv6(LAN),
		ip("-n", LAN, "link", "set", "lo", "up"),
		ip("-n", LAN, "link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"),
		ip("-n", LAN, "link", "set", bridge, "up"),
	}
	for _, h := range Hosts() {
		port := "v-" + strings.TrimPrefix(h.Netns, prefix)
		cmds = append(cmds,
			ip("netns", "add", h.Netns),
			noIPv6(h.Netns),
			ip("-n", h.Netns, "link", "set", "lo", "up"),
			ip("-n", LAN, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", h.Netns),
			ip("-n", LAN, "link", "set", port, "master", bridge, "up"),
			ip("-n", h.Netns, "addr", "add", fmt.Sprintf("%s/%d", h.Address, LANPrefix.Bits()), "dev", "eth0"),
			ip("-n", h.Netns, "link", "set", "eth0", "up"),
		)
		if h == Node {
			cmds = append(cmds, sysctl(h.Netns, "ipv4/ip_forward", "1"))
			continue
		}
		for _, behind := range []string{Pods.String(), Services.String()} {
			cmds = append(cmds, ip("-n", h.Netns, "route", "add", behind, "via", Node.Address.String()))
		}
	}
	return cmds
}

// noIPv6 spares the seconds of duplicate address detection; the lab speaks IPv4.
func noIPv6(netns string) []string { return sysctl(netns, "ipv6/conf/default/disable_ipv6", "1") }

func sysctl(netns, key, value string) []string {
	return []string{"nsenter", "--net=" + part.NetnsPath(netns), "--", "sh", "-c",
		`test ! -e "$0" || echo "$1" > "$0"`, "/proc/sys/net/" + key, value}
}
