// Package host takes the facts of the machine on which the application runs:
// what it is, what else runs on it, how it is connected, what somebody changed of
// its kernel, which of its file systems the application is on, and what it does
// by time.
//
// All of it is read once, at the end. It reads /proc, /sys and /etc, and asks
// systemctl and systemd-detect-virt, which change nothing. It must not know what
// a fact means, and of a command or a file it passes on no secret.
package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// commandBound is the time that one command of the system gets.
const commandBound = 10 * time.Second

// Collector takes the facts of the machine.
type Collector struct {
	// What asks the kernel and the system instead of reading files; tests put
	// what a machine would answer here.
	run        func(ctx context.Context, name string, args ...string) ([]byte, error)
	interfaces func() ([]inventory.Interface, error)
	usage      func(ctx context.Context, point string) (size, used int64, err error)
}

// New gives the collector of the machine's facts. It stands behind those of
// processes, files and network, and before that of the configuration, which says
// which entries of /etc/hosts are used.
func New() *Collector {
	return &Collector{run: run, interfaces: interfaces, usage: usage}
}

// Subjects are mounts, schedules, kernel and interfaces.
func (c *Collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectMounts, inventory.SubjectSchedules, inventory.SubjectKernel, inventory.SubjectInterfaces}
}

// Sample does nothing: a machine does not change while it is looked at.
func (c *Collector) Sample(context.Context, *scope.Scope) {}

// Finish reads everything.
func (c *Collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	m := &machine{Collector: c, scope: s, proc: s.Proc, root: s.Root, app: applicationOf(s, f)}
	m.system(ctx, &f.Host, f)
	m.kernel(&f.Host)
	m.network(&f.Host, f)
	m.licences(&f.Host, f)
	f.Host.Others = m.others(ctx)
	f.Mounts = m.mounts(ctx, f)
	f.Schedules = m.schedules(ctx, f)
}

// machine is one reading of the machine.
type machine struct {
	*Collector
	scope      *scope.Scope
	proc, root string
	app        application
}

// live says that the machine is this one, so that programs and system calls tell
// of it too.
func (m *machine) live() bool {
	return filepath.Clean(m.root) == "/" && filepath.Clean(m.proc) == "/proc"
}

// longest bounds what is read of one file.
const longest = 1 << 20

// file reads a file of the machine by its name there.
func (m *machine) file(name string) (string, error) {
	return readBounded(filepath.Join(m.root, name))
}

// of reads a file of /proc without its last line feed; what is not there is empty.
func (m *machine) of(name string) string {
	text, _ := readBounded(filepath.Join(m.proc, name))
	return strings.TrimRight(text, "\n\x00")
}

// text is what a file says, "" where there is none or it cannot be read.
func (m *machine) text(name string) string {
	text, _ := m.file(name)
	return text
}

// readBounded reads a regular file, or one of /proc, and nothing that could make
// it wait.
func readBounded(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, longest))
	return string(data), err
}

// list are the names in a directory of the machine, in order.
func (m *machine) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(m.root, dir))
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (m *machine) exists(name string) bool {
	_, err := os.Stat(filepath.Join(m.root, name))
	return err == nil
}

// gap notes what of a subject could not be seen, unless it simply is not there.
func (m *machine) gap(subject inventory.Subject, what string, err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	m.scope.Gaps.Add(subject, inventory.Name(what), reason(err))
}

// reason is the error without the name of the file, which the gap has already.
func reason(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// run asks a program of the system, in English and in UTC.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")
	cmd.WaitDelay = time.Second
	return cmd.Output()
}

// settingLines gives the lines of a configuration file that say something.
func settingLines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' {
			out = append(out, line)
		}
	}
	return out
}
