package host

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// timers asks systemd for its timers and what they start.
func (m *machine) timers(ctx context.Context, f *inventory.Facts) []inventory.Schedule {
	if !m.exists("/run/systemd/system") {
		return nil
	}
	text, err := m.run(ctx, "systemctl", "show", "*.timer", "--all", "--no-pager",
		"--property=Id,Unit,TimersCalendar,TimersMonotonic,NextElapseUSecRealtime,ActiveState,LoadState")
	if err != nil {
		m.scope.Gaps.Add(inventory.SubjectSchedules, "timers of systemd", "systemctl show: "+err.Error())
		return nil
	}
	timers := properties(string(text))
	started := m.services(ctx, timers)
	var out []inventory.Schedule
	for _, t := range timers {
		if t.first("Id") == "" || t.first("LoadState") == "not-found" {
			continue
		}
		s := started[t.first("Unit")]
		entry := m.schedule("timer", t.first("Id"), timerWhen(t), s.first("User"), serviceText(s))
		entry.Command = shown(strings.Join(commands(s["ExecStart"]), "; "))
		if t.first("ActiveState") == "inactive" {
			entry.When += " (not started)"
		}
		entry.Next = timerNext(t.first("NextElapseUSecRealtime"))
		if u := f.Unit; u != nil && (t.first("Unit") == u.Name || slices.Contains(u.TriggeredBy, t.first("Id"))) {
			entry.Related, entry.Why = true, "starts "+inventory.Name(u.Name)
		}
		out = append(out, entry)
	}
	return out
}

// services are the units that timers start, by name.
func (m *machine) services(ctx context.Context, timers []unit) map[string]unit {
	args := []string{"show", "--no-pager", "--property=Id,User,ExecStart,WorkingDirectory"}
	for _, t := range timers {
		if name := t.first("Unit"); name != "" && !strings.HasPrefix(name, "-") {
			args = append(args, name)
		}
	}
	out := map[string]unit{}
	if len(args) == 3 {
		return out
	}
	text, err := m.run(ctx, "systemctl", args...)
	if err != nil {
		m.scope.Gaps.Add(inventory.SubjectSchedules, "what the timers start", "systemctl show: "+err.Error())
	}
	for _, u := range properties(string(text)) {
		out[u.first("Id")] = u
	}
	return out
}

// serviceText is what tells whose a service is.
func serviceText(u unit) string {
	return strings.Join(append(commands(u["ExecStart"]), u.first("WorkingDirectory"), u.first("Id")), " ")
}

// unit are the properties of one unit; some have several values.
type unit map[string][]string

func (u unit) first(name string) string {
	if len(u[name]) == 0 {
		return ""
	}
	return u[name][0]
}

// properties reads what systemctl show prints: units are divided by empty lines.
func properties(text string) []unit {
	var out []unit
	for block := range strings.SplitSeq(text, "\n\n") {
		u := unit{}
		for line := range strings.Lines(block) {
			if name, value, is := strings.Cut(strings.TrimRight(line, "\n"), "="); is && value != "" {
				u[name] = append(u[name], value)
			}
		}
		if len(u) > 0 {
			out = append(out, u)
		}
	}
	return out
}

// timerWhen is what the timer's file says, from "{ OnCalendar=daily ; next_elapse=… }".
func timerWhen(u unit) string {
	var out []string
	for _, name := range []string{"TimersCalendar", "TimersMonotonic"} {
		for _, value := range u[name] {
			what, _, _ := strings.Cut(strings.Trim(value, "{ }"), " ; ")
			if name == "TimersCalendar" {
				what = strings.TrimPrefix(what, "OnCalendar=")
			}
			out = append(out, strings.Replace(what, "USec=", "Sec=", 1))
		}
	}
	return strings.Join(out, ", ")
}

// timerNext reads systemd's form of a time, which was asked for in UTC.
func timerNext(text string) time.Time {
	at, err := time.Parse("Mon 2006-01-02 15:04:05 UTC", text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// commands are the command lines of "{ path=… ; argv[]=… ; ignore_errors=… ; … }".
func commands(values []string) []string {
	var out []string
	for _, v := range values {
		if _, argv, is := strings.Cut(v, "argv[]="); is {
			argv, _, _ = strings.Cut(argv, " ; ignore_errors=")
			out = append(out, argv)
		}
	}
	return out
}

// lingering are the timers of users whose own systemd runs without them. Their
// files are read: asking their systemd would need to become them.
func (m *machine) lingering() []inventory.Schedule {
	users, err := m.list("/var/lib/systemd/linger")
	m.gap(inventory.SubjectSchedules, "/var/lib/systemd/linger", err)
	var out []inventory.Schedule
	for _, user := range users {
		dir := path.Join(m.home(user), ".config/systemd/user")
		names, err := m.list(dir)
		m.gap(inventory.SubjectSchedules, dir, err)
		for _, name := range names {
			if !strings.HasSuffix(name, ".timer") {
				continue
			}
			timer := m.text(path.Join(dir, name))
			service := m.text(path.Join(dir, strings.TrimSuffix(name, ".timer")+".service"))
			out = append(out, m.schedule("timer", path.Join(dir, name), variable(timer, "OnCalendar"), user, variable(service, "ExecStart")))
		}
	}
	return out
}

// home is the home directory of a user of passwd(5).
func (m *machine) home(user string) string {
	for line := range strings.Lines(m.text("/etc/passwd")) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) > 5 && fields[0] == user {
			return fields[5]
		}
	}
	return path.Join("/home", user)
}
