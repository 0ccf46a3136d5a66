//go:build lab

package e2e

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
)

// relay stands between rehome and the primary, and can hold a change of the zone
// exactly where it is most awkward: sent but not there, or made but not answered.
// It passes bytes, so signatures stay whole.
type relay struct {
	branch   branch.Branch
	listener net.Listener
	mu       sync.Mutex
	trap     *trap
	passed   []string // generations of the changes that went on to the primary
}

// trap holds the first change that it wants.
type trap struct {
	wants  func(*mdns.Msg) bool
	after  bool // the primary has it, and its answer is held
	sprung chan struct{}
	goOn   chan struct{}
}

func newRelay(t *testing.T, b branch.Branch) *relay {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(network.Ops.Address, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{branch: b, listener: l}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.release()
		open.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// hold sets a trap. after lets the change go on to the primary and holds the
// answer.
func (r *relay) hold(wants func(*mdns.Msg) bool, after bool) *trap {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trap = &trap{wants: wants, after: after, sprung: make(chan struct{}), goOn: make(chan struct{})}
	return r.trap
}

// release lets what is held go on, and takes the trap away.
func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trap != nil {
		close(r.trap.goOn)
		r.trap = nil
	}
}

func (r *relay) trapFor(m *mdns.Msg) *trap {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trap == nil || !r.trap.wants(m) {
		return nil
	}
	select {
	case <-r.trap.sprung:
		return nil
	default:
		close(r.trap.sprung)
		return r.trap
	}
}

// serve passes one message and its answer. What was held and whose sender is gone
// is dropped, like a packet of a host that has lost its power.
func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	frame, m, err := readFrame(conn)
	if err != nil {
		return
	}
	t := r.trapFor(m)
	if t != nil && !t.after {
		<-t.goOn
		if gone(conn) {
			return
		}
	}
	server, err := net.Dial("tcp", netip.AddrPortFrom(network.NS1.Address, 53).String())
	if err != nil {
		return
	}
	defer server.Close()
	_ = server.SetDeadline(time.Now().Add(time.Minute))
	r.count(m)
	if _, err := server.Write(frame); err != nil {
		return
	}
	answer, _, err := readFrame(server)
	if err != nil {
		return
	}
	if t != nil && t.after {
		<-t.goOn
	}
	_, _ = conn.Write(answer)
}

// count notes which change goes on to the primary.
func (r *relay) count(m *mdns.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rr := range m.Ns {
		if txt, ok := rr.(*mdns.TXT); ok && txt.Hdr.Class == mdns.ClassINET && txt.Hdr.Name == "_rehome."+r.branch.Service() {
			r.passed = append(r.passed, txt.Txt[0])
		}
	}
}

// changes are the generations of the service's changes that reached the primary.
func (r *relay) changes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.passed...)
}

// readFrame reads one message of a DNS connection over TCP (RFC 1035, section
// 4.2.2), with its length before it.
func readFrame(conn net.Conn) ([]byte, *mdns.Msg, error) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, nil, err
	}
	frame := make([]byte, 2+binary.BigEndian.Uint16(length[:]))
	copy(frame, length[:])
	if _, err := io.ReadFull(conn, frame[2:]); err != nil {
		return nil, nil, err
	}
	m := new(mdns.Msg)
	return frame, m, m.Unpack(frame[2:])
}

// gone says whether the other end has closed the connection.
func gone(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	var slow net.Error
	return !(errors.As(err, &slow) && slow.Timeout())
}

// leadsAway says whether a change leads the service away from the old side.
func (r *relay) leadsAway(m *mdns.Msg) bool {
	old := r.branch.Old.Address.String()
	return r.holds(m.Ns, func(a string) bool { return a != old })
}

// leadsBack says whether a change leads the service from elsewhere to the old side.
func (r *relay) leadsBack(m *mdns.Msg) bool {
	old := r.branch.Old.Address.String()
	return r.holds(m.Ns, func(a string) bool { return a == old }) && r.holds(m.Answer, func(a string) bool { return a != old })
}

func (r *relay) holds(section []mdns.RR, address func(string) bool) bool {
	for _, rr := range section {
		if a, ok := rr.(*mdns.A); ok && a.Hdr.Name == r.branch.Service() && a.Hdr.Class == mdns.ClassINET && address(a.A.String()) {
			return true
		}
	}
	return false
}

// springs waits until the trap holds a change.
func (t *trap) springs(m *move, within time.Duration) {
	m.t.Helper()
	select {
	case <-t.sprung:
	case <-m.running.ended:
		m.t.Fatalf("rehome ended before it sent the change:\n%s", m.running.said)
	case <-time.After(within):
		m.t.Fatalf("rehome did not send the change within %s", within)
	}
}
