package part

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock keeps two programs from changing the lab at once; it waits, and says so,
// until the other one is done. The lock is in the cache directory, because the
// other directories come and go with the lab.
func (l *Lab) Lock(ctx context.Context) (unlock func(), err error) {
	f, err := l.lockFile(ctx, "lab.lock", true, "another program is changing the lab; waiting for it")
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// LockTests keeps the lab from being taken down under a suite, for as long as the
// file is open: suites share it, and whoever takes the lab down has it alone.
func (l *Lab) LockTests(ctx context.Context, alone bool) (*os.File, error) {
	return l.lockFile(ctx, "tests.lock", alone, "suites are running on the lab; waiting for them")
}

// LockParts keeps the lab's parts as they are, for as long as the file is open: tests
// share it, and one that takes a part away has it alone.
func (l *Lab) LockParts(ctx context.Context, alone bool) (*os.File, error) {
	return l.lockFile(ctx, "parts.lock", alone, "a test takes parts of the lab away, or others need them; waiting")
}

// LockBranch takes a branch, by its namespace; it does not wait, and gives nil while
// somebody else has it.
func (l *Lab) LockBranch(name string) (*os.File, error) {
	f, err := l.openLock("branch-" + name + ".lock")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, fmt.Errorf("take the branch %s: %w", name, err)
	}
	return f, nil
}

func (l *Lab) openLock(name string) (*os.File, error) {
	if err := os.MkdirAll(l.Dirs.Cache, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(l.CachePath(name), os.O_CREATE|os.O_RDWR, 0o600)
}

func (l *Lab) lockFile(ctx context.Context, name string, alone bool, waiting string) (*os.File, error) {
	f, err := l.openLock(name)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	try := func(context.Context) error { return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) }
	if try(ctx) != nil {
		l.Progress.Say("lab", "%s", waiting)
		if err := Poll(ctx, 100*time.Millisecond, try); err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: %w", waiting, err)
		}
	}
	return f, nil
}

// InstallProgram copies the running program to Program.
func (l *Lab) InstallProgram() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if self == l.Program() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.Program()), 0o755); err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(l.Program()+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, cerr := io.Copy(out, in)
	if err := errors.Join(cerr, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), l.Program()) // a running copy keeps its old file
}

// Remove takes away the run and state directories, and the mounts below them
// first: while one is left nothing is deleted, for it could show a folder of the
// machine.
func (l *Lab) Remove() error {
	for _, dir := range []string{l.Dirs.Run, l.Dirs.State} {
		if err := UnmountBelow(dir); err != nil {
			return err
		}
		left, err := MountsBelow(dir)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("not removing %s: still mounted in it: %v", dir, left)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
