package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soon is how long anything may take that takes no time.
const soon = 10 * time.Second

// running is a forwarder that leads until the test's end.
type running struct {
	*Forwarder
	stop  func()
	ended chan struct{}
	said  *sayings
}

type sayings struct {
	mu   sync.Mutex
	text []string
}

func (s *sayings) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, fmt.Sprintf(format, args...))
}

func (s *sayings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.text, "\n")
}

// start leads by routes that are written without where they listen.
func start(t *testing.T, change func(*Settings), routes ...string) *running {
	t.Helper()
	s := settings(t, routes...)
	if change != nil {
		change(&s)
	}
	said := &sayings{}
	s.Say = said.say
	f, err := open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan struct{})
	r := &running{f, sync.OnceFunc(func() { close(stop) }), make(chan struct{}), said}
	go func() {
		defer close(r.ended)
		if err := f.run(ctx, stop); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
		if t.Failed() {
			t.Log(said)
		}
	})
	return r
}

func settings(t *testing.T, routes ...string) Settings {
	t.Helper()
	s := Defaults()
	s.Status, s.Linger, s.CheckEvery, s.ResolveEvery = "127.0.0.1:0", 0, 20*time.Millisecond, 20*time.Millisecond
	for _, text := range routes {
		r, err := ParseRoute("127.0.0.1:0=" + text)
		if err != nil {
			t.Fatal(err)
		}
		s.Routes = append(s.Routes, r)
	}
	return s
}

