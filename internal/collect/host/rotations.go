package host

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// rotations are the rules of logrotate(8) that touch log files of the
// application: in a pod nobody follows them.
func (m *machine) rotations() []inventory.Schedule {
	names := append([]string{"/etc/logrotate.conf"}, m.scheduled("/etc/logrotate.d")...)
	var out []inventory.Schedule
	for _, name := range names {
		text, err := m.file(name)
		m.gap(inventory.SubjectSchedules, name, err)
		for _, r := range rotationRules(text) {
			i := slices.IndexFunc(m.app.logs, r.touches)
			if i < 0 {
				continue
			}
			s := m.schedule("logrotate", fmt.Sprintf("%s:%d", name, r.line), r.when, "root", r.script)
			s.Related, s.Why = true, "rotates "+inventory.Name(m.app.logs[i])
			out = append(out, s)
		}
	}
	return out
}

// rotation is one block of logrotate's configuration.
type rotation struct {
	line     int
	patterns []string
	when     string
	script   string // what it runs afterwards
}

func (r rotation) touches(log string) bool {
	return slices.ContainsFunc(r.patterns, func(p string) bool {
		fits, err := path.Match(p, log)
		return err == nil && fits
	})
}

// rotationRules reads blocks: patterns, an opening brace, directives, scripts up
// to endscript.
func rotationRules(text string) []rotation {
	var out []rotation
	var patterns []string
	var open *rotation
	inScript, n, first := false, 0, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case inScript:
			if inScript = line != "endscript"; inScript && open != nil {
				open.script = strings.TrimSpace(open.script + "; " + line)
			}
		case open != nil && line[0] == '}':
			open.script = strings.TrimPrefix(open.script, "; ")
			out, open, patterns = append(out, *open), nil, nil
		case open != nil:
			word, _, _ := strings.Cut(line, " ")
			inScript = slices.Contains([]string{"postrotate", "prerotate", "firstaction", "lastaction", "preremove"}, word)
			if slices.Contains([]string{"hourly", "daily", "weekly", "monthly", "yearly", "size", "maxsize"}, word) {
				open.when = strings.TrimSpace(open.when + " " + strings.Join(strings.Fields(line), " "))
			}
		default:
			before, _, opens := strings.Cut(line, "{")
			for _, p := range strings.Fields(before) {
				if p = strings.Trim(p, `"'`); strings.HasPrefix(p, "/") {
					if len(patterns) == 0 {
						first = n
					}
					patterns = append(patterns, p)
				}
			}
			switch {
			case opens:
				open = &rotation{line: max(first, 1), patterns: patterns}
			case !strings.ContainsAny(before, "/"):
				patterns = nil
			}
		}
	}
	return out
}
