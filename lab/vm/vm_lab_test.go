//go:build lab

package vm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func newLab(t *testing.T) *part.Lab {
	t.Helper()
	lab, err := part.New(part.NewProgress(t.Output(), true))
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

func on(t *testing.T, lab *part.Lab, command string) string {
	t.Helper()
	said, err := vm.Run(t.Context(), lab, command)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func TestTheMachineIsASystemdMachine(t *testing.T) {
	labtest.Alone(t)
	lab := newLab(t)
	for command, want := range map[string]string{
		"systemctl is-system-running": "running",
		"hostname":                    "vm",
		"cat /proc/1/comm":            "systemd",
		"systemctl show -p User --value royal-bank-api":                 "royal-bank",
		"systemctl list-units --failed --no-legend":                     "",
		"stat -c '%a %U:%G' /etc/royal-bank-api/db.conf":                "640 root:royal-bank",
		"ls /etc/royal-bank-api | xargs":                                "api.conf db.conf limits.conf",
		"ss -ltnH | awk '{print $4}' | sed 's/.*://' | sort -u | xargs": "22 8080",
	} {
		if got := on(t, lab, command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// A login is the one thing that the service does to its disk, as its own user.
const login = `exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'POST /login?customer=vimes HTTP/1.0\r\n\r\n' >&3 && head -1 <&3`

func TestSessionsAndLogAreFilesAndOutliveAPowerCut(t *testing.T) {
	labtest.Alone(t)
	lab := newLab(t)
	count := "ls /var/lib/royal-bank-api/sessions | wc -l"
	before := on(t, lab, count)
	if said := on(t, lab, "bash -c '"+strings.ReplaceAll(login, "'", `'\''`)+"'"); !strings.Contains(said, "200") {
		t.Fatalf("login: %s", said)
	}
	after := on(t, lab, count)
	if after == before {
		t.Errorf("%s sessions before a login and after it", before)
	}
	if log := on(t, lab, "tail -1 /var/log/royal-bank-api/royal-bank-api.log"); !strings.Contains(log, "msg=login customer=vimes") {
		t.Errorf("the log file ends with %q", log)
	}
	labtest.Kill(t, "vm")
	labtest.Start(t, "vm")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := part.Poll(ctx, 100*time.Millisecond, func(ctx context.Context) error {
		_, err := vm.Run(ctx, lab, "systemctl is-active royal-bank-api")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := on(t, lab, count); got != after {
		t.Errorf("%s sessions after a power cut, %s before it", got, after)
	}
}

func TestAnotherHostKeyIsRefused(t *testing.T) {
	lab := newLab(t)
	known, err := os.ReadFile(vm.KnownHostsFile(lab))
	if err != nil {
		t.Fatal(err)
	}
	other := &part.Lab{Dirs: part.Dirs{Run: t.TempDir()}, Progress: lab.Progress}
	key, err := os.ReadFile(vm.KeyFile(lab))
	if err != nil {
		t.Fatal(err)
	}
	foreign := strings.Replace(string(known), "AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAIA", 1)
	if err := os.MkdirAll(filepath.Dir(vm.KeyFile(other)), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{vm.KeyFile(other): string(key), vm.KnownHostsFile(other): foreign[:len(foreign)-2] + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := vm.Run(t.Context(), other, "hostname"); err == nil {
		t.Errorf("ssh went on to %q", said)
	}
}
