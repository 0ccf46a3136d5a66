package part

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Dirs are the places that the lab writes to.
type Dirs struct {
	// Cache survives Down: binaries keyed by version, root file systems.
	Cache string
	// Run holds what users read and what is small: keys, kubeconfig, logs, pid
	// files, sockets. Debian mounts /run without exec, so no program lives here.
	Run string
	// State holds what is bulky or executed: data of etcd, container layers, the
	// running root file system of the VM. Down removes it.
	State string
}

// Lab is handed to every part.
type Lab struct {
	Dirs     Dirs
	Progress *Progress
}

// ErrUnsupported is wrapped by Open where the lab cannot run at all.
var ErrUnsupported = errors.New("the lab needs root on Linux")

// New returns a Lab with the standard directories; it touches nothing.
func New(p *Progress) (*Lab, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache directory: %w", err)
	}
	return &Lab{
		Dirs: Dirs{
			Cache: filepath.Join(cache, "rehome-lab"),
			Run:   "/run/rehome-lab",
			State: "/var/lib/rehome-lab",
		},
		Progress: p,
	}, nil
}

// Supported returns an error that wraps ErrUnsupported unless the caller may make
// network namespaces here.
func Supported() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: this is %s", ErrUnsupported, runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: this is user %d", ErrUnsupported, os.Geteuid())
	}
	return nil
}

// MakeDirs creates the lab's directories.
func (l *Lab) MakeDirs() error {
	for _, dir := range []string{l.Dirs.Cache, l.Dirs.Run, l.Dirs.State, l.procDir(), l.logDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// RunPath joins elem below the run directory.
func (l *Lab) RunPath(elem ...string) string { return below(l.Dirs.Run, elem) }

// StatePath joins elem below the state directory.
func (l *Lab) StatePath(elem ...string) string { return below(l.Dirs.State, elem) }

// CachePath joins elem below the cache directory.
func (l *Lab) CachePath(elem ...string) string { return below(l.Dirs.Cache, elem) }

// LogPath is the log file of a process or of a long command.
func (l *Lab) LogPath(name string) string { return filepath.Join(l.logDir(), name+".log") }

// Program is where the lab's own program is kept while the lab is up, for parts
// that are subcommands of it: with `go run` the running file vanishes.
func (l *Lab) Program() string { return l.StatePath("bin", "lab") }

func (l *Lab) logDir() string  { return filepath.Join(l.Dirs.Run, "log") }
func (l *Lab) procDir() string { return filepath.Join(l.Dirs.Run, "proc") }

func below(dir string, elem []string) string {
	return filepath.Join(append([]string{dir}, elem...)...)
}

// WriteFile writes data atomically, making the directory where it is missing.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Chmod(mode), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// WriteJSON writes v, indented, with WriteFile.
func WriteJSON(path string, v any, mode os.FileMode) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(path, append(data, '\n'), mode)
}
