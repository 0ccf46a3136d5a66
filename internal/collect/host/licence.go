package host

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/lazy"
)

var (
	managers    = lazy.New(`^(?:lmgrd|lmadmin|.+_lmgrd|rlm|rlmutil|hasplmd\w*|aksusbd\w*|sntlmsrv\w*|spnsrv\w*|SentinelLM\w*|lserv|lmx-serv|CodeMeterLin|i4lmd|dsls\w*|adlmd|MLM)$`)
	licenceFile = lazy.New(`(?i)(?:\.lic|\.licen[cs]e|\.dat\.lic|\.v2c|\.c2v|/licen[cs]e\.(?:dat|key|xml|txt|json|properties)|\.jlf)$`)
	dongle      = lazy.New(`^/dev/(?:hasp|aks|sentinel|usbdongle|rockey)`)
	hostID      = lazy.New(`(?i)\b(?:hostid|host_id|host-id|mac_?addr\w*|ethernet|vendor_hostid|hardware_?id|machine_?id|system_?fingerprint)\b\s*["']?\s*[=:]`)
	serverLine  = lazy.New(`(?m)^\s*SERVER\s+\S+\s+(?:[0-9a-fA-F]{8,12}|ANY|\S+=\S+)`)
)

// licences finds what ties the application to this machine: processes of licence
// managers, licence files in its directories or open, variables that name one,
// dongles.
func (m *machine) licences(h *inventory.Host, f *inventory.Facts) {
	var found []string
	for _, pid := range m.pids() {
		if name := m.of(strconv.Itoa(pid) + "/comm"); managers.MatchString(name) {
			found = append(found, "process "+inventory.Name(name))
		}
	}
	for _, v := range f.Environment {
		if strings.HasSuffix(v.Name, "_LICENSE_FILE") || v.Name == "HASP_LICENSE" || strings.HasSuffix(v.Name, "LICENSE_SERVER") {
			found = append(found, "variable "+v.Name)
		}
	}
	for _, file := range f.Files {
		switch {
		case dongle.MatchString(file.Path):
			found = append(found, "device "+file.Path)
		case licenceFile.MatchString(file.Path):
			found = append(found, m.licence(file.Path, h))
		}
	}
	for _, dir := range m.app.configDirs {
		for _, name := range m.below(dir) {
			if licenceFile.MatchString(name) {
				found = append(found, m.licence(name, h))
			}
		}
	}
	slices.Sort(found)
	h.Licences = slices.Compact(found)
}

// licence names a licence file, and what of this machine stands in it.
func (m *machine) licence(name string, h *inventory.Host) string {
	text := m.text(name)
	lower := strings.ToLower(text)
	what := "file " + inventory.Name(name)
	for _, c := range h.Interfaces {
		if mac := strings.ToLower(c.MAC); mac != "" && (strings.Contains(lower, mac) || strings.Contains(lower, strings.ReplaceAll(mac, ":", "")) || strings.Contains(lower, strings.ReplaceAll(mac, ":", "-"))) {
			return what + ": names the address of the card " + c.Name
		}
	}
	switch {
	case serverLine.MatchString(text), hostID.MatchString(text):
		return what + ": names a host id"
	case len(h.Name) > 2 && mentions(lower, strings.ToLower(h.Name)):
		return what + ": names this machine"
	}
	return what
}

// below are the names of files in a directory and the two levels below it, at
// most a thousand.
func (m *machine) below(dir string) []string {
	var out []string
	var walk func(dir string, deep int)
	walk = func(dir string, deep int) {
		names, _ := m.list(dir)
		for _, name := range names {
			if len(out) >= 1000 {
				return
			}
			full := path.Join(dir, name)
			out = append(out, full)
			if deep > 0 && isDir(filepath.Join(m.root, full)) {
				walk(full, deep-1)
			}
		}
	}
	walk(dir, 2)
	return out
}
