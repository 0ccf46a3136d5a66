package legacy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/lab/machine"
	"rehome.dev/rehome/lab/part"
)

// applications are Debian's own packages. curl and sudo are what a person finds on
// such a machine.
var applications = []string{
	"nginx-light", "redis-server", "postgresql-15", "tomcat10", "tomcat10-examples", "openjdk-17-jre-headless", "libh2-java",
	"php8.2-fpm", "gunicorn", "rsyslog", "postfix", "haproxy", "cron", "at", "supervisor", "sudo", "curl",
}

// installScript runs in the new system once, with the host's network. What comes
// with the packages is not started, and not enabled either.
const installScript = `set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
printf 'path-exclude=/usr/share/%s/*\n' doc man locale info >/etc/dpkg/dpkg.cfg.d/lean
echo 'postfix postfix/main_mailer_type select Local only' | debconf-set-selections
echo 'postfix postfix/mailname string legacy' | debconf-set-selections
apt-get update -q
apt-get install -q --yes --no-install-recommends "$@"
systemctl disable -q nginx redis-server postgresql tomcat10 php8.2-fpm rsyslog postfix haproxy cron atd supervisor
systemctl mask -q phpsessionclean.timer
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d /etc/resolv.conf /var/cache/man /usr/share/doc
useradd --create-home --shell /bin/bash onlooker
useradd --create-home --shell /bin/bash steward
echo 'steward ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/steward
echo legacy >/etc/hostname
: >/etc/resolv.conf
`

// settle runs on each new disk, after the applications' files are there.
const settle = `
install -d -o royal-bank -g royal-bank -m 750 /var/log/royal-bank-api /var/lib/royal-bank-api/sessions
chgrp royal-bank /etc/royal-bank-api/db.conf
chmod 640 /etc/royal-bank-api/db.conf /etc/royal-bank-api-fixed/environment /etc/default/ledger
chown redis /etc/redis/legacy.conf
chmod 640 /etc/redis/legacy.conf /etc/tomcat10/tomcat-users.xml
chgrp tomcat /etc/tomcat10/tomcat-users.xml
install -d -o www-data -g www-data /var/log/piped /var/lib/h2 /var/lib/deleted /var/lib/manyfiles /var/lib/nonutf8
chown postfix /var/lib/postfix
for user in onlooker steward; do
	install -d -o $user -g $user -m 700 /home/$user/.ssh
	install -o $user -g $user -m 600 /root/.ssh/authorized_keys /home/$user/.ssh/authorized_keys
done
cp /opt/oddities/oddity /opt/oddities/compiledin
ln -sf /lib/systemd/system/rsyslog.service /etc/systemd/system/syslog.service
`

// System is where the file system with the applications lies as Debian installs it.
// No machine changes it. Making it, once, needs the host's network.
func (l *Legacy) System(ctx context.Context) (string, error) {
	unlock, err := l.lab.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := l.shared.Install(ctx, machine.Packages()); err != nil {
		return "", err
	}
	return l.ensureSystem(ctx)
}

// ensureSystem returns the file system with the applications, from the cache or
// from Debian. Its name changes with all that it is made of.
func (l *Legacy) ensureSystem(ctx context.Context) (string, error) {
	bare, err := l.bare(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(bare + strings.Join(applications, ",") + installScript))
	dir := l.lab.CachePath("rootfs-" + hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	start := time.Now()
	l.say("installing %d applications from Debian; once, about a minute and a half", len(applications))
	building := dir + ".building"
	if err := errors.Join(part.UnmountBelow(building), os.RemoveAll(building)); err != nil {
		return "", fmt.Errorf("remove an unfinished system: %w", err)
	}
	if err := os.MkdirAll(l.lab.Dirs.Cache, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for the system: %w", err)
	}
	if _, err := part.Run(ctx, "cp", "-a", bare, building); err != nil {
		return "", fmt.Errorf("copy the bare system: %w", err)
	}
	resolver, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return "", fmt.Errorf("give the new system a resolver: %w", err)
	}
	if err := part.WriteFile(filepath.Join(building, "etc/resolv.conf"), resolver, 0o644); err != nil {
		return "", fmt.Errorf("give the new system a resolver: %w", err)
	}
	argv := []string{"unshare", "--mount", "--pid", "--fork", "--mount-proc=" + filepath.Join(building, "proc"),
		"chroot", building, "sh", "-c", installScript, "sh"}
	if _, err := part.Run(ctx, append(argv, applications...)...); err != nil {
		return "", fmt.Errorf("install the applications: %w", err)
	}
	if err := os.Rename(building, dir); err != nil {
		return "", fmt.Errorf("keep the new system: %w", err)
	}
	l.say("installed in %.0fs", time.Since(start).Seconds())
	return dir, nil
}
