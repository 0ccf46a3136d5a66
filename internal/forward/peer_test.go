package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"rehome.dev/rehome/lab/freeport"
	"rehome.dev/rehome/lab/haproxy/haproxytest"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// reads is a peer that must be told by a header who comes, and answers with it.
func reads(t *testing.T) string {
	t.Helper()
	return serveTCP(t, func(c net.Conn) {
		h, err := readHeader(c)
		if err != nil {
			return
		}
		fmt.Fprintf(c, "%s to %s:", h.source, h.destination)
		_, _ = io.Copy(c, c)
	})
}

// Each connection is introduced by whom it is from, in both versions; one that is
// introduced itself, by whom that says.
func TestIntroduces(t *testing.T) {
	peer := reads(t)
	for _, version := range []string{"v1", "v2"} {
		second := start(t, nil, "tcp://"+peer+"?accept=proxy&proxy="+version).ready(t)
		first := start(t, nil, "tcp://"+second.ports[0].address+"?proxy="+version).ready(t)
		c := dial(t, first.ports[0].address)
		io.WriteString(c, "hello")
		c.CloseWrite()
		got, err := io.ReadAll(c)
		if want := fmt.Sprintf("%s to %s:hello", c.LocalAddr(), first.ports[0].address); err != nil || string(got) != want {
			t.Errorf("%s: %q, want %q, %v", version, got, want, err)
		}
	}
}

// Who must be introduced and is not is not let in.
func TestMustBeIntroduced(t *testing.T) {
	for _, scheme := range []string{"tcp", "http"} {
		r := start(t, nil, scheme+"://"+serveTCP(t, named("a"))+"?accept=proxy")
		c := dial(t, r.ports[0].address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client was told %v", scheme, err)
		}
		until(t, "it is counted", func() bool { now := r.Report().Routes[0]; return now.Refused["proxy_header"] == 1 && now.Open == 0 })
		if n := r.Report().Routes[0].Targets[0].Total; n != 0 {
			t.Errorf("%s: %d led on", scheme, n)
		}
	}
}

// The client that a header names is the one that requests are told to be from.
func TestIntroducedRequests(t *testing.T) {
	r := start(t, nil, "http://"+hostOf(serveHTTP(t, hears))+"?accept=proxy")
	_, got := ask(t, r.ports[0].address, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got.Header.Get("X-Forwarded-For") != "192.0.2.7" {
		t.Errorf("%v", got.Header)
	}
}

// A circle of forwarders that introduce each connection: it goes around once.
func TestCircleOfConnections(t *testing.T) {
	back := freeport.On(t, loopback).String()
	there := start(t, func(s *Settings) { s.Name, s.LeadsTo, s.CheckEvery = "bank", LeadsToOld, 0 }, "tcp://"+back+"?accept=proxy&proxy=v2")
	here := start(t, func(s *Settings) {
		s.Name, s.LeadsTo, s.Routes[0].Listen, s.CheckEvery = "bank", LeadsToNew, back, 0
	}, "tcp://"+there.ports[0].address+"?accept=proxy&proxy=v2")
	c := dial(t, back)
	c.Write(header{}.text(1, ""))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client was told %v", err)
	}
	until(t, "it is seen", func() bool { return here.Report().Routes[0].Refused["loop"] == 1 })
	if a, b := here.Report().Routes[0], there.Report().Routes[0]; a.Accepted != 2 || b.Accepted != 1 || b.Refused["loop"] != 0 {
		t.Errorf("%+v and %+v", a, b)
	}
}

// haproxy has a frontend that must be introduced and answers with what it was told, and
// one that introduces whoever comes to a forwarder.
func haproxy(t *testing.T, to string) (introduced, introduces string) {
	t.Helper()
	introduced, introduces = freeport.On(t, loopback).String(), freeport.On(t, loopback).String()
	haproxytest.Start(t, fmt.Sprintf(`
defaults
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend introduced
  mode http
  bind %s accept-proxy
  http-request return status 200 content-type application/json lf-string '{"peer":"%%[src]:%%[src_port]","local":"%%[dst]:%%[dst_port]"}'
listen introduces
  mode tcp
  bind %s
  server forwarder %s send-proxy-v2
`, introduced, introduces, to), introduced, introduces)
	return introduced, introduces
}

// HAProxy, from whom the protocol is, understands the headers that are written here,
// with their marks, and its own are understood here.
func TestWithHAProxy(t *testing.T) {
	second := start(t, nil, "http://"+hostOf(serveHTTP(t, hears))+"?accept=proxy")
	reader, writer := haproxy(t, second.ports[0].address)
	for _, version := range []string{"v1", "v2"} {
		r := start(t, nil, "tcp://"+reader+"?proxy="+version).ready(t) // its checks are taken for what they are
		c := dial(t, r.ports[0].address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		var got struct{ Peer, Local string }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if got.Peer != c.LocalAddr().String() || got.Local != r.ports[0].address {
			t.Errorf("%s: haproxy was told %+v, it was %s to %s", version, got, c.LocalAddr(), r.ports[0].address)
		}
	}
	c := dial(t, writer)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(c)
	if own, _, _ := net.SplitHostPort(c.LocalAddr().String()); err != nil || !strings.Contains(string(answer), `"X-Forwarded-For":["`+own+`"]`) {
		t.Errorf("%s, %v", answer, err)
	}
}
