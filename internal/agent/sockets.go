package agent

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Socket is one TCP connection. Dialled says that it was opened from here.
type Socket struct {
	Remote  string `json:"remote"` // host:port
	Dialled bool   `json:"dialled"`
}

// States of /proc/net/tcp, include/net/tcp_states.h.
const (
	stateListen  = "0A"
	stateSynRecv = "03"
)

// sockets tells the connections of this network namespace, proc_net(5), without
// those to itself. A connection at a port on which somebody listens was accepted.
func sockets(dir string, stdout io.Writer) error {
	var rows [][]string
	for _, name := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the connections: %w", err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if fields := strings.Fields(line); i > 0 && len(fields) > 3 {
				rows = append(rows, fields)
			}
		}
	}
	listening := map[uint16]bool{}
	for _, r := range rows {
		if local, err := endpoint(r[1]); err == nil && r[3] == stateListen {
			listening[local.Port()] = true
		}
	}
	out := json.NewEncoder(stdout)
	for _, r := range rows {
		local, err1 := endpoint(r[1])
		remote, err2 := endpoint(r[2])
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("read the connections: %w", err)
		}
		if r[3] == stateListen || r[3] == stateSynRecv || remote.Addr().IsLoopback() || remote.Addr().IsUnspecified() || remote.Addr() == local.Addr() {
			continue
		}
		if err := out.Encode(Socket{Remote: remote.String(), Dialled: !listening[local.Port()]}); err != nil {
			return err
		}
	}
	return ended(stdout)
}

// endpoint reads an address as /proc has it: each four bytes as a number of the
// machine, which here is little-endian, and the port in hexadecimal.
func endpoint(text string) (netip.AddrPort, error) {
	address, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}