// look asks the status.
func (r *running) look(t *testing.T, path string) (int, string) {
	t.Helper()
	answer, err := http.Get("http://" + r.status.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// until polls.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (r *running) ready(t *testing.T) *running {
	t.Helper()
	until(t, "ready", func() bool { return r.Report().Ready })
	return r
}

// serveTCP gives every connection to handle and closes it then.
func serveTCP(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", handle).Addr().String()
}

func serveOn(t *testing.T, address string, handle func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return l
}

// named answers with its name, and with what it was sent when that has ended.
func named(name string) func(net.Conn) {
	return func(c net.Conn) {
		fmt.Fprintf(c, "%s:", name)
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) // without splice(2), whose pipes would be taken for the forwarder's
	}
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, soon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// say sends text, says that nothing more comes, and gives the answer.
func say(t *testing.T, address, text string) (string, error) {
	t.Helper()
	return converse(address, text, (*net.TCPConn).CloseWrite)
}

// converse gives the answer to text. A connection may be reset at once, so that even
// making it fails.
func converse(address, text string, then func(*net.TCPConn) error) (string, error) {
	c, err := net.DialTimeout("tcp", address, soon)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(soon))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	if err := then(c.(*net.TCPConn)); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

// nobody is an address at which nobody listens, for as long as the test lasts: a
// socket is bound to it.
func nobody(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// The end of one direction is led on, and the other one goes on.
func TestLeadsBytesAndTheirEnd(t *testing.T) {
	r := start(t, nil, "tcp://"+serveTCP(t, func(c net.Conn) {
		sent, _ := io.ReadAll(c)
		fmt.Fprintf(c, "after the end of %d bytes", len(sent))
	}))
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	answer, err := say(t, r.ports[0].address, string(large))
	if err != nil || answer != "after the end of 4194304 bytes" {
		t.Fatalf("%q, %v", answer, err)
	}
	until(t, "it is counted", func() bool {
		now := r.Report().Routes[0]
		return now.Open == 0 && now.Targets[0].Open == 0 && now.Targets[0].BytesToTarget == 4194304 && now.Targets[0].BytesToClient == int64(len(answer)) &&
			now.Accepted == 1 && now.Targets[0].Total == 1
	})
}

// Bytes arrive as they were sent, both ways at once, portions of any size.
func TestBytesStayAsTheyWere(t *testing.T) {
	r := start(t, nil, "tcp://"+serveTCP(t, named("echo")))
	c := dial(t, r.ports[0].address)
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	go func() {
		for rest, size := want, 1; len(rest) > 0; size = size*3 + 1 {
			n := min(size, len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, append([]byte("echo:"), want...)) {
		t.Fatalf("%d bytes came back of %d, or others: %v", len(got), len(want), err)
	}
}

// A connection that the target resets does not look finished to the client, and what
// was sent before arrives.
func TestResetStaysAReset(t *testing.T) {
	const length = 1 << 20
	r := start(t, nil, "tcp://"+serveTCP(t, func(c net.Conn) {
		if n, _ := io.CopyN(io.Discard, c, 5); n < 5 {
			return // it was a look
		}
		c.Write(make([]byte, length))
		await(c) // the kernel of the target has everything acknowledged
		c.(*net.TCPConn).SetLinger(0)
	}))
	c := dial(t, r.ports[0].address)
	io.WriteString(c, "hello")
	n, err := io.Copy(io.Discard, c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client was told %v", err)
	}
	if n != length {
		t.Errorf("%d bytes arrived of %d", n, length)
	}
	until(t, "it is gone", func() bool { return r.Report().Routes[0].Open == 0 })
}

// And the target learns that the client gave up.
func TestClientsResetIsLedOn(t *testing.T) {
	told := make(chan error, 1)
	r := start(t, nil, "tcp://"+serveTCP(t, func(c net.Conn) {
		if n, _ := io.CopyN(io.Discard, c, 5); n < 5 {
			return
		}
		io.WriteString(c, "!")
		_, err := io.Copy(io.Discard, c)
		told <- err
	}))
	c := dial(t, r.ports[0].address)
	io.WriteString(c, "hello")
	io.CopyN(io.Discard, c, 1)
	cut(c)
	select {
	case err := <-told:
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the target was told %v", err)
		}
	case <-time.After(soon):
		t.Error("the target was told nothing")
	}
}

// Where no target takes connections, the client is told at once, by a reset.
func TestNobodyThere(t *testing.T) {
	r := start(t, nil, "tcp://"+nobody(t))
	c, err := net.Dial("tcp", r.ports[0].address)
	if err == nil { // the reset was not faster
		c.SetDeadline(time.Now().Add(soon))
		_, err = c.Read(make([]byte, 1))
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client was told %v", err)
	}
	until(t, "it is counted", func() bool {
		now := r.Report().Routes[0]
		return now.Refused["no_target"] == 1 && now.Targets[0].Failed == 1 && now.Targets[0].Total == 0
	})
	if code, text := r.look(t, "/readyz"); code != 503 || !strings.Contains(text, "connection refused") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := r.look(t, "/healthz"); code != 200 {
		t.Errorf("healthy: %d", code)
	}
}

// Whoever was told to end is not ready, still accepts while that is heard, lets what
// is open end, and then ends itself.
func TestDrain(t *testing.T) {
	r := start(t, func(s *Settings) { s.Linger, s.Drain = 300*time.Millisecond, soon }, "tcp://"+serveTCP(t, named("a"))).ready(t)
	before := dial(t, r.ports[0].address)
	io.CopyN(io.Discard, before, 2)
	r.stop()
	until(t, "not ready", func() bool { code, _ := r.look(t, "/readyz"); return code == 503 })
	late := dial(t, r.ports[0].address)
	if _, err := io.CopyN(io.Discard, late, 2); err != nil {
		t.Fatalf("a connection while it lingers: %v", err)
	}
	until(t, "nothing is accepted", func() bool {
		c, err := net.Dial("tcp", r.ports[0].address)
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if code, _ := r.look(t, "/healthz"); code != 200 {
		t.Errorf("it is alive while it drains: %d", code)
	}
	for _, c := range []*net.TCPConn{before, late} {
		io.WriteString(c, "bye")
		c.CloseWrite()
		if rest, err := io.ReadAll(c); err != nil || string(rest) != "bye" {
			t.Errorf("%q, %v", rest, err)
		}
	}
	select {
	case <-r.ended:
	case <-time.After(soon):
		t.Error("it does not end")
	}
}

// What does not end by itself is cut, not closed as if it were finished.
func TestDrainIsBounded(t *testing.T) {
	r := start(t, func(s *Settings) { s.Drain = 50 * time.Millisecond }, "tcp://"+serveTCP(t, named("a"))).ready(t)
	c := dial(t, r.ports[0].address)
	io.CopyN(io.Discard, c, 2)
	r.stop()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client was told %v", err)
	}
	<-r.ended
	if !strings.Contains(r.said.String(), "1 connections were cut") {
		t.Error(r.said)
	}
}

// A silent connection ends; one that speaks stays.
func TestIdle(t *testing.T) {
	r := start(t, func(s *Settings) { s.Idle = 400 * time.Millisecond }, "tcp://"+serveTCP(t, named("a")))
	silent, speaking := dial(t, r.ports[0].address), dial(t, r.ports[0].address)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, silent)
		ended <- err
	}()
	io.CopyN(io.Discard, speaking, 2)
	for deaf := false; !deaf; {
		select {
		case err := <-ended:
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the silent one was told %v", err)
			}
			deaf = true
		case <-time.After(20 * time.Millisecond):
		}
		io.WriteString(speaking, "x")
		if _, err := io.CopyN(io.Discard, speaking, 1); err != nil {
			t.Fatalf("the one that speaks: %v", err)
		}
	}
}

// Further clients wait until there is a place, whichever port they come to.
func TestLimit(t *testing.T) {
	at := serveTCP(t, named("a"))
	r := start(t, func(s *Settings) { s.MaxConnections = 1 }, "tcp://"+at, "tcp://"+at)
	first := dial(t, r.ports[0].address)
	io.CopyN(io.Discard, first, 2)
	second := dial(t, r.ports[1].address)
	until(t, "the second waits", func() bool { return r.Report().Routes[1].Refused["limit"] == 1 })
	if n := r.Report().Routes[1].Accepted; n != 0 {
		t.Errorf("%d were let in", n)
	}
	first.CloseWrite()
	io.Copy(io.Discard, first)
	if _, err := io.CopyN(io.Discard, second, 2); err != nil {
		t.Errorf("the second: %v", err)
	}
}

func TestWhatCannotBe(t *testing.T) {
	taken := serveTCP(t, func(net.Conn) {})
	for name, c := range map[string]struct {
		change func(*Settings)
		is     error
		says   string
	}{
		"no route":        {func(s *Settings) { s.Routes = nil }, ErrSettings, "no route"},
		"nowhere":         {func(s *Settings) { s.LeadsTo = "away" }, ErrSettings, `"away"`},
		"a name":          {func(s *Settings) { s.Name = `a"b` }, ErrSettings, "no name"},
		"no connection":   {func(s *Settings) { s.MaxConnections = 0 }, ErrSettings, "at least one"},
		"no time":         {func(s *Settings) { s.Idle = 0 }, ErrSettings, "idle"},
		"less than none":  {func(s *Settings) { s.Drain = -1 }, ErrSettings, "drain"},
		"a taken port":    {func(s *Settings) { s.Routes[0].Listen = taken }, syscall.EADDRINUSE, taken},
		"a taken status":  {func(s *Settings) { s.Status = taken }, syscall.EADDRINUSE, "status"},
		"no file of CAs":  {func(s *Settings) { s.Routes[0].Scheme, s.Routes[0].CA = TLS, "/nowhere" }, os.ErrNotExist, "/nowhere"},
		"no CA in a file": {func(s *Settings) { s.Routes[0].Scheme, s.Routes[0].CA = TLS, empty(t) }, nil, "no certificate in PEM"},
	} {
		s := settings(t, "tcp://127.0.0.1:9")
		c.change(&s)
		_, err := open(t.Context(), s)
		if err == nil || (c.is != nil && !errors.Is(err, c.is)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func empty(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(at, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}
