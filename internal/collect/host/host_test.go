package host

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const canary = "c4naryS3cretValue99"

// world is a machine of files: names that begin with /proc go below its proc.
type world struct {
	t          *testing.T
	proc, root string
	collector  *Collector
	scope      *scope.Scope
	facts      *inventory.Facts
}

func newWorld(t *testing.T, files map[string]string) *world {
	dir := t.TempDir()
	w := &world{t: t, proc: filepath.Join(dir, "proc"), root: filepath.Join(dir, "root"), facts: &inventory.Facts{}}
	w.scope = &scope.Scope{Proc: w.proc, Root: w.root, Main: 100, PIDs: []int{100}, Ever: map[int]bool{100: true}, Gaps: &scope.Gaps{}}
	w.collector = &Collector{
		run:        func(context.Context, string, ...string) ([]byte, error) { return nil, errors.New("is not there") },
		interfaces: func() ([]inventory.Interface, error) { return nil, nil },
		usage:      func(context.Context, string) (int64, int64, error) { return 100, 40, nil },
	}
	base := map[string]string{"/proc/sys/kernel/osrelease": "6.1.0-13-amd64\n", "/proc/meminfo": "MemTotal:  2048 kB\nHugePages_Total:  16\n",
		"/proc/100/status": "Name:\tbank\nPPid:\t1\n", "/proc/100/mountinfo": "", "/proc/sys/kernel/hostname": "bank-vm\n"}
	for name, text := range base {
		w.write(name, text)
	}
	for name, text := range files {
		w.write(name, text)
	}
	return w
}

func (w *world) path(name string) string {
	if rest, is := strings.CutPrefix(name, "/proc/"); is {
		return filepath.Join(w.proc, rest)
	}
	return filepath.Join(w.root, name)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	name = w.path(name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) link(name, to string) {
	w.t.Helper()
	name = w.path(name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) finish() *inventory.Facts {
	w.t.Helper()
	w.collector.Sample(w.t.Context(), w.scope)
	w.collector.Finish(w.t.Context(), w.scope, w.facts)
	return w.facts
}

func (w *world) gaps() string {
	var out []string
	for _, g := range w.scope.Gaps.List() {
		out = append(out, string(g.Subject)+" "+g.String())
	}
	return strings.Join(out, "\n")
}

func TestTheMachine(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/etc/os-release":              "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
		"/proc/stat":                   "cpu 1\nbtime 1750000000\n",
		"/proc/cpuinfo":                "processor\t: 0\nflags : fpu hypervisor\n\nprocessor\t: 1\n",
		"/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
		"/etc/timezone":                "Europe/Vienna\n",
		"/proc/1/comm":                 "systemd\n",
		"/proc/77/comm":                "chronyd\n",

		"/sys/fs/selinux/enforce":         "1",
		"/proc/100/attr/apparmor/current": "/usr/sbin/bank (enforce)\n",
		"/etc/sysctl.conf":                "# x\nvm.swappiness = 1\n-net.core.somaxconn=4096\nnet.ipv6.conf.all.stable_secret = " + canary + "\n",
		"/etc/sysctl.d/10-dist.conf":      "kernel.printk = 4 4 1 7\n",
		"/etc/sysctl.d/50-bank.conf":      "fs/file-max=9\nbroken\n",
		"/var/lib/dpkg/status":            "Package: procps\nConffiles:\n /etc/sysctl.d/10-dist.conf c9ce9efaee0c0d4d4ad4cd8c4b0ad1e5\n",
		"/etc/modules-load.d/a.conf":      "# x\nsctp\n",
	})
	w.link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf")
	w.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
	h := w.finish().Host
	h.Arch = ""
	sysctls := h.Sysctls
	h.Sysctls = nil
	want := inventory.Host{Name: "bank-vm", OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-13-amd64", Virtual: "vmware", BootedAt: time.Unix(1750000000, 0).UTC(),
		CPUs: 2, Memory: 2 << 20, Init: "systemd", TimeZone: "Europe/Berlin", ClockSync: "chronyd", SELinux: "enforcing", AppArmor: "/usr/sbin/bank (enforce)",
		Modules: []string{"sctp"}, HugePages: 16}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%+v\nwant %+v", h, want)
	}
	names := []string{}
	for _, s := range sysctls {
		names = append(names, s.Name+"="+s.Value+" "+s.File)
	}
	if got := strings.Join(names, "\n"); got != "vm.swappiness=1 /etc/sysctl.conf\nnet.core.somaxconn=4096 /etc/sysctl.conf\nnet.ipv6.conf.all.stable_secret=[redacted] /etc/sysctl.conf\nkernel.printk=4 4 1 7 /etc/sysctl.d/10-dist.conf\nfs.file-max=9 /etc/sysctl.d/50-bank.conf" {
		t.Errorf("changed by somebody or not known to a package:\n%s", got)
	}
	if g := w.gaps(); g != "" {
		t.Errorf("gaps: %s", g)
	}
}

