package rfc2136_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
)

type handling int

const (
	keep     handling = iota // the message does not arrive for now
	keepCopy                 // it arrives, and a copy does not for now
)

// courier stands between a client and the primary and keeps signed messages as
// they are, byte for byte, to deliver them later: a packet that the network
// delayed or repeated.
type courier struct {
	t       *testing.T
	address string
	to      netip.AddrPort

	mu   sync.Mutex
	how  handling
	kept [][]byte
}

func newCourier(t *testing.T, to netip.AddrPort) *courier {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &courier{t: t, address: l.Addr().String(), to: to}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { c.carry(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
	return c
}

func (c *courier) take(how handling) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how = how
}

func (c *courier) carry(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	m, err := readMessage(conn)
	if err != nil {
		return
	}
	c.mu.Lock()
	how := c.how
	c.kept = append(c.kept, m)
	c.mu.Unlock()
	if how == keep {
		io.Copy(io.Discard, conn) // until the client gives up
		return
	}
	if reply, err := c.send(m); err == nil {
		writeMessage(conn, reply)
	}
}

// deliver lets the one kept message arrive.
func (c *courier) deliver() bool {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) != 1 {
		c.t.Fatalf("%d messages are kept, want 1", len(c.kept))
	}
	wire, err := c.send(c.kept[0])
	if err != nil {
		c.t.Fatalf("deliver the message: %v", err)
	}
	c.kept = nil
	reply := new(miekg.Msg)
	if err := reply.Unpack(wire); err != nil {
		c.t.Fatal(err)
	}
	switch reply.Rcode {
	case miekg.RcodeSuccess:
		return true
	case miekg.RcodeNXRrset, miekg.RcodeYXRrset:
		return false
	}
	// BADTIME or the like would stop the message for a reason that is not the test's.
	c.t.Fatalf("the delivered message is answered %s, not judged by its prerequisites", miekg.RcodeToString[reply.Rcode])
	return false
}

func (c *courier) send(m []byte) ([]byte, error) {
	conn, err := net.DialTimeout("tcp", c.to.String(), 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err := writeMessage(conn, m); err != nil {
		return nil, err
	}
	return readMessage(conn)
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}

func writeMessage(w io.Writer, m []byte) error {
	_, err := w.Write(slices.Concat(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m))
	return err
}
