package network

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
)

// Of linux/inet_diag.h and linux/netlink.h.
const (
	tcpDiag     = 18    // TCPDIAG_GETSOCK: both families in one pass
	dumpRequest = 0x301 // NLM_F_REQUEST|NLM_F_DUMP
	entrySize   = 72    // struct inet_diag_msg
	inet6       = 10    // AF_INET6
)

// diagRequest asks for the TCP sockets in the states whose bits are set: a netlink
// header and the older inet_diag_req.
func diagRequest(states uint32) []byte {
	req := make([]byte, 16+60)
	order := binary.NativeEndian
	order.PutUint32(req[0:], uint32(len(req)))
	order.PutUint16(req[4:], tcpDiag)
	order.PutUint16(req[6:], dumpRequest)
	order.PutUint32(req[16+52:], states)
	return req
}

// diagRow reads one inet_diag_msg.
func diagRow(body []byte) (row, bool) {
	if len(body) < entrySize {
		return row{}, false
	}
	r := row{protocol: "tcp", state: body[1], inode: uint64(binary.NativeEndian.Uint32(body[68:]))}
	local, remote := binary.BigEndian.Uint16(body[4:]), binary.BigEndian.Uint16(body[6:])
	if body[0] == inet6 {
		r.protocol = "tcp6"
		r.local = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[8:24])).Unmap(), local)
		r.remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[24:40])).Unmap(), remote)
		return r, true
	}
	r.local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[8:12])), local)
	r.remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[24:28])), remote)
	return r, true
}

// diagnose fills the TCP sockets of a namespace from the kernel's socket
// diagnosis, which costs a sixth of the tables in /proc: those are walked twice,
// and printed. False where that is not to be had.
func (c *Collector) diagnose(s *scope.Scope, pid int, waiting bool) bool {
	if !c.diag {
		return false
	}
	states := ^uint32(0)
	if !waiting {
		states &^= 1 << timeWait
	}
	at := len(c.rows)
	err := descriptor.Diagnose(s.Proc, pid, diagRequest(states), func(body []byte) {
		if r, ok := diagRow(body); ok {
			c.rows = append(c.rows, r)
		}
	})
	if err != nil {
		c.rows = c.rows[:at]
	}
	return err == nil
}

// diagnosable says whether the kernel has its TCP diagnosis at hand: to load a
// module for it would change the machine. Where there are no modules it is built
// in, or refused.
func diagnosable(s *scope.Scope) bool {
	modules, err := os.ReadFile(filepath.Join(s.Proc, "modules"))
	if err != nil {
		return os.IsNotExist(err)
	}
	if bytes.Contains(append([]byte("\n"), modules...), []byte("\ntcp_diag ")) {
		return true
	}
	release, err := os.ReadFile(filepath.Join(s.Proc, "sys/kernel/osrelease"))
	if err != nil {
		return false
	}
	builtin, err := os.ReadFile(filepath.Join(s.Root, "lib/modules", strings.TrimSpace(string(release)), "modules.builtin"))
	return err == nil && bytes.Contains(builtin, []byte("/tcp_diag.ko"))
}
