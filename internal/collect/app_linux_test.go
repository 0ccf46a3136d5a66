package collect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests look at real processes: this test program, run again as one of these.
var apps = map[string]func(args []string){
	// waits until its standard input ends.
	"wait": func([]string) { wait() },
	// leaves a daemon behind: a child of a child, in a session of its own.
	"daemon": func(args []string) {
		mid := again("daemon2", args...)
		mid.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		mid.Stdin, mid.Stdout = os.Stdin, os.Stdout
		check(mid.Run())
		wait()
	},
	"daemon2": func([]string) {
		leaf := again("wait")
		leaf.Stdin = os.Stdin
		check(leaf.Start())
		fmt.Println(leaf.Process.Pid)
	},
	// forks a child that ends when a line comes.
	"forks": func([]string) {
		in := bufio.NewReader(os.Stdin)
		child := again("wait")
		pipe, err := child.StdinPipe()
		check(err)
		check(child.Start())
		fmt.Println(child.Process.Pid)
		_, _ = in.ReadString('\n')
		pipe.Close()
		check(child.Wait())
		fmt.Println("ended")
		_, _ = io.Copy(io.Discard, in)
	},
	// listens; a child has the socket too.
	"listen": func([]string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		f, err := l.(*net.TCPListener).File()
		check(err)
		child := again("wait")
		child.ExtraFiles = []*os.File{f}
		child.Stdin = os.Stdin
		check(child.Start())
		_, port, _ := net.SplitHostPort(l.Addr().String())
		fmt.Println(port)
		wait()
	},
	// catches SIGTERM, ignores SIGHUP, and opens as many files as it is told.
	"files": func(args []string) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
		signal.Ignore(syscall.SIGHUP)
		n, err := strconv.Atoi(args[0])
		check(err)
		for range n {
			_, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
			check(err)
		}
		fmt.Println("open")
		wait()
	},
	// takes facts of a process, as whoever runs it.
	"take": func(args []string) { takeAndPrint(args) },
}

func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(os.Getenv("COLLECT_TEST_APP"), "app:"); ok {
		apps[name](os.Args[1:])
		syscall.Exit(0) // not as others end, where the race detector waits for a second
	}
	os.Exit(m.Run())
}

func wait() { _, _ = io.Copy(io.Discard, os.Stdin) }

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// again is this program as another app.
func again(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	if path, err := os.Executable(); err == nil {
		cmd.Path = path
	}
	cmd.Env = append(os.Environ(), "COLLECT_TEST_APP=app:"+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// app is a running one; it ends with the test.
type app struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, cmd *exec.Cmd) *app {
	t.Helper()
	a := &app{Cmd: cmd}
	var err error
	if a.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return a
}

func (a *app) line(t *testing.T) string {
	t.Helper()
	line, err := a.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the application said nothing: %v", err)
	}
	return strings.TrimSpace(line)
}

func (a *app) number(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(a.line(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// bounded is a context of the test that ends.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
