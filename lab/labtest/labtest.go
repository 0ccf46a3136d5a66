//go:build linux

// Package labtest runs a test binary on the lab: it brings the lab up, moves the
// binary to the host from which everything can be reached and nothing else, and
// stops and starts the lab's processes for the tests. It must not know what is
// tested.
//
// Suites run beside each other. So a test touches only what is its own: a branch of
// the bank (Branch), or namespaces that it makes. One that takes a part of the lab
// away says so first (Alone), and has the lab for itself.
//
// Suites that use it need root, so their files carry the build tag `lab`.
package labtest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// inside is set in the environment of the binary once it runs on the host Ops. Its
// value is the descriptor of the lock that keeps the lab up.
const inside = "REHOME_LAB_INSIDE"

// Main is to be called by TestMain. It brings the lab up unless it is, and runs
// the tests with the network, and the resolv.conf, of the host Ops. Tests that call
// t.Parallel run beside each other, however few processors there are: on the lab they
// mostly wait.
func Main(m *testing.M) {
	lab, err := part.New(part.NewProgress(os.Stderr, false))
	if err == nil {
		err = arrive(lab)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "labtest: error: %v\n", err)
		if errors.Is(err, part.ErrUnsupported) {
			fmt.Fprintln(os.Stderr, "labtest: hint: `make test-unit` runs all tests that need no lab")
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Outside says that Main has not moved this process yet: it still has the host's
// network, and may fetch what the tests need.
func Outside() bool { return os.Getenv(inside) == "" }

// arrive returns when this process is on the host Ops; getting there replaces the
// process by the same binary with the same arguments. The lock is taken before the
// lab comes up, since another suite may take the lab down, and with it whoever
// waits on the host Ops.
func arrive(lab *part.Lab) error {
	if lock := os.Getenv(inside); lock != "" {
		return errors.Join(keep(lock), share(lab), beside())
	}
	if err := part.Supported(); err != nil {
		return err
	}
	lock, err := lab.LockTests(context.Background(), false)
	if err != nil {
		return err
	}
	if err := up(lab); err != nil {
		return fmt.Errorf("bring the lab up: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := lab.Argv(network.Ops.Netns, true, append([]string{self}, os.Args[1:]...)...)
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	fd := lock.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("take the lock along: %w", err)
	}
	environ := append(os.Environ(), fmt.Sprintf("%s=%d", inside, fd))
	return fmt.Errorf("enter %s: %w", network.Ops.Netns, syscall.Exec(program, argv, environ))
}

// keep holds the lock until this process ends, and no longer: a process of the lab
// that a test starts must not inherit it.
func keep(lock string) error {
	fd, err := strconv.Atoi(lock)
	if err != nil {
		return fmt.Errorf("%s=%q is not a descriptor: %w", inside, lock, err)
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
	return err
}

// parts is the lock of a suite whose tests need the lab's parts as they are.
var parts *os.File

func share(lab *part.Lab) (err error) {
	parts, err = lab.LockParts(context.Background(), false)
	return err
}

// beside lets tests run beside each other, unless the command line says how many.
func beside() error {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if chosen {
		return nil
	}
	return flag.Set("test.parallel", "16")
}

// isUp is set by who has just brought the lab up from this repository as it is.
const isUp = "REHOME_LAB_UP"

// up builds the lab's program from this repository and has it set up the lab.
func up(lab *part.Lab) error {
	if os.Getenv(isUp) != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "lab")
	if err := lab.GoBuild(context.Background(), "rehome.dev/rehome/lab/cmd/lab", program); err != nil {
		return err
	}
	cmd := exec.Command(program, "up")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s up: %w", program, err)
	}
	return nil
}

// Env returns the addresses and paths of the lab.
func Env(t testing.TB) part.Env {
	t.Helper()
	data, err := os.ReadFile(lab(t).RunPath("env.json"))
	if err != nil {
		t.Fatalf("read the lab's environment: %v (is the lab up?)", err)
	}
	var env part.Env
	if err := json.Unmarshal(data, &env); err != nil {
		t.Fatalf("read the lab's environment: %v", err)
	}
	return env
}

// Branch gives the test a branch of the bank for itself until it ends, and the lab's
// parts as they are. While all branches are taken it waits.
func Branch(t testing.TB) branch.Branch {
	t.Helper()
	return take(t, branch.Others)
}

// Head is Branch for the head office.
func Head(t testing.TB) branch.Branch {
	t.Helper()
	return take(t, []branch.Branch{branch.Head})
}

func take(t testing.TB, from []branch.Branch) branch.Branch {
	t.Helper()
	l := lab(t)
	if !isAlone(t) {
		hold(t, func() (*os.File, error) { return l.LockParts(t.Context(), false) })
	}
	var taken branch.Branch
	hold(t, func() (lock *os.File, err error) {
		err = part.Poll(t.Context(), 100*time.Millisecond, func(context.Context) error {
			for _, taken = range from {
				if lock, err = l.LockBranch(taken.Namespace); lock != nil || err != nil {
					return err
				}
			}
			return errors.New("every branch is taken")
		})
		return lock, err
	})
	has.Store(top(t), "-"+taken.Namespace)
	t.Cleanup(func() { has.Delete(top(t)) })
	return taken
}

// has is how the processes end that are a test's own, with its branch, by its name.
var has sync.Map

func owns(t testing.TB, process string) bool {
	suffix, branch := has.Load(top(t))
	return branch && strings.HasSuffix(process, suffix.(string))
}

// hold keeps a lock until the test has ended.
func hold(t testing.TB, lock func() (*os.File, error)) {
	t.Helper()
	f, err := lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

// alone are the tests that have the lab for themselves, or wait for it, by name.
var alone struct {
	sync.Mutex
	tests map[string]bool
}

func isAlone(t testing.TB) bool {
	alone.Lock()
	defer alone.Unlock()
	return alone.tests[top(t)]
}

// top is the test that a test is part of.
func top(t testing.TB) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return name
}

// wantAlone gives the suite's own share up, in the same way as others do.
func wantAlone(t testing.TB) {
	alone.Lock()
	defer alone.Unlock()
	if alone.tests == nil {
		alone.tests = map[string]bool{}
	}
	if alone.tests[top(t)] = true; parts != nil {
		parts.Close()
		parts = nil
	}
}

// wasAlone takes the share again when no test of the suite wants to be alone.
func wasAlone(t testing.TB, lab *part.Lab) {
	alone.Lock()
	defer alone.Unlock()
	delete(alone.tests, top(t))
	if len(alone.tests) > 0 {
		return
	}
	if err := share(lab); err != nil {
		t.Error(err)
	}
}

// Alone returns when no other suite needs the lab's parts, nor another test that has
// taken a branch. Until the test ends nobody else begins. It is to be called first, and
// not while a test without a branch runs beside it in the same suite.
func Alone(t testing.TB) {
	t.Helper()
	l := lab(t)
	wantAlone(t)
	t.Cleanup(func() { wasAlone(t, l) })
	hold(t, func() (*os.File, error) { return l.LockParts(t.Context(), true) })
}

// Stop ends a process of the lab cleanly, and starts it again when the test ends.
func Stop(t testing.TB, process string) {
	t.Helper()
	interrupt(t, process, func(ctx context.Context, l *part.Lab) error { return l.Stop(ctx, process) })
}

// Kill is Stop without a chance to say good-bye.
func Kill(t testing.TB, process string) {
	t.Helper()
	interrupt(t, process, func(ctx context.Context, l *part.Lab) error {
		return l.Signal(ctx, process, syscall.SIGKILL)
	})
}

// Freeze leaves the process with its connections open and without an answer until
// the test ends.
func Freeze(t testing.TB, process string) {
	t.Helper()
	interrupt(t, process, func(ctx context.Context, l *part.Lab) error {
		return l.Signal(ctx, process, syscall.SIGSTOP)
	})
}

// Start starts a process again and waits until it serves; the cleanup of Stop, Kill
// and Freeze does the same.
func Start(t testing.TB, process string) {
	t.Helper()
	l := lab(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := l.StartByName(ctx, process); err != nil {
		t.Errorf("start %s again: %v", process, err)
	}
}

func interrupt(t testing.TB, process string, how func(context.Context, *part.Lab) error) {
	t.Helper()
	if !isAlone(t) && !owns(t, process) {
		t.Fatalf("%s is taken away from others too: begin the test with labtest.Alone", process)
	}
	l := lab(t)
	t.Cleanup(func() { Start(t, process) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := how(ctx, l); err != nil {
		t.Fatalf("interrupt %s: %v", process, err)
	}
}

func lab(t testing.TB) *part.Lab {
	t.Helper()
	l, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
