package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"rehome.dev/rehome/lab/part"
)

const suite = "bookworm"

var debianPackages = []string{"systemd", "systemd-sysv", "openssh-server", "iproute2", "dbus", "udev"}

// customise runs in the new system once. Timers that would want the internet are
// masked, and what must not be the same on two machines is removed.
const customise = `set -e
useradd --system --no-create-home --home-dir /var/lib/royal-bank-api --shell /usr/sbin/nologin royal-bank
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer
rm -f /etc/ssh/ssh_host_* /etc/resolv.conf
: > /etc/machine-id
echo vm > /etc/hostname
apt-get clean
rm -rf /var/lib/apt/lists/*`

// Pristine returns the file system that every machine begins with, from the cache
// or, for a minute, from Debian. Its name changes with all that it is made of. Two
// programs that have none yet must take turns.
func (v *VM) Pristine(ctx context.Context) (string, error) {
	sum := sha256.Sum256([]byte(suite + strings.Join(debianPackages, ",") + customise))
	dir := v.lab.CachePath("vm", "rootfs-"+suite+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	v.lab.Progress.Say(v.Name(), "installing Debian %s for the machine; once, about a minute", suite)
	building := dir + ".building"
	if err := errors.Join(part.UnmountBelow(building), os.RemoveAll(building)); err != nil {
		return "", fmt.Errorf("remove an unfinished system: %w", err)
	}
	if err := os.MkdirAll(building, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for the system: %w", err)
	}
	cmd := v.lab.Command(ctx, "", "debootstrap", "--variant=minbase", "--include="+strings.Join(debianPackages, ","), suite, building)
	if err := v.tellSteps(cmd); err != nil {
		return "", fmt.Errorf("install Debian for the machine: %w", err)
	}
	if _, err := part.Run(ctx, "chroot", building, "sh", "-c", customise); err != nil {
		return "", fmt.Errorf("set up the new system: %w", err)
	}
	if err := os.Rename(building, dir); err != nil {
		return "", fmt.Errorf("keep the new system: %w", err)
	}
	return dir, nil
}
