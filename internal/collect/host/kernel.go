package host

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// kernel reads what somebody set of the kernel on this machine. What
// distributions bring stands in /usr/lib and in unchanged files of packages.
func (m *machine) kernel(h *inventory.Host) {
	for _, name := range m.configured("/etc/sysctl.conf", "/etc/sysctl.d", ".conf") {
		h.Sysctls = append(h.Sysctls, sysctls(m.text(name), name)...)
	}
	for _, name := range m.configured("/etc/modules", "/etc/modules-load.d", ".conf") {
		for _, line := range settingLines(m.text(name)) {
			if module := strings.Fields(line)[0]; !slices.Contains(h.Modules, module) {
				h.Modules = append(h.Modules, inventory.Name(module))
			}
		}
	}
	switch enforce, err := m.file("/sys/fs/selinux/enforce"); {
	case err != nil && m.exists("/etc/selinux/config"), err != nil && m.exists("/sys/fs"):
		h.SELinux = "disabled"
	case strings.TrimSpace(enforce) == "1":
		h.SELinux = "enforcing"
	case strings.TrimSpace(enforce) == "0":
		h.SELinux = "permissive"
	}
	if m.scope.Main > 0 {
		h.AppArmor = m.profile(strconv.Itoa(m.scope.Main))
	}
}

// profile is the AppArmor profile of a process, "" where nothing confines it.
func (m *machine) profile(pid string) string {
	name := filepath.Join(m.proc, pid, "attr/apparmor/current")
	if _, err := os.Stat(name); err != nil {
		if !m.exists("/sys/module/apparmor") {
			return ""
		}
		name = filepath.Join(m.proc, pid, "attr/current")
	}
	profile, err := readBounded(name)
	if err != nil && !os.IsNotExist(err) && m.enabled() {
		m.gap(inventory.SubjectKernel, "AppArmor profile of process "+pid, err)
	}
	if profile = strings.Trim(profile, "\x00\n "); profile == "unconfined" {
		return ""
	}
	return inventory.Name(profile)
}

func (m *machine) enabled() bool {
	return strings.TrimSpace(m.text("/sys/module/apparmor/parameters/enabled")) == "Y"
}

// configured are a file and those of a directory beside it that somebody wrote
// here: no links to one another, and nothing that a package left as it is.
func (m *machine) configured(file, dir, suffix string) []string {
	names := []string{file}
	entries, err := m.list(dir)
	m.gap(inventory.SubjectKernel, dir, err)
	for _, e := range entries {
		if strings.HasSuffix(e, suffix) {
			names = append(names, path.Join(dir, e))
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		text, err := m.file(name)
		m.gap(inventory.SubjectKernel, name, err)
		real, err2 := filepath.EvalSymlinks(filepath.Join(m.root, name))
		if err != nil || err2 != nil || seen[real] || m.unchanged(name, text) {
			continue
		}
		seen[real] = true
		out = append(out, name)
	}
	return out
}

// unchanged says that a package of Debian brought this file, and that it is as
// the package brought it: dpkg's status has the MD5 sums of configuration files.
func (m *machine) unchanged(name, text string) bool {
	sum := md5.Sum([]byte(text))
	want := " " + name + " " + hex.EncodeToString(sum[:])
	status, err := os.Open(filepath.Join(m.root, "/var/lib/dpkg/status"))
	if err != nil {
		return false
	}
	defer status.Close()
	lines := bufio.NewScanner(io.LimitReader(status, 64<<20))
	for lines.Scan() {
		if string(lines.Bytes()) == want {
			return true
		}
	}
	return false
}

// sysctls reads a file of sysctl.conf(5).
func sysctls(text, file string) []inventory.Sysctl {
	var out []inventory.Sysctl
	for _, line := range settingLines(text) {
		name, value, is := strings.Cut(strings.TrimPrefix(line, "-"), "=")
		if name = strings.TrimSpace(name); !is || name == "" || strings.ContainsAny(name, " \t") {
			continue
		}
		value = strings.Join(strings.Fields(value), " ")
		if _, secret := scan.Secret(name, value); secret {
			value = "[redacted]"
		}
		if !strings.Contains(name, ".") {
			name = strings.ReplaceAll(name, "/", ".")
		}
		out = append(out, inventory.Sysctl{Name: inventory.Name(name), Value: inventory.Name(value), File: file})
	}
	return out
}
