package process

import (
	"regexp"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// usual are the limits that nobody has set: the kernel's (getrlimit(2)) and those
// that systemd gives to every unit, soft and hard.
var usual = map[string][]string{
	"Max core file size":    {"0 unlimited", "unlimited unlimited"},
	"Max open files":        {"1024 4096", "1024 524288", "1024 1048576", "1024 262144"},
	"Max stack size":        {"8388608 unlimited"},
	"Max locked memory":     {"65536 65536", "8388608 8388608"},
	"Max msgqueue size":     {"819200 819200"},
	"Max nice priority":     {"0 0"},
	"Max realtime priority": {"0 0"},
}

var wide = regexp.MustCompile(`  +`)

// limits are those of a process that differ from what nobody has set, and from
// those of the first process. Both texts are of /proc/PID/limits.
func limits(own, first string) []inventory.Limit {
	defaults := table(first)
	var out []inventory.Limit
	for line := range strings.Lines(own) {
		l, ok := limit(line)
		if !ok {
			continue
		}
		now := l.Soft + " " + l.Hard
		if now == "unlimited unlimited" && usual[l.Name] == nil || slices.Contains(usual[l.Name], now) {
			continue
		}
		if l == defaults[l.Name] {
			continue
		}
		out = append(out, l)
	}
	return out
}

func table(text string) map[string]inventory.Limit {
	out := map[string]inventory.Limit{}
	for line := range strings.Lines(text) {
		if l, ok := limit(line); ok {
			out[l.Name] = l
		}
	}
	return out
}

// limit reads one line: name, soft and hard limit stand in columns.
func limit(line string) (inventory.Limit, bool) {
	fields := wide.Split(strings.TrimSpace(line), -1)
	if len(fields) < 3 || !strings.HasPrefix(line, "Max ") {
		return inventory.Limit{}, false
	}
	return inventory.Limit{Name: fields[0], Soft: fields[1], Hard: fields[2]}, true
}
