package image

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// What a user may not see makes a number a lower bound; root sees everything.
func TestRestWithoutRightsIsALowerBound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("it needs root, to be somebody else")
	}
	root, err := os.MkdirTemp("/var/tmp", "rehome-rest-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	for name, text := range map[string]string{"opt/open": "123", "opt/closed/x": "1234567", "opt/secret": "12", "var/cache/closed/x": "1", "var/lib/dpkg/info/a.list": "/.\n"} {
		put(t, root, name, text)
	}
	if err := errors.Join(os.Chmod(root, 0o755), os.Chmod(filepath.Join(root, "var/cache/closed"), 0o700), os.Chmod(filepath.Join(root, "opt/secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	nobody := func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	for _, c := range []struct {
		mode os.FileMode
		as   func(*exec.Cmd)
		want Rest
	}{
		{0o755, asMe, Rest{Bytes: 12, Files: 3}},
		{0o755, nobody, Rest{Bytes: 12, Files: 3}},
		{0o700, asMe, Rest{Bytes: 12, Files: 3}},
		{0o700, nobody, Rest{Bytes: 5, Files: 2, Least: true}},
	} {
		if err := os.Chmod(filepath.Join(root, "opt/closed"), c.mode); err != nil {
			t.Fatal(err)
		}
		if got, err := restThere(t, root, c.as); err != nil || got != c.want {
			t.Errorf("%o: %+v, %v, want %+v", c.mode, got, err, c.want)
		}
	}
}

// A file system that is not of the machine's disks is not copied with it.
func TestRestStaysOnTheMachinesDisks(t *testing.T) {
	root := disk(t, map[string]string{"opt/x": "123", "srv/memory/keep": "", "var/lib/dpkg/info/a.list": "/.\n"})
	at := filepath.Join(root, "srv/memory")
	if err := syscall.Mount("tmpfs", at, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("it needs root, to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
	put(t, at, "y", "1234567")
	want := Rest{Bytes: 3, Files: 1}
	if got, err := (Root{root}).Rest(t.Context()); err != nil || got != want {
		t.Errorf("here: %+v, %v", got, err)
	}
	if got, err := restThere(t, root, asMe); err != nil || got != want {
		t.Errorf("by the script: %+v, %v", got, err)
	}
}
