// Package freeport finds a port for a server that takes only a number.
//
// It must not know what listens there.
package freeport

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// Ports are taken from below the range of which the kernel gives outgoing
// connections theirs (ip_local_port_range begins at 32768): between this look and
// the server's start no client of another test can come by one.
const (
	lowest = 10_000
	most   = 20_000
)

// On finds a port at which nothing listens on addr, neither by TCP nor by UDP.
func On(t testing.TB, addr netip.Addr) netip.AddrPort {
	t.Helper()
	var err error
	for range 50 {
		found := netip.AddrPortFrom(addr, uint16(lowest+rand.IntN(most)))
		var tcp *net.TCPListener
		if tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(found)); err != nil {
			continue
		}
		var udp *net.UDPConn
		udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(found))
		tcp.Close()
		if err == nil {
			udp.Close()
			return found
		}
	}
	t.Fatalf("find a free port on %s: %v", addr, err)
	return netip.AddrPort{}
}

// Local is On for 127.0.0.1.
func Local(t testing.TB) netip.AddrPort {
	t.Helper()
	return On(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}
