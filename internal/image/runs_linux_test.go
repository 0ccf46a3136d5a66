package image

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// The application runs in what was built of it, with nothing else on the disk: on
// an empty base it brings loader and libraries along.
func TestTheApplicationRunsInIt(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	onBase, err := New().Build(t.Context(), s.order(facts, s.base(bigLibraries(t, facts)...)), Root{disk(t, files)}.Read)
	passes(t, onBase, err)
	for base, b := range map[string]*Built{scratch: wholeOnScratch(t), "a base with the big libraries": onBase} {
		root := unpack(t, mutate.Extract(b.image))
		config, err := b.image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		c := config.Config
		cmd := exec.CommandContext(t.Context(), c.Entrypoint[0], c.Entrypoint[1:]...)
		cmd.Env, cmd.Dir = c.Env, c.WorkingDir
		cmd.SysProcAttr = changedRoot(root)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "share") {
			t.Errorf("on %s: %v\n%s\n%s", base, err, out, b.Dockerfile)
		}
		if c.User != "998:997" || c.WorkingDir != "/var/lib/bank" || c.StopSignal != "SIGINT" || c.Cmd != nil || len(c.ExposedPorts) != 1 {
			t.Errorf("on %s: %+v", base, c)
		}
	}
}

// changedRoot makes a directory the root of a process: that of the image's user, or
// in a user namespace where nobody else's rights are there.
func changedRoot(root string) *syscall.SysProcAttr {
	if os.Geteuid() == 0 {
		return &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 998, Gid: 997}}
	}
	return &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
}

// unpack lays an archive out in a directory.
func unpack(t *testing.T, archive io.ReadCloser) string {
	t.Helper()
	defer archive.Close()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			if _, err := io.Copy(io.Discard, archive); err != nil {
				t.Fatal(err)
			}
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, h.Name)
		err = os.MkdirAll(filepath.Dir(at), 0o755)
		switch h.Typeflag {
		case tar.TypeDir:
			err = errors.Join(err, os.MkdirAll(at, 0o755), os.Chmod(at, os.FileMode(h.Mode)))
		case tar.TypeSymlink:
			err = errors.Join(err, os.Symlink(h.Linkname, at))
		default:
			data, readErr := io.ReadAll(r)
			err = errors.Join(err, readErr, os.WriteFile(at, data, os.FileMode(h.Mode)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
