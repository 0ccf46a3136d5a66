package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// oddName is one that a shell would take apart.
const oddName = `acc'ess "log" $(id) \n! é.log`

func filesFor(t *testing.T, s Settings) *Files {
	f := NewFiles(s)
	t.Cleanup(f.Close) // sshd ends with its last connection
	return f
}

func readAll(t *testing.T, f *Files, host, file string, offset, most int64) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := f.Open(ctx, host, file, offset, most)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestFilesOverSSH(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	dir := t.TempDir()
	file, odd, long := filepath.Join(dir, "access.log"), filepath.Join(dir, oddName), filepath.Join(dir, "long")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "one\ntwo\nthree")
	write(odd, "odd")
	write(long, strings.Repeat("a line of a log\n", 1<<15))
	write(filepath.Join(dir, "empty"), "")
	for _, sudo := range []bool{false, true} {
		s := settingsFor(t, server)
		s.Sudo = sudo
		f := filesFor(t, s)
		for _, tt := range []struct {
			file         string
			offset, most int64
			want         string
		}{
			{file, 0, 0, "one\ntwo\nthree"},
			{file, 4, 0, "two\nthree"},
			{file, 4, 3, "two"},
			{file, 13, 0, ""},
			{file, 99, 0, ""},
			{odd, 0, 0, "odd"},
			{odd, 1, 1, "d"},
			{filepath.Join(dir, "empty"), 0, 0, ""},
			{long, 16, 0, strings.Repeat("a line of a log\n", 1<<15-1)},
		} {
			if got, err := readAll(t, f, server.URL(), tt.file, tt.offset, tt.most); got != tt.want || err != nil {
				t.Errorf("%s from %d: %d bytes, want %d: %v", tt.file, tt.offset, len(got), len(tt.want), err)
			}
		}
		for _, gone := range []string{filepath.Join(dir, "gone"), "/no/such/directory/access.log"} {
			if _, err := readAll(t, f, server.URL(), gone, 0, 0); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", gone, err)
			}
		}
		if _, err := readAll(t, f, server.URL(), dir, 0, 0); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a directory: %v", err)
		}
		if len(f.kept) != 1 {
			t.Errorf("%d connections are kept", len(f.kept))
		}
	}
}

// TestFilesAfterALostConnection: what is kept may be gone when it is used next.
func TestFilesAfterALostConnection(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	file := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(file, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := filesFor(t, settingsFor(t, server))
	for range 2 {
		if got, err := readAll(t, f, server.URL(), file, 0, 0); got != "one\n" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		for _, m := range f.kept {
			m.client.Close()
		}
	}
}

// TestFilesAreBounded: a file that gives nothing does not outlast its context, and
// what was read of one that is cut off is not taken for the whole.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	dir := t.TempDir()
	silent, long := filepath.Join(dir, "silent"), filepath.Join(dir, "long")
	if err := syscall.Mkfifo(silent, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(long, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := filesFor(t, settingsFor(t, server))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := f.Open(ctx, server.URL(), silent, 0, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a pipe that nobody writes to: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := f.Open(ctx, server.URL(), long, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	server, stranger := sshdtest.Start(t), sshdtest.Start(t)
	file := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(file, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settingsFor(t, server)
	s.KnownHosts = []string{stranger.KnownHosts}
	if _, err := readAll(t, filesFor(t, s), server.URL(), file, 0, 0); !errors.Is(err, ErrHostKey) {
		t.Errorf("an unknown host: %v", err)
	}
	f := filesFor(t, settingsFor(t, server))
	for host, file := range map[string]string{"local": file, "ssh://": file, server.URL(): "access.log", server.URL() + "/": "/a\nb"} {
		if _, err := readAll(t, f, host, file, 0, 0); err == nil {
			t.Errorf("%s %q was read", host, file)
		}
	}
}

// TestWhatMayNotBeSeenIsNotGone: the command tells a file that is not there from
// one that this user may not see, which root always may.
func TestWhatMayNotBeSeenIsNotGone(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("it needs root, to be somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "rehome-file-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{{"", 0o755}, {"open", 0o755}, {"closed", 0o700}} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, d.name), 0o755), os.Chmod(filepath.Join(dir, d.name), d.mode)); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"open/read": 0o644, "open/secret": 0o600, "closed/read": 0o644} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600), os.Chmod(filepath.Join(dir, name), mode)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int{
		"open/read": 0, "open/gone": exitNowhere, "gone/gone": exitNowhere, "open/secret": exitHidden, "closed/read": exitHidden, "closed/gone/gone": exitHidden,
	} {
		for _, most := range []int64{0, 10} {
			c := exec.CommandContext(t.Context(), "/bin/sh", "-c", reading(0, most, false))
			c.Dir = "/"
			c.Stdin = strings.NewReader(filepath.Join(dir, name) + "\n")
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, err := c.Output()
			if got := c.ProcessState.ExitCode(); got != want || (want == 0) != (string(out) == "x") {
				t.Errorf("%s, most %d: exit code %d, want %d: %q, %v", name, most, got, want, out, err)
			}
		}
	}
	err = (&remoteFile{ctx: t.Context(), said: &tail{}}).verdict(fmt.Errorf("no status"))
	if !errors.Is(err, ErrLost) {
		t.Errorf("without an exit code: %v", err)
	}
}