func TestWhatAPackageBroughtIsNotSet(t *testing.T) {
	const sum = "b026324c6904b2a9cb4b88d6d61c81d1" // of "1\n"
	w := newWorld(t, map[string]string{"/etc/sysctl.d/a.conf": "1\n", "/etc/modules-load.d/b.conf": "1\n",
		"/var/lib/dpkg/status": "Conffiles:\n /etc/modules-load.d/b.conf " + sum + "\n /etc/modules-load.d/c.conf " + sum + "\n"})
	w.write("/etc/modules-load.d/c.conf", "2\n")
	if got := w.finish().Host.Modules; !slices.Equal(got, []string{"2"}) {
		t.Errorf("modules %q, want the one of the changed file", got)
	}
}

func TestWhoStartsIt(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		unit  *inventory.Unit
		want  string
	}{
		{"systemd", map[string]string{"/run/systemd/system/x": "", "/proc/1/comm": "systemd"}, &inventory.Unit{Name: "a.service"}, "systemd"},
		{"a script of init.d under systemd", map[string]string{"/run/systemd/system/x": ""}, &inventory.Unit{Name: "a.service", Settings: map[string]string{"SourcePath": "/etc/init.d/a"}}, "sysv"},
		{"init", map[string]string{"/proc/1/comm": "init\n"}, nil, "sysv"},
		{"supervisord", map[string]string{"/run/systemd/system/x": "", "/proc/100/status": "Name:\tbank\nPPid:\t50\n", "/proc/50/status": "Name:\tsupervisord\nPPid:\t1\n"}, nil, "supervisord"},
		{"supervisord by its script", map[string]string{"/proc/100/status": "Name:\tbank\nPPid:\t50\n", "/proc/50/status": "Name:\tpython3\nPPid:\t1\n", "/proc/50/cmdline": "/usr/bin/python3\x00/usr/bin/supervisord\x00-n\x00"}, nil, "supervisord"},
		{"itself", map[string]string{"/proc/100/cmdline": "/usr/bin/supervisord\x00", "/proc/1/comm": "init\n"}, nil, "sysv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.files)
			w.facts.Unit = tt.unit
			if got := w.finish().Host.Init; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAMachineThatCannotBeReadIsAGap(t *testing.T) {
	w := newWorld(t, nil)
	os.Remove(w.path("/proc/meminfo"))
	os.Remove(w.path("/proc/100/mountinfo"))
	w.collector.interfaces = func() ([]inventory.Interface, error) { return nil, errors.New("refused") }
	w.finish()
	for _, want := range []string{"kernel", "mounts mounts of process 100", "interfaces network cards: refused"} {
		if !strings.Contains(w.gaps(), want) {
			t.Errorf("no gap %q in\n%s", want, w.gaps())
		}
	}
}

func TestLicences(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/proc/60/comm":       "lmgrd\n",
		"/etc/bank/bank.lic":  "SERVER bank-vm 005056aabbcc 27000\nVENDOR x\n",
		"/etc/bank/other.lic": "FEATURE a x 1.0 permanent HOSTID=12345678\n",
		"/etc/bank/plain.lic": "to whom it may concern\n",
		"/etc/bank/README":    "HOSTID=1\n",
		"/opt/x/license.dat":  "on host bank-vm only\n",
	})
	w.collector.interfaces = func() ([]inventory.Interface, error) {
		return []inventory.Interface{{Name: "eth0", MAC: "00:50:56:aa:bb:cc"}}, nil
	}
	w.scope.Request.Dirs = []string{"/etc/bank"}
	w.facts.Files = []inventory.File{{Path: "/opt/x/license.dat"}, {Path: "/dev/hasp0"}}
	w.facts.Environment = []inventory.Variable{{Name: "LM_LICENSE_FILE"}}
	want := []string{"device /dev/hasp0", "file /etc/bank/bank.lic: names the address of the card eth0", "file /etc/bank/other.lic: names a host id", "file /etc/bank/plain.lic",
		"file /opt/x/license.dat: names this machine", "process lmgrd", "variable LM_LICENSE_FILE"}
	slices.Sort(want)
	if got := w.finish().Host.Licences; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestOthersOnTheMachine(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/proc/net/tcp": "  sl  local_address rem_address   st tx rx tr tm retr uid timeout inode\n" +
			"   0: 0100007F:18EB 00000000:0000 0A 0:0 0:0 0 0 0 11 1\n" + // redis, 127.0.0.1:6379
			"   1: 00000000:1F90 00000000:0000 0A 0:0 0:0 0 0 0 12 1\n" + // the application
			"   2: 00000000:0016 00000000:0000 0A 0:0 0:0 0 0 0 13 1\n" + // sshd
			"   3: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 14 1\n" + // systemd and the application
			"   4: 00000000:0051 00000000:0000 0A 0:0 0:0 0 0 0 15 1\n" + // nobody's
			"   5: 0100007F:18EB 0100007F:9999 01 0:0 0:0 0 0 0 16 1\n",
		"/proc/net/udp6": "   0: 00000000000000000000000001000000:0202 0:0000 07 0:0 0:0 0 0 0 21 1\n",
		"/proc/1/comm":   "systemd\n", "/proc/20/comm": "redis-server\n", "/proc/30/comm": "sshd\n", "/proc/40/comm": "rsyslogd\n",
		"/proc/20/cgroup": "0::/system.slice/redis-server.service\n",
	})
	for fd, inode := range map[string]string{"1/fd/3": "14", "20/fd/6": "11", "30/fd/3": "13", "40/fd/3": "21", "100/fd/3": "12", "100/fd/4": "14", "100/fd/5": "16"} {
		w.link("/proc/"+fd, "socket:["+inode+"]")
	}
	want := []string{unseen + " on tcp 0.0.0.0:81", "redis-server.service: redis-server on tcp 127.0.0.1:6379", "rsyslogd on udp [::1]:514"}
	if got := w.finish().Host.Others; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// The facts of this machine, with the real kernel under it.
func TestTheRealMachine(t *testing.T) {
	s := &scope.Scope{Proc: "/proc", Root: "/", Main: os.Getpid(), PIDs: []int{os.Getpid()}, Ever: map[int]bool{os.Getpid(): true}, Gaps: &scope.Gaps{}}
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &inventory.Facts{Files: []inventory.File{{Path: here, Class: inventory.FileData}}}
	New().Finish(t.Context(), s, f)
	if f.Host.Kernel == "" || f.Host.Name == "" || f.Host.Memory == 0 || f.Host.CPUs == 0 || f.Host.Arch == "" || f.Host.BootedAt.IsZero() || f.Host.ClockSync == "" {
		t.Errorf("%+v", f.Host)
	}
	if len(f.Mounts) == 0 || f.Mounts[0].Size == 0 || f.Mounts[0].FSType == "" {
		t.Errorf("no file system below %s: %+v", here, f.Mounts)
	}
	text, _ := json.Marshal(f)
	t.Logf("%s\n%v", text, s.Gaps.List())
}
