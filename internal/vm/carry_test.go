package vm

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

const canary = "canary-hunter2-canary"

// settingsFor log in at a server with its key, without anything of the user's.
func settingsFor(t testing.TB, s *sshdtest.Server) Settings {
	t.Helper()
	home := t.TempDir()
	return Settings{
		User: s.User, Identity: s.Key, KnownHosts: []string{s.KnownHosts}, Agent: agentFile(t),
		Getenv: func(name string) string { return map[string]string{"HOME": home}[name] },
		limits: limits{leave: 30 * time.Second},
	}
}

func reachOf(t testing.TB, text string) Reach {
	t.Helper()
	r, err := ParseReach(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// visit is one order for a unit, and what was heard of it.
type visit struct {
	Result
	directory string // of the agent on the machine
}

// start begins a visit. begun is closed when the agent has begun to look.
func start(ctx context.Context, s Settings, r Reach, unit string) (begun <-chan struct{}, ended <-chan visit) {
	b, e := make(chan struct{}), make(chan visit, 1)
	var once sync.Once
	go func() {
		v := visit{}
		o := Order{Reach: r, Request: inventory.Request{Target: inventory.Target{Host: "bank-vm-1", Unit: unit}, Every: time.Second, For: 60 * time.Second}}
		v.Result = New(s).Take(ctx, []Order{o}, func(_ int, ev inventory.Event) {
			if ev.Say != "" {
				v.directory = filepath.Dir(ev.Say)
			}
			if ev.Samples > 0 {
				once.Do(func() { close(b) })
			}
		})[0]
		e <- v
	}()
	return b, e
}

func take(t testing.TB, s Settings, r Reach, unit string) visit {
	t.Helper()
	_, ended := start(t.Context(), s, r, unit)
	return await(t, ended)
}

func await(t testing.TB, ended <-chan visit) visit {
	t.Helper()
	select {
	case v := <-ended:
		return v
	case <-time.After(time.Minute):
		t.Fatal("the visit does not end")
		panic("unreachable")
	}
}

// gone fails unless the directory was there and soon is not any more.
func gone(t testing.TB, dir string) {
	t.Helper()
	if !strings.Contains(filepath.Base(dir), ".rehome-") {
		t.Fatalf("the agent ran in %q, not in a directory of its own", dir)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s was left", dir)
			return
		}
	}
}

func TestFactsComeBackAndNothingStays(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	s, r := settingsFor(t, server), reachOf(t, server.URL())
	for _, unit := range []string{"good", "noise", "large"} {
		v := take(t, s, r, unit)
		if v.Err != nil {
			t.Errorf("%s: %v", unit, v.Err)
			continue
		}
		if v.Facts.Target != (inventory.Target{Host: "bank-vm-1", Unit: unit}) || v.Facts.Coverage.Planned != 60 || v.Facts.Trees[0].Missing {
			t.Errorf("%s: %+v", unit, v.Facts)
		}
		if unit == "large" && len(v.Facts.Files) != 20000 {
			t.Errorf("%d files", len(v.Facts.Files))
		}
		gone(t, v.directory)
	}
}

func TestAnAgentThatFailsLeavesNothingEither(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	s, r := settingsFor(t, server), reachOf(t, server.URL())
	for unit, want := range map[string]string{
		"none":  "there is no unit none",
		"crash": "exit code 7: panic: ",
		"flood": "more than a megabyte",
	} {
		v := take(t, s, r, unit)
		if v.Err == nil || !strings.Contains(v.Err.Error(), want) || strings.Contains(Why(v.Err), canary) {
			t.Errorf("%s: %v", unit, v.Err)
		}
		if e, ok := errors.AsType[*Error](v.Err); !ok || !strings.Contains(e.Machine, server.User+"@127.0.0.1:") {
			t.Errorf("%s: does not say where: %v", unit, v.Err)
		}
		gone(t, v.directory)
	}
	if v := take(t, s, r, "none"); Why(v.Err) != v.Err.Error()+" (systemctl list-units)" {
		t.Errorf("without the agent's hint: %s", Why(v.Err))
	}
}

func TestACancelledProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	begun, ended := start(ctx, settingsFor(t, server), reachOf(t, server.URL()), "hang")
	<-begun
	stopped := errors.New("stopped by a person")
	cancel(stopped)
	v := await(t, ended)
	if !errors.Is(v.Err, stopped) {
		t.Errorf("%v", v.Err)
	}
	if _, err := os.Lstat(v.directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was still there at the return: %v", v.directory, err)
	}
	gone(t, v.directory)
}

