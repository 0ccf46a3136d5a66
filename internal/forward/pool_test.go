package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/lab/freeport"
)

// zone answers for names as a test says.
type zone struct {
	mu    sync.Mutex
	names map[string][]string // no answer is an error
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	var out []netip.Addr
	for _, a := range z.names[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no answer", Name: host}
	}
	return out, nil
}

func (z *zone) set(name string, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = addresses
}

// at gives a loopback address of Linux with a port.
func at(address string, port string) string { return net.JoinHostPort(address, port) }

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Connections are shared out in turn; where one target takes none, the next one does,
// and it has its share again when it is back.
func TestFailover(t *testing.T) {
	one := serveTCP(t, named("one"))
	two := serveOn(t, "127.0.0.1:0", named("two"))
	r := start(t, nil, "tcp://"+one+","+two.Addr().String()).ready(t)
	share := func(n int) map[string]int {
		got := map[string]int{}
		for range n {
			answer, err := say(t, r.ports[0].address, "")
			if err != nil {
				t.Fatalf("a client noticed: %v", err)
			}
			got[answer]++
		}
		return got
	}
	both := func() bool {
		now := r.Report().Routes[0].Targets
		return now[0].Up && now[1].Up
	}
	until(t, "both are up", both)
	if got := share(10); got["one:"] != 5 || got["two:"] != 5 {
		t.Errorf("of ten: %v", got)
	}
	two.Close()
	if got := share(10); got["one:"] != 10 {
		t.Errorf("without two: %v", got)
	}
	until(t, "two is down", func() bool { return !r.Report().Routes[0].Targets[1].Up })
	if why := r.Report().Routes[0].Targets[1].Why; !strings.Contains(why, "refused") {
		t.Error(why)
	}
	if !r.Report().Ready {
		t.Error("one is enough to be ready")
	}
	serveOn(t, two.Addr().String(), named("two"))
	until(t, "both are up again", both)
	if got := share(10); got["one:"] != 5 || got["two:"] != 5 {
		t.Errorf("of ten, when it is back: %v", got)
	}
	for _, line := range []string{"takes no connections: connect: connection refused", "takes connections"} {
		if !strings.Contains(r.said.String(), line) {
			t.Errorf("nobody was told: %s", line)
		}
	}
}

// One failure of many does not take a target away; without checks a client's attempt
// finds out that it is back.
func TestWithoutChecks(t *testing.T) {
	target := serveOn(t, "127.0.0.1:0", named("a"))
	r := start(t, func(s *Settings) { s.CheckEvery = 0 }, "tcp://"+target.Addr().String())
	if r.Report().Ready {
		t.Error("nobody has tried yet")
	}
	if answer, err := say(t, r.ports[0].address, ""); err != nil || answer != "a:" {
		t.Fatalf("%q, %v", answer, err)
	}
	up := func() bool { return r.Report().Routes[0].Targets[0].Up }
	if !up() {
		t.Error("it took a connection")
	}
	target.Close()
	if _, err := say(t, r.ports[0].address, ""); err == nil || !up() {
		t.Errorf("after one failure: %v, up %t", err, up())
	}
	if _, err := say(t, r.ports[0].address, ""); err == nil || up() {
		t.Errorf("after two failures: %v, up %t", err, up())
	}
	serveOn(t, target.Addr().String(), named("a"))
	if answer, err := say(t, r.ports[0].address, ""); err != nil || answer != "a:" || !up() {
		t.Errorf("when it is back: %q, %v", answer, err)
	}
}

