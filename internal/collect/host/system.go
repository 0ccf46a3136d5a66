package host

import (
	"context"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

func (m *machine) system(ctx context.Context, h *inventory.Host, f *inventory.Facts) {
	h.Name = inventory.Name(m.of("sys/kernel/hostname"))
	h.OS = m.osName()
	h.Kernel = m.of("sys/kernel/osrelease")
	h.Arch = architecture()
	h.Virtual = m.virtual(ctx)
	h.BootedAt = m.bootedAt()
	h.CPUs = strings.Count("\n"+m.of("cpuinfo"), "\nprocessor\t")
	if h.CPUs == 0 && m.live() {
		h.CPUs = runtime.NumCPU()
	}
	h.Memory = m.memory("MemTotal") << 10
	h.HugePages = int(m.memory("HugePages_Total"))
	h.Init = m.init(f)
	h.TimeZone = m.timeZone()
	h.ClockSync = m.clock()
	if h.Kernel == "" || h.Memory == 0 {
		m.scope.Gaps.Add(inventory.SubjectKernel, m.proc, "does not tell what the machine is")
	}
}

// osName is PRETTY_NAME of os-release(5).
func (m *machine) osName() string {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if v := variable(m.text(name), "PRETTY_NAME"); v != "" {
			return v
		}
	}
	for _, name := range []string{"/etc/redhat-release", "/etc/SuSE-release", "/etc/issue"} {
		if line, _, _ := strings.Cut(m.text(name), "\n"); line != "" {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// variable is the value of NAME=value in a file of shell variables.
func variable(text, name string) string {
	for _, line := range settingLines(text) {
		if key, v, is := strings.Cut(line, "="); is && key == name {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

func (m *machine) bootedAt() time.Time {
	for line := range strings.Lines(m.of("stat")) {
		if at, is := strings.CutPrefix(line, "btime "); is {
			if n, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64); err == nil {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

// memory is a row of /proc/meminfo: KiB, or pages where it counts those.
func (m *machine) memory(row string) int64 {
	for line := range strings.Lines(m.of("meminfo")) {
		if v, is := strings.CutPrefix(line, row+":"); is {
			if fields := strings.Fields(v); len(fields) > 0 {
				n, _ := strconv.ParseInt(fields[0], 10, 64)
				return n
			}
		}
	}
	return 0
}

// init is what starts the application: systemd, sysv (a script of /etc/init.d,
// also where systemd runs it), supervisord.
func (m *machine) init(f *inventory.Facts) string {
	for pid, n := m.scope.Main, 0; pid > 1 && n < 32; n++ {
		status := m.of(strconv.Itoa(pid) + "/status")
		if n > 0 && strings.HasPrefix(field(status, "Name:"), "supervisord") || n > 0 && strings.Contains(m.of(strconv.Itoa(pid)+"/cmdline"), "supervisord\x00") {
			return "supervisord"
		}
		pid, _ = strconv.Atoi(field(status, "PPid:"))
	}
	if u := f.Unit; u != nil && (strings.HasPrefix(u.Settings["SourcePath"], "/etc/init.d/") || strings.Contains(u.Path, "/generator.late/")) {
		return "sysv"
	}
	switch first := m.of("1/comm"); {
	case m.exists("/run/systemd/system"), first == "systemd":
		return "systemd"
	case first == "supervisord":
		return first
	case first == "init", m.exists("/etc/inittab"):
		return "sysv"
	default:
		return inventory.Name(first)
	}
}

// field is the value behind a label of /proc/PID/status.
func field(status, label string) string {
	for line := range strings.Lines(status) {
		if v, is := strings.CutPrefix(line, label); is {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (m *machine) timeZone() string {
	if link := m.link("/etc/localtime"); link != "" {
		if _, zone, is := strings.Cut(link, "zoneinfo/"); is {
			return strings.TrimPrefix(zone, "posix/")
		}
	}
	if zone := strings.TrimSpace(m.text("/etc/timezone")); zone != "" {
		return zone
	}
	if zone := variable(m.text("/etc/sysconfig/clock"), "ZONE"); zone != "" {
		return zone
	}
	if !m.exists("/etc/localtime") {
		return "UTC"
	}
	return ""
}

// daemons set the clock.
var daemons = []string{"chronyd", "ntpd", "systemd-timesyn", "openntpd", "ntpsec", "ptp4l", "phc2sys", "vmtoolsd"}

// clock says whether the kernel takes its clock for synchronised, and which
// daemon is there to do it. timedatectl would start a service to tell.
func (m *machine) clock() string {
	state := ""
	if m.live() {
		state = clockState()
	}
	for _, pid := range m.pids() {
		comm := m.of(strconv.Itoa(pid) + "/comm")
		for _, d := range daemons {
			if comm == d {
				if d == "systemd-timesyn" {
					d = "systemd-timesyncd"
				}
				return strings.TrimPrefix(state+" by "+d, " by ")
			}
		}
	}
	return state
}

// virtual is what the machine is made of: the name that systemd-detect-virt has
// for it, "none" for real hardware, "" where nothing tells.
func (m *machine) virtual(ctx context.Context) string {
	if m.live() {
		// It exits with 1 and says "none" on real hardware.
		out, err := m.run(ctx, "systemd-detect-virt")
		if name := strings.TrimSpace(string(out)); name != "" && (err == nil || name == "none") {
			return name
		}
	}
	if name := strings.TrimSpace(m.text("/run/systemd/container")); name != "" {
		return name
	}
	for _, e := range strings.Split(m.of("1/environ"), "\x00") {
		if name, is := strings.CutPrefix(e, "container="); is && name != "" {
			return name
		}
	}
	maker := m.text("/sys/class/dmi/id/sys_vendor") + " " + m.text("/sys/class/dmi/id/product_name") + " " + m.text("/sys/class/dmi/id/bios_vendor")
	for _, known := range [][2]string{{"VMware", "vmware"}, {"QEMU", "kvm"}, {"KVM", "kvm"}, {"VirtualBox", "oracle"}, {"Xen", "xen"}, {"Amazon EC2", "amazon"},
		{"Google", "google"}, {"Microsoft Corporation Virtual", "microsoft"}, {"Bochs", "bochs"}, {"Parallels", "parallels"}, {"OpenStack", "kvm"}, {"Nutanix", "kvm"}} {
		if strings.Contains(maker, known[0]) {
			return known[1]
		}
	}
	if flags := m.of("cpuinfo"); strings.Contains(flags, " hypervisor") {
		return "hypervisor"
	}
	return ""
}

// debian says whether cron follows Debian's rules for names.
func (m *machine) debian() bool {
	release := m.text("/etc/os-release")
	return m.exists("/etc/debian_version") || variable(release, "ID") == "debian" || strings.Contains(variable(release, "ID_LIKE"), "debian")
}

// stem is the name of a unit without its kind and instance.
func stem(unit string) string {
	name := strings.TrimSuffix(path.Base(unit), path.Ext(unit))
	name, _, _ = strings.Cut(name, "@")
	return name
}