// gate is an input that takes a piece when it is told to.
type gate struct {
	writing, take, closed chan struct{}
}

func (g gate) Write(b []byte) (int, error) {
	g.writing <- struct{}{}
	<-g.take
	return len(b), nil
}

func (g gate) Close() error {
	close(g.closed)
	return nil
}

// Who stops while the agent is on its way must not wait for the agent to begin.
func TestAnInputIsClosedBehindThePieceThatIsOnItsWay(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	in := &input{w: g}
	wrote := make(chan error, 1)
	go func() {
		_, err := in.Write(make([]byte, 1<<20))
		wrote <- err
	}()
	<-g.writing
	in.tryClose()
	g.take <- struct{}{}
	if err := <-wrote; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	<-g.closed
	in.tryClose()
	in.close()
}

// An agent that does not notice the end of its input is ended by its command.
func TestADeafAgentIsEnded(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := settingsFor(t, server)
	s.limits.leave = time.Minute
	begun, ended := start(ctx, s, reachOf(t, server.URL()), "deaf")
	<-begun
	cancel()
	v := await(t, ended)
	if !errors.Is(v.Err, context.Canceled) {
		t.Errorf("%v", v.Err)
	}
	gone(t, v.directory)
}

// between is a wire that can be cut.
func between(t *testing.T, to string) (url string, cut func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		l.Close()
		for _, c := range open {
			c.Close()
		}
	}
	t.Cleanup(cut)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			mu.Lock()
			open = append(open, in, out)
			mu.Unlock()
			go io.Copy(in, out)
			go io.Copy(out, in)
		}
	}()
	return l.Addr().String(), cut
}

func TestALostConnectionLeavesNothing(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	address, cut := between(t, server.Address.String())
	s := settingsFor(t, server)
	s.KnownHosts = []string{knownAs(t, server, address)}
	begun, ended := start(t.Context(), s, reachOf(t, "ssh://"+address), "hang")
	<-begun
	cut()
	v := await(t, ended)
	if !errors.Is(v.Err, ErrLost) {
		t.Errorf("%v", v.Err)
	}
	gone(t, v.directory)
}

// knownAs is a file that knows the server by another address.
func knownAs(t *testing.T, s *sshdtest.Server, address string) string {
	t.Helper()
	b, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address)
	_, key, _ := strings.Cut(string(b), " ")
	path := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(path, []byte("["+host+"]:"+port+" "+key), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A network that swallows everything is noticed by the keepalive.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	silent := make(chan struct{})
	go func() {
		in, err := front.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", server.Address.String())
		if err != nil {
			return
		}
		go func() { io.Copy(out, in); out.Close() }() // the machine learns it at last
		buf := make([]byte, 32<<10)
		for {
			n, err := out.Read(buf)
			select {
			case <-silent:
				<-t.Context().Done()
				return
			default:
			}
			if err != nil {
				return
			}
			in.Write(buf[:n])
		}
	}()
	s := settingsFor(t, server)
	s.KnownHosts = []string{knownAs(t, server, front.Addr().String())}
	s.limits.keepalive = 200 * time.Millisecond
	begun, ended := start(t.Context(), s, reachOf(t, "ssh://"+front.Addr().String()), "hang")
	<-begun
	close(silent)
	v := await(t, ended)
	if !errors.Is(v.Err, ErrLost) {
		t.Errorf("%v", v.Err)
	}
	gone(t, v.directory)
}

func TestWhereNothingMayRunTheNextDirectoryIsTaken(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t, sshdtest.WithNoexec("/tmp"))
	v := take(t, settingsFor(t, server), reachOf(t, server.URL()), "good")
	if v.Err != nil || filepath.Dir(v.directory) != "/var/tmp" {
		t.Errorf("%q, %v", v.directory, v.Err)
	}
	gone(t, v.directory)
}

func TestNowhereToRun(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	server := sshdtest.Start(t, sshdtest.WithNoexec("/tmp", "/var/tmp", home), sshdtest.WithConfig("SetEnv HOME="+home))
	v := take(t, settingsFor(t, server), reachOf(t, server.URL()), "good")
	if v.Err == nil || !strings.Contains(Why(v.Err), "noexec") {
		t.Errorf("%v", v.Err)
	}
	if left, _ := filepath.Glob(home + "/.rehome-*"); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
}