// A name is asked again and again. Its last good answer is kept, and connections to an
// address that it has no more go on.
func TestNames(t *testing.T) {
	first := serveTCP(t, named("first"))
	port := portOf(t, first)
	serveOn(t, at("127.0.0.2", port), named("second"))
	z := &zone{names: map[string][]string{}}
	r := start(t, func(s *Settings) { s.Resolver = z }, "tcp://old.example:"+port)
	if code, text := r.look(t, "/readyz"); code != 503 || !strings.Contains(text, "no address of it is known") {
		t.Errorf("%d %s", code, text)
	}
	z.set("old.example", "127.0.0.1")
	r.ready(t)
	held := dial(t, r.ports[0].address)
	if _, err := io.CopyN(io.Discard, held, int64(len("first:"))); err != nil {
		t.Fatal(err)
	}
	z.set("old.example") // no answer
	until(t, "it is told", func() bool {
		return strings.Contains(r.said.String(), "cannot be resolved; 1 addresses of its last answer are kept")
	})
	if answer, err := say(t, r.ports[0].address, ""); err != nil || answer != "first:" {
		t.Errorf("without an answer: %q, %v", answer, err)
	}
	if names := r.Report().Routes[0].Names; len(names) != 1 || !names[0].Failing || names[0].Name != "old.example" {
		t.Errorf("%+v", names)
	}
	z.set("old.example", "127.0.0.2")
	until(t, "the second", func() bool {
		answer, err := say(t, r.ports[0].address, "")
		return err == nil && answer == "second:"
	})
	now := r.Report().Routes[0]
	if len(now.Targets) != 2 || now.Targets[1].Open != 1 {
		t.Errorf("the connection that is held is not counted: %+v", now.Targets)
	}
	io.WriteString(held, "still")
	if _, err := io.CopyN(io.Discard, held, 5); err != nil {
		t.Errorf("the connection that is held: %v", err)
	}
	held.CloseWrite()
	io.Copy(io.Discard, held)
	until(t, "the first is forgotten", func() bool { return len(r.Report().Routes[0].Targets) == 1 })
}

// An address that a name has newly is tried at once, and not at the next check: until
// then nothing would be known of it, and it would not be ready.
func TestNewAddressesAreTriedAtOnce(t *testing.T) {
	z := &zone{names: map[string][]string{}}
	address := serveTCP(t, named("a"))
	r := start(t, func(s *Settings) { s.Resolver, s.CheckEvery = z, time.Hour }, "tcp://old.example:"+portOf(t, address))
	z.set("old.example", "127.0.0.1")
	r.ready(t)
}

// It never leads to itself: not when that is written down, and not when a name comes
// to mean it.
func TestSelf(t *testing.T) {
	free := portOf(t, freeport.On(t, loopback).String())
	var own string
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if p := netip.MustParsePrefix(a.String()); !p.Addr().IsLoopback() && p.Addr().Is4() {
			own = p.Addr().String()
		}
	}
	for _, c := range []struct{ listen, target string }{{"127.0.0.1:" + free, "127.0.0.1"}, {free, "127.0.0.1"}, {free, "127.9.9.9"}, {free, "[::1]"}, {free, "0.0.0.0"}, {free, own}} {
		if c.target == "" {
			continue // this machine has no other address
		}
		s := settings(t)
		route, err := ParseRoute(fmt.Sprintf("%s=tcp://%s:%s", c.listen, c.target, free))
		if err != nil {
			t.Fatal(err)
		}
		s.Routes = []Route{route}
		if _, err := open(t.Context(), s); !errors.Is(err, ErrSelf) {
			t.Errorf("%v: %v", c, err)
		}
	}
	// The same port of another machine is no circle.
	if f := (&Forwarder{}); f.own(netip.MustParseAddrPort("192.0.2.1:" + free)) {
		t.Error("another machine is not here")
	}

	target := serveTCP(t, named("a"))
	z := &zone{names: map[string][]string{"self.example": {"127.0.0.1"}}}
	s := settings(t)
	s.Resolver = z
	for _, text := range []string{"127.0.0.1:" + free + "=tcp://self.example:" + free + "," + target} {
		route, err := ParseRoute(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Routes = append(s.Routes, route)
	}
	r := start(t, func(to *Settings) { s.Say = to.Say; *to = s })
	until(t, "it is told", func() bool { return strings.Contains(r.said.String(), "which is here: it is left out") })
	r.ready(t)
	for range 4 {
		if answer, err := say(t, r.ports[0].address, ""); err != nil || answer != "a:" {
			t.Errorf("%q, %v", answer, err)
		}
	}
	if n := r.Report().Routes[0].Accepted; n != 4 {
		t.Errorf("%d connections for 4 clients", n)
	}
}

// Raw bytes bear no mark: what can be told is who comes from where it leads.
func TestFromTarget(t *testing.T) {
	r := start(t, nil, "tcp://"+serveTCP(t, named("a")))
	if _, err := say(t, r.ports[0].address, ""); err != nil {
		t.Fatal(err)
	}
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}}
	c, err := other.Dial("tcp", r.ports[0].address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.CopyN(io.Discard, c, 2)
	if now := r.Report().Routes[0]; now.Accepted != 2 || now.FromTarget != 1 {
		t.Errorf("%d of %d", now.FromTarget, now.Accepted)
	}
}
