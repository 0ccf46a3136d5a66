package host

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/inventory"
)

// pids are all processes of the machine.
func (m *machine) pids() []int {
	entries, _ := os.ReadDir(m.proc)
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out
}

// machines are programs that every machine has, and that serve no application.
var machines = []string{"systemd", "systemd-resolve", "systemd-network", "systemd-timesyn", "systemd-journal", "init", "sshd", "sshd-session", "dropbear", "chronyd", "ntpd", "dhclient", "dhcpcd", "NetworkManager",
	"rpcbind", "rpc.statd", "avahi-daemon", "cupsd", "dnsmasq", "rehome-agent", "rehome"}

// unseen stands for a process that only root could look at.
const unseen = "a process that cannot be seen"

// others are the units and processes with listening sockets that are not the
// application's: "redis-server.service: redis-server on tcp 127.0.0.1:6379".
func (m *machine) others(ctx context.Context) []string {
	type socket struct{ link, address string }
	var sockets []socket
	wanted := map[string]bool{}
	for _, protocol := range []string{"tcp", "tcp6", "udp", "udp6"} {
		for inode, address := range listening(m.of("net/"+protocol), strings.HasPrefix(protocol, "udp")) {
			s := socket{"socket:[" + inode + "]", protocol[:3] + " " + address}
			sockets, wanted[s.link] = append(sockets, s), true
		}
	}
	held, _ := descriptor.NewWalker(m.proc, nil).Holders(ctx, wanted)
	found := map[string][]string{}
	for _, s := range sockets {
		for _, who := range m.strangers(held[s.link]) {
			if !slices.Contains(found[who], s.address) {
				found[who] = append(found[who], s.address)
			}
		}
	}
	var out []string
	for who, addresses := range found {
		slices.Sort(addresses)
		out = append(out, fmt.Sprintf("%s on %s", who, strings.Join(addresses, ", ")))
	}
	slices.Sort(out)
	return out
}

// strangers names who holds a socket, unless the application does so too or only
// the machine's own programs do.
func (m *machine) strangers(holders []descriptor.Holder) []string {
	if len(holders) == 0 {
		return []string{unseen}
	}
	var out []string
	for _, h := range holders {
		if m.scope.Ever[h.PID] || slices.Contains(m.scope.PIDs, h.PID) {
			return nil
		}
		if name := h.Name; !slices.Contains(machines, name) {
			if who := m.unitOf(h.PID, name); !slices.Contains(out, who) {
				out = append(out, who)
			}
		}
	}
	return out
}

// unitOf names a process by its unit where it has one.
func (m *machine) unitOf(pid int, name string) string {
	name = inventory.Name(name)
	for line := range strings.Lines(m.of(strconv.Itoa(pid) + "/cgroup")) {
		parts := strings.Split(strings.TrimSpace(line), "/")
		for i := len(parts) - 1; i > 0; i-- {
			if strings.HasSuffix(parts[i], ".service") && !strings.HasPrefix(parts[i], "user@") {
				return inventory.Name(parts[i]) + ": " + name
			}
		}
	}
	return name
}

// listening reads /proc/net/tcp and its kin: inode to address of the sockets that
// wait for somebody, of UDP those that are not connected.
func listening(text string, udp bool) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[0] == "sl" {
			continue
		}
		state := "0A"
		if udp {
			state = "07"
		}
		if fields[3] != state || fields[9] == "0" {
			continue
		}
		if address, ok := socketAddress(fields[1]); ok {
			out[fields[9]] = address
		}
	}
	return out
}

// socketAddress reads an address of /proc/net: words of 32 bits in the byte order
// of the machine, and the port.
func socketAddress(text string) (string, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b) != 4 && len(b) != 16 {
		return "", false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	address, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(address.Unmap(), uint16(p)).String(), true
}

// link is where a link of the machine leads, "" where it is none.
func (m *machine) link(name string) string {
	to, _ := os.Readlink(filepath.Join(m.root, name))
	return to
}

func isDir(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}
