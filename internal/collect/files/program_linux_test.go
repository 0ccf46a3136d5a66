package files

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// The test binary is the application too: it does what the lines on its standard
// input tell, and answers each on descriptor 3.
func TestMain(m *testing.M) {
	if os.Getenv("REHOME_TEST_APPLICATION") != "" {
		application()
		syscall.Exit(0) // not as others end, where the race detector waits for a second
	}
	os.Exit(m.Run())
}

func application() {
	signal.Ignore(syscall.SIGPIPE)
	answer := os.NewFile(3, "answer")
	var kept []any
	in := bufio.NewScanner(os.Stdin)
	fmt.Fprintln(answer, "ready")
	for in.Scan() {
		word := strings.SplitN(in.Text(), " ", 2)
		rest := ""
		if len(word) > 1 {
			rest, _ = strconv.Unquote(word[1])
		}
		thing, err := do(word[0], rest)
		kept = append(kept, thing)
		if err != nil {
			fmt.Fprintln(answer, "error", err)
			continue
		}
		fmt.Fprintln(answer, "done")
	}
	_ = kept
}

func do(what, path string) (any, error) {
	switch what {
	case "append":
		return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	case "write":
		return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	case "read":
		return os.Open(path)
	case "touch": // written and closed at once
		return nil, os.WriteFile(path, []byte("a customer"), 0o600)
	case "chroot":
		return nil, syscall.Chroot(path)
	case "print":
		_, err := io.WriteString(os.Stdout, path)
		return nil, err
	case "many":
		return many(path)
	case "map":
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err := file.Truncate(8192); err != nil {
			return nil, err
		}
		return unix.Mmap(int(file.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	case "attach":
		id, _ := strconv.Atoi(path)
		return unix.SysvShmAttach(id, 0, 0)
	case "sendto": // without a connection, as haproxy does
		conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			return nil, err
		}
		return conn, unix.Sendto(conn, []byte("<134>a line"), 0, &unix.SockaddrUnix{Name: path})
	case "pair":
		return unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	case "syslog":
		conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			return nil, err
		}
		return conn, unix.Connect(conn, &unix.SockaddrUnix{Name: path})
	}
	return nil, fmt.Errorf("what is %q", what)
}

func many(dir string) (any, error) {
	for i := range 10_000 {
		if _, err := unix.Open(fmt.Sprintf("%s/account %05d.txt", dir, i), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// app is the application as a test sees it.
type app struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	answer *bufio.Scanner
}

// launch starts the test binary again; how may change the command before.
func launch(t testing.TB, how func(*exec.Cmd)) *app {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "REHOME_TEST_APPLICATION=1", "GODEBUG=")
	if how != nil {
		how(cmd)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{w}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	a := &app{t: t, cmd: cmd, in: in, answer: bufio.NewScanner(r)}
	t.Cleanup(func() { a.end(); r.Close() })
	a.expect("ready")
	for begun, ok := startOf("/proc", a.pid()); ok && time.Since(begun) < 3*startSlack; { // what it does now is after its start
		time.Sleep(startSlack)
	}
	return a
}

func (a *app) pid() int { return a.cmd.Process.Pid }

func (a *app) do(what, path string) {
	a.t.Helper()
	fmt.Fprintf(a.in, "%s %s\n", what, strconv.Quote(path))
	a.expect("done")
}

func (a *app) expect(word string) {
	a.t.Helper()
	if !a.answer.Scan() || a.answer.Text() != word {
		a.t.Fatalf("the application answers %q, want %q", a.answer.Text(), word)
	}
}

func (a *app) end() {
	a.in.Close()
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

// scopeOf is a scope of real processes.
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

// probe takes three samples, with a deed before each but the first. It is deaf: what
// it finds, it finds by looking.
func probe(t testing.TB, s *scope.Scope, between func(sample int)) inventory.Facts {
	t.Helper()
	c := New()
	c.events.group = -1
	return samples(t, c, s, between)
}

func samples(t testing.TB, c *Collector, s *scope.Scope, between func(sample int)) inventory.Facts {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
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

func file(t *testing.T, f inventory.Facts, path string) inventory.File {
	t.Helper()
	i := slices.IndexFunc(f.Files, func(x inventory.File) bool { return x.Path == inventory.Name(path) })
	if i < 0 {
		t.Fatalf("%s is not among the files:\n%s", inventory.Name(path), list(f))
	}
	return f.Files[i]
}

func list(f inventory.Facts) string {
	var out strings.Builder
	for _, x := range f.Files {
		fmt.Fprintf(&out, "%s %s %v w=%t %s\n", x.Path, x.Class, x.By, x.Written, x.Why)
	}
	return out.String()
}
