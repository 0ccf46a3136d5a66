//go:build lab

package legacy_test

import (
	"slices"
	"strings"
	"testing"
)

// state tells everything about the applications that a probe could change, and that
// they do not change by themselves: files with their content, mode, owner and times,
// processes with their start, signals and tracer, restarts, temporary files, units.
// Postfix ends its idle processes itself, and the agent's directory was in /tmp.
const state = `
find /etc /opt /usr/local /var/www /home /root /tmp /var/tmp /dev/shm /var/lib/royal-bank-api /var/lib/tomcat10 /var/lib/h2 \
	-xdev -printf '%p %y %m %u:%g %s %T@ %C@ %l\n' 2>/dev/null | grep -v -e '^/dev/shm/PostgreSQL' -e '^/tmp d' -e '^/var/tmp d' | sort
find /etc /opt /usr/local /var/www /home /root -xdev -type f -exec sha256sum {} + | sort -k2
find /etc/systemd /run/systemd/system /run/systemd/transient /run/user -printf '%p\n' 2>/dev/null | sort
for u in $(systemctl list-units --type=service --state=running --no-legend --plain | awk '{print $1}' | grep -v -e '^user@' -e '^session' -e '^postfix'); do
	systemctl show -p Id,MainPID,NRestarts,ActiveEnterTimestampMonotonic,ExecMainStartTimestampMonotonic $u | xargs
	for pid in $(cat /sys/fs/cgroup/systemd$(systemctl show -p ControlGroup --value $u)/cgroup.procs 2>/dev/null); do
		[ $u = ssh.service ] && continue
		echo $pid $(cut -d')' -f2 /proc/$pid/stat | cut -d' ' -f21) $(grep -E '^(Name|TracerPid|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt)' /proc/$pid/status | xargs)
		stat -L -c %i /proc/$pid/exe
	done
done
`

// Nobody uses the applications meanwhile, so whatever changes the probe has changed.
func TestAProbeChangesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.on(t, state)
	for _, target := range [][]string{
		{"--unit", "royal-bank-api", "--config-dir", "/etc/royal-bank-api"}, {"--unit", "tomcat10"}, {"--unit", "postgresql@15-main"},
		{"--unit", "nginx"}, {"--unit", "manyfiles"}, {"--unit", "ledger"}, {"--port", "9010"},
	} {
		w.probe(t, "root", append(slices.Clone(few), target...)...)
	}
	compareLines(t, strings.Split(before, "\n"), strings.Split(w.on(t, state), "\n"))
}

func compareLines(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("was: %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("is:  %s", line)
		}
	}
}

// What a probe leaves on the machine must not hold a secret either: neither the
// journal nor a file of the log, nor any argument of a process that it started.
func TestNoSecretIsLeftBehind(t *testing.T) {
	w := newWorld(t)
	cursor := w.on(t, "journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p'")
	seen := make(chan string, 1)
	go func() {
		said, _ := w.Run(t.Context(), `for i in $(seq 60); do ps -eo args | grep -i -e rehome -e '/tmp/' | grep -v -e ' grep '; sleep 0.1; done | sort -u`)
		seen <- said
	}()
	w.probe(t, "root", "--unit", "royal-bank-api", "--config-dir", "/etc/royal-bank-api", "--for", "4s", "--every", "300ms")
	arguments := <-seen
	if !strings.Contains(arguments, "rehome") {
		t.Errorf("the agent was not seen among the processes:\n%s", arguments)
	}
	w.withoutSecrets(t, "the arguments of the agent", arguments)
	w.withoutSecrets(t, "the journal", w.on(t, "journalctl --no-pager -o cat --after-cursor '"+cursor+"'"))
	if left := w.on(t, "ls -A /tmp /var/tmp | grep -i rehome; ps -eo comm | grep -i rehome; true"); left != "" {
		t.Errorf("the probe left behind: %s", left)
	}
}
