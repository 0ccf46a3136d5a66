package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// The test binary is the application, and the database next door, too: it does
// what the lines on its standard input tell, and answers each on its output.
func TestMain(m *testing.M) {
	if os.Getenv("REHOME_TEST_APPLICATION") != "" {
		application()
		return
	}
	os.Exit(m.Run())
}

func application() {
	var kept []any
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word := strings.Fields(in.Text())
		thing, answer, err := do(word[0], word[1], word[2])
		if kept = append(kept, thing); err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(answer)
	}
	_ = kept
}

func do(what, network, address string) (any, string, error) {
	switch what {
	case "listen":
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, "", err
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() { conn.Write([]byte{1}); io.Copy(io.Discard, conn); conn.Close() }()
			}
		}()
		return l, l.Addr().String(), nil
	case "packets":
		l, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, "", err
		}
		return l, l.LocalAddr().String(), nil
	case "dial":
		conn, err := net.Dial(network, address)
		if err != nil {
			return nil, "", err
		}
		_, err = conn.Read(make([]byte, 1)) // it is accepted
		return conn, conn.LocalAddr().String() + ".", err
	case "visit": // dialled and closed at once
		conn, err := net.Dial(network, address)
		if err != nil {
			return nil, "", err
		}
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
		return nil, "visited", err
	}
	return nil, "", fmt.Errorf("what is %q", what)
}

type app struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	answer *bufio.Scanner
}

// launch starts the test binary again under a name of its own; how may change
// the command before.
func launch(t testing.TB, called string, how func(*exec.Cmd)) *app {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), called)
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "REHOME_TEST_APPLICATION=1")
	if how != nil {
		how(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &app{t: t, cmd: cmd, in: in, answer: bufio.NewScanner(out)}
	t.Cleanup(a.end)
	if a.answer.Scan(); a.answer.Text() != "ready" {
		t.Fatalf("%s answers %q", called, a.answer.Text())
	}
	return a
}

func (a *app) pid() int { return a.cmd.Process.Pid }

func (a *app) do(what, network, address string) string {
	a.t.Helper()
	fmt.Fprintln(a.in, what, network, address)
	if !a.answer.Scan() || a.answer.Text() == "" || strings.HasPrefix(a.answer.Text(), "error") {
		a.t.Fatalf("%s %s %s: %q", what, network, address, a.answer.Text())
	}
	return a.answer.Text()
}

func (a *app) end() {
	a.in.Close()
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

func scopeOf(apps ...*app) *scope.Scope {
	s := &scope.Scope{Proc: "/proc", Root: "/", Ever: map[int]bool{}, Planned: 3, Gaps: &scope.Gaps{}}
	for _, a := range apps {
		s.PIDs = append(s.PIDs, a.pid())
		s.Ever[a.pid()] = true
	}
	if len(s.PIDs) > 0 {
		s.Main = s.PIDs[0]
	}
	return s
}

func probe(t testing.TB, s *scope.Scope, between func(sample int)) inventory.Facts {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := New()
	for i := range s.Planned {
		if i > 0 && between != nil {
			between(i)
		}
		s.Sample = i
		c.Sample(ctx, s)
	}
	var f inventory.Facts
	c.Finish(ctx, s, &f)
	return f
}

func port(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	n := 0
	if _, bad := fmt.Sscan(text, &n); err != nil || bad != nil {
		t.Fatalf("%q is no address", address)
	}
	return n
}

func listener(t *testing.T, f inventory.Facts, protocol string, port int) inventory.Listener {
	t.Helper()
	i := slices.IndexFunc(f.Listeners, func(l inventory.Listener) bool { return l.Protocol == protocol && l.Port == port })
	if i < 0 {
		t.Fatalf("no listener %s %d among %+v", protocol, port, f.Listeners)
	}
	return f.Listeners[i]
}

func peerAt(t *testing.T, f inventory.Facts, direction inventory.Direction, port int) inventory.Peer {
	t.Helper()
	i := slices.IndexFunc(f.Peers, func(p inventory.Peer) bool { return p.Direction == direction && p.Port == port })
	if i < 0 {
		t.Fatalf("no peer %s %d among %+v", direction, port, f.Peers)
	}
	return f.Peers[i]
}
