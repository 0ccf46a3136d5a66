package host

import (
	"context"
	"path"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/lazy"
	"rehome.dev/rehome/internal/scan"
)

// schedules is everything that runs by time on the machine, the application's
// marked as such.
func (m *machine) schedules(ctx context.Context, f *inventory.Facts) []inventory.Schedule {
	out := m.timers(ctx, f)
	out = append(out, m.lingering()...)
	out = append(out, m.crontabs()...)
	out = append(out, m.anacron()...)
	out = append(out, m.jobs()...)
	return append(out, m.rotations()...)
}

// schedule is one entry, with what it says in full to tell whose it is; the
// command that goes into the facts has lost its secrets.
func (m *machine) schedule(kind, name, when, user, command string) inventory.Schedule {
	s := inventory.Schedule{Kind: kind, Name: inventory.Name(name), When: inventory.Name(when), User: inventory.Name(user)}
	s.Command = shown(command)
	s.Why = m.app.related(user, command)
	if s.Why == "" {
		for _, script := range m.scripts(command) {
			if why := m.app.related("", m.text(script)); why != "" {
				s.Why = inventory.Name(script) + " " + why
				break
			}
		}
	}
	s.Related = s.Why != ""
	return s
}

// shown is a command as it may leave the machine.
func shown(command string) string {
	const most = 400
	command, _ = scan.CommandLine(strings.Join(strings.Fields(command), " "))
	if len(command) > most {
		command = strings.ToValidUTF8(command[:most], "") + " …"
	}
	return inventory.Name(command)
}

var absolute = lazy.New(`(?:^|[\s"'=;(&|])(/[\w./+@-]+)`)

// scripts are the scripts that a command runs, as far as it says so: at most
// three, and nothing but text.
func (m *machine) scripts(command string) []string {
	var out []string
	for _, match := range absolute.FindAllStringSubmatch(command, 16) {
		name := path.Clean(match[1])
		if len(out) < 3 && !strings.HasPrefix(name, "/usr/bin/") && !strings.HasPrefix(name, "/dev/") && strings.HasPrefix(m.text(name), "#!") {
			out = append(out, name)
		}
	}
	return out
}
