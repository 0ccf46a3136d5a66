package network

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

func TestListeners(t *testing.T) {
	a := launch(t, "bank", nil)
	stranger := launch(t, "bakery", nil)
	theirs := port(t, stranger.do("listen", "tcp", "127.0.0.1:0"))
	all := port(t, a.do("listen", "tcp", ":0"))
	loop := port(t, a.do("listen", "tcp4", "127.0.0.1:0"))
	bound := port(t, a.do("listen", "tcp4", "127.77.0.1:0"))
	low := port(t, a.do("packets", "udp4", "127.0.0.1:923"))
	client := port(t, a.do("packets", "udp4", "127.0.0.1:0"))
	s := scopeOf(a)
	late := 0
	f := probe(t, s, func(sample int) {
		if sample == 2 {
			late = port(t, a.do("listen", "tcp4", "127.0.0.1:0"))
		}
	})
	if got := listener(t, f, "tcp6", all); got.Address != "::" || got.Loopback || got.Bound || got.Seen != 3 || !slices.Equal(got.PIDs, []int{a.pid()}) || got.Activated {
		t.Errorf("the listener on all addresses is told as %+v", got)
	}
	if got := listener(t, f, "tcp", loop); !got.Loopback || got.Bound || got.Privileged {
		t.Errorf("the listener on loopback is told as %+v", got)
	}
	listener(t, f, "tcp", bound)
	if got := listener(t, f, "udp", low); !got.Privileged {
		t.Errorf("the listener below 1024 is told as %+v", got)
	}
	if got := listener(t, f, "tcp", late); got.Seen != 1 {
		t.Errorf("the late listener is told as %+v", got)
	}
	for _, l := range f.Listeners {
		if l.Port == theirs || l.Port == client {
			t.Errorf("%+v is no listener of the application", l)
		}
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestSocketPassedFromWhoeverStartedIt(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, _ := l.(*net.TCPListener).File()
	l.Close()
	a := launch(t, "sh", func(c *exec.Cmd) { // LISTEN_PID is known only after the fork
		program := c.Path
		c.Path, c.Args = "/bin/sh", []string{"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"`, program}
		c.ExtraFiles = []*os.File{file}
	})
	b := launch(t, "bank", func(c *exec.Cmd) { // what its parent was handed is not meant for it
		c.ExtraFiles = []*os.File{file}
		c.Env = append(c.Env, "LISTEN_FDS=1", "LISTEN_PID=1")
	})
	file.Close()
	if got := listener(t, probe(t, scopeOf(a), nil), "tcp", port(t, l.Addr().String())); !got.Activated {
		t.Errorf("the activated listener is told as %+v", got)
	}
	if got := listener(t, probe(t, scopeOf(b), nil), "tcp", port(t, l.Addr().String())); got.Activated {
		t.Errorf("the inherited listener is told as %+v", got)
	}
}

func TestPeersOnThisMachine(t *testing.T) {
	database := launch(t, "postgres", nil)
	at := database.do("listen", "tcp4", "127.0.0.1:0")
	a := launch(t, "bank", nil)
	own := a.do("listen", "tcp4", "127.0.0.1:0")
	customer := launch(t, "teller", nil)
	customer.do("dial", "tcp4", own)
	s := scopeOf(a)
	f := probe(t, s, func(int) { a.do("dial", "tcp4", at) })

	dialled := peerAt(t, f, inventory.Dialled, port(t, at))
	if dialled.Process != "postgres" || !dialled.Local || dialled.Count != 2 || dialled.Most != 2 || dialled.Seen != 2 || dialled.Protocol != "tcp" || !slices.Equal(dialled.PIDs, []int{a.pid()}) {
		t.Errorf("the database is told as %+v", dialled)
	}
	accepted := peerAt(t, f, inventory.Accepted, port(t, own))
	if accepted.Process != "teller" || accepted.Count != 1 || accepted.Seen != 3 {
		t.Errorf("the customer is told as %+v", accepted)
	}
	if len(f.Stores) != 1 || f.Stores[0].Kind != "postgresql" || !f.Stores[0].Local || f.Stores[0].Own || f.Stores[0].Where != strings.Replace(at, "127.0.0.1", dialledName(dialled), 1) {
		t.Errorf("the stores are told as %+v", f.Stores)
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func dialledName(p inventory.Peer) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Address
}

func TestTheApplicationIsTheStore(t *testing.T) {
	a := launch(t, "postgres", nil)
	a.do("listen", "tcp4", "127.0.0.1:0")
	f := probe(t, scopeOf(a), nil)
	if len(f.Stores) != 1 || !f.Stores[0].Own || f.Stores[0].Kind != "postgresql" {
		t.Errorf("the stores are told as %+v", f.Stores)
	}
}

// What closes first keeps the connection in TIME_WAIT: of a connection that was
// accepted and ended by the application between two samples that is all there is.
func TestShortConnectionsAreCounted(t *testing.T) {
	database := launch(t, "redis-server", nil)
	at := database.do("listen", "tcp4", "127.0.0.1:0")
	a := launch(t, "bank", nil)
	a.do("dial", "tcp4", at)
	f := probe(t, scopeOf(a), func(int) {
		for range 5 {
			a.do("visit", "tcp4", at)
		}
	})
	got := peerAt(t, f, inventory.Dialled, port(t, at))
	if got.Count < 8 || got.Process != "redis-server" {
		t.Errorf("one long and ten short connections are told as %+v", got)
	}
	// Nothing is made up for a peer that nobody was seen to have.
	b := launch(t, "bank", nil)
	if f := probe(t, scopeOf(b), func(int) { b.do("visit", "tcp4", at) }); len(f.Peers) > 0 {
		t.Errorf("connections that may be anybody's are told as %+v", f.Peers)
	}
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	database := launch(t, "postgres", nil)
	at := database.do("listen", "unix", dir+"/.s.PGSQL.5432")
	a := launch(t, "bank", nil)
	a.do("listen", "unix", dir+"/bank.sock")
	a.do("listen", "unix", "@rehome-test-"+strconv.Itoa(os.Getpid()))
	a.do("dial", "unix", at)
	teller := launch(t, "teller", nil)
	teller.do("dial", "unix", dir+"/bank.sock")
	s := scopeOf(a)
	f := probe(t, s, nil)
	for path, want := range map[string]inventory.UnixSocket{
		at:                 {Shared: true, Peer: "postgres"},
		dir + "/bank.sock": {Shared: true, Peer: "teller", Listening: true},
		"@rehome-test-" + strconv.Itoa(os.Getpid()): {Listening: true},
	} {
		i := slices.IndexFunc(f.Sockets, func(u inventory.UnixSocket) bool { return u.Path == path })
		if i < 0 {
			t.Errorf("%s is not among %+v", path, f.Sockets)
			continue
		}
		got := f.Sockets[i]
		if got.Shared != want.Shared || got.Peer != want.Peer || got.Listening != want.Listening || !slices.Equal(got.PIDs, []int{a.pid()}) {
			t.Errorf("want %+v, told is %+v", want, got)
		}
	}
	if len(f.Stores) != 1 || f.Stores[0].Where != at || f.Stores[0].Own {
		t.Errorf("the stores are told as %+v", f.Stores)
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestProcessThatEndsDuringTheProbe(t *testing.T) {
	a, b := launch(t, "bank", nil), launch(t, "worker", nil)
	at := port(t, b.do("listen", "tcp4", "127.0.0.1:0"))
	s := scopeOf(a, b)
	f := probe(t, s, func(sample int) {
		if sample == 1 {
			b.end()
			s.PIDs = []int{a.pid()}
		}
	})
	if got := listener(t, f, "tcp", at); got.Seen != 1 {
		t.Errorf("the listener of the process that ended is told as %+v", got)
	}
	b.end()
	s = scopeOf(b) // and it was gone from the start
	probe(t, s, nil)
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

// The application lives in a network namespace of its own: its listeners and
// unix sockets are those of that one.
func TestNetworkNamespace(t *testing.T) {
	a := launch(t, "bank", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} })
	at := port(t, a.do("packets", "udp4", ":4711"))
	waits := port(t, a.do("listen", "tcp4", ":0"))
	b := launch(t, "bank", nil)
	other := port(t, b.do("packets", "udp4", ":4711"))
	a.do("listen", "unix", "@rehome-inside")
	a.do("dial", "unix", "@rehome-inside")
	s := scopeOf(a)
	f := probe(t, s, nil)
	if got := listener(t, f, "udp", at); !slices.Equal(got.PIDs, []int{a.pid()}) || other != at {
		t.Errorf("the listener is told as %+v", got)
	}
	listener(t, f, "tcp", waits)
	if len(f.Sockets) == 0 || f.Sockets[0].Path != "@rehome-inside" || f.Sockets[0].Shared {
		t.Errorf("the sockets are told as %+v", f.Sockets)
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestWithoutPermissionNothingIsSeenWhole(t *testing.T) {
	if text := os.Getenv("REHOME_TEST_PROBE"); text != "" { // as nobody
		pid, _ := strconv.Atoi(text)
		s := scopeOf()
		s.PIDs, s.Main, s.Ever[pid] = []int{pid}, pid, true
		probe(t, s, nil)
		for _, g := range s.Gaps.List() {
			t.Logf("GAP %s: %s", g.Subject, g)
		}
		return
	}
	a := launch(t, "bank", nil)
	self, _ := os.Executable()
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "rehome-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755)
	os.WriteFile(dir+"/program", data, 0o755)
	cmd := exec.Command(dir+"/program", "-test.run=^TestWithoutPermissionNothingIsSeenWhole$", "-test.v")
	cmd.Env = append(os.Environ(), "REHOME_TEST_PROBE="+strconv.Itoa(a.pid()))
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, subject := range New().Subjects() {
		if !strings.Contains(string(out), "GAP "+string(subject)+": the sockets that process "+strconv.Itoa(a.pid())+" has open: no permission to read it") {
			t.Errorf("no gap in %s:\n%s", subject, out)
		}
	}
}
