package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/lab/part"
)

const cgroupMount = "/sys/fs/cgroup"

func unified() bool {
	_, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers"))
	return err == nil
}

// cgroups are the machine's. systemd-nspawn makes its own below that in
// which it is started and leaves them behind, so it is started in these.
func (m Machine) cgroups() []string {
	if unified() {
		return []string{filepath.Join(cgroupMount, "rehome-"+m.Name)}
	}
	var found []string
	for _, hierarchy := range []string{"systemd", "unified"} {
		if _, err := os.Stat(filepath.Join(cgroupMount, hierarchy)); err == nil {
			found = append(found, filepath.Join(cgroupMount, hierarchy, "rehome-"+m.Name))
		}
	}
	return found
}

// joinCgroups is a shell script that becomes the command in its arguments, in the
// cgroups that its name names.
const joinCgroups = `for c in /sys/fs/cgroup/$0 /sys/fs/cgroup/systemd/$0 /sys/fs/cgroup/unified/$0; do
	[ ! -d $c ] || echo $$ > $c/cgroup.procs || exit
done
exec "$@"`

func (m Machine) makeCgroups() error {
	for _, dir := range m.cgroups() {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make the machine's cgroup: %w", err)
		}
	}
	return nil
}

// removeCgroups returns when the machine's cgroups are gone. The last of its
// processes may still be ending.
func (m Machine) removeCgroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return part.Poll(ctx, 20*time.Millisecond, func(context.Context) error {
		var errs []error
		for _, dir := range m.cgroups() {
			errs = append(errs, removeTree(dir))
		}
		return errors.Join(errs...)
	})
}

func killMembers(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return // the cgroup is gone
	}
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// removeTree removes a cgroup and those below it, which have no files to remove. A
// machine whose systemd-nspawn died runs on; what is still in the cgroup is killed.
func removeTree(dir string) error {
	killMembers(dir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the machine's cgroup: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the machine's cgroup %s: %w", dir, err)
	}
	return nil
}
