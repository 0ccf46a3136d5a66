//go:build linux

package legacy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/lab/part"
)

const (
	// inside is set in the environment of a test binary once it runs on the host at
	// the other end of the machine's cable. Its value is the descriptor of the lock.
	inside = "REHOME_LEGACY_INSIDE"
	// keepUp leaves the machine up after the tests, for whoever looks for a fault.
	keepUp = "REHOME_LEGACY_KEEP"
)

// Main is to be called by TestMain: it brings the machine up, runs the tests at the
// other end of its cable, and takes the machine down. Suites on it take turns.
func Main(m *testing.M) {
	l, err := New(part.NewProgress(os.Stderr, false))
	if err == nil {
		err = l.arrive()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "legacy: error: %v\n", err)
		if errors.Is(err, part.ErrUnsupported) {
			fmt.Fprintln(os.Stderr, "legacy: hint: `make test-unit` runs all tests that need no machine")
		}
		os.Exit(1)
	}
	code := m.Run()
	if os.Getenv(keepUp) == "" {
		if err := l.Down(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "legacy: error: take the machine down: %v\n", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// arrive returns when this process has the network of the tests; getting there
// replaces the process by the same binary with the same arguments.
func (l *Legacy) arrive() error {
	if lock := os.Getenv(inside); lock != "" {
		fd, err := strconv.Atoi(lock)
		if err != nil {
			return fmt.Errorf("%s=%q is not a descriptor: %w", inside, lock, err)
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		return err
	}
	if err := part.Supported(); err != nil {
		return err
	}
	lock, err := l.lab.LockTests(context.Background(), true)
	if err != nil {
		return err
	}
	if err := l.Up(context.Background()); err != nil {
		return fmt.Errorf("bring the machine up: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := l.lab.Argv(opsNetns, false, append([]string{self}, os.Args[1:]...)...)
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	fd := lock.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("take the lock along: %w", err)
	}
	environ := append(os.Environ(), fmt.Sprintf("%s=%d", inside, fd))
	return fmt.Errorf("enter %s: %w", opsNetns, syscall.Exec(program, argv, environ))
}
