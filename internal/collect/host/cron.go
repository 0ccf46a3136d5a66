package host

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/lazy"
)

// crontabs reads the tables of cron(8): the system's, those of packages, those of
// users, and the scripts that run hourly to monthly.
func (m *machine) crontabs() []inventory.Schedule {
	out := m.crontab("/etc/crontab", "")
	for _, name := range m.scheduled("/etc/cron.d") {
		if !m.debian() || runParts.MatchString(path.Base(name)) {
			out = append(out, m.crontab(name, "")...)
		}
	}
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/etc/crontabs"} {
		for _, name := range m.scheduled(dir) {
			if !isDir(path.Join(m.root, name)) {
				out = append(out, m.crontab(name, path.Base(name))...)
			}
		}
	}
	for _, period := range []string{"hourly", "daily", "weekly", "monthly", "yearly"} {
		for _, name := range m.scheduled("/etc/cron." + period) {
			if m.debian() && !runParts.MatchString(path.Base(name)) {
				continue
			}
			text, err := m.file(name)
			m.gap(inventory.SubjectSchedules, name, err)
			s := m.schedule("cron", name, period, "root", name)
			if why := m.app.related("", text); why != "" {
				s.Related, s.Why = true, why
			}
			out = append(out, s)
		}
	}
	return out
}

// runParts are the names that cron and run-parts(8) of Debian look at.
var runParts = lazy.New(`^[A-Za-z0-9_-]+$`)

// scheduled are the files of a directory that could be tables or scripts.
func (m *machine) scheduled(dir string) []string {
	names, err := m.list(dir)
	m.gap(inventory.SubjectSchedules, dir, err)
	var out []string
	for _, n := range names {
		leftover := strings.HasSuffix(n, "~") || strings.HasPrefix(n, ".") || strings.Contains(n, ".dpkg-") || strings.Contains(n, ".rpm") || strings.HasSuffix(n, ".bak")
		if !leftover && !slices.Contains([]string{"atjobs", "atspool", "crontabs", "tabs", "lastrun"}, n) {
			out = append(out, path.Join(dir, n))
		}
	}
	return out
}

// crontab reads one table; in that of a user the lines name none.
func (m *machine) crontab(name, user string) []inventory.Schedule {
	text, err := m.file(name)
	if err != nil {
		m.gap(inventory.SubjectSchedules, name, err)
		return nil
	}
	var out []inventory.Schedule
	n := 0
	for line := range strings.Lines(text) {
		n++
		e, is := cronLine(line, user)
		if !is || distribution.MatchString(e.command) {
			continue
		}
		out = append(out, m.schedule("cron", fmt.Sprintf("%s:%d", name, n), e.when, e.user, e.command))
	}
	return out
}

// distribution are the lines that run the scripts of cron.daily and the like,
// which are listed themselves.
var distribution = lazy.New(`run-parts\s.*/etc/cron\.\w+`)

type cronEntry struct{ when, user, command string }

var cronVariable = lazy.New(`^["']?[A-Za-z_]\w*["']?\s*=`)

// cronLine reads a line of crontab(5): five fields or @daily, the user where the
// table is the system's (user is ""), and the command up to its first bare %.
func cronLine(line, user string) (cronEntry, bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' || cronVariable.MatchString(line) {
		return cronEntry{}, false
	}
	fields := 5
	if line[0] == '@' {
		fields = 1
	}
	var parts []string
	if user == "" {
		fields++
	}
	rest := strings.TrimLeft(strings.TrimPrefix(line, "-"), " \t") // SUSE: do not log
	for range fields {
		part, after, _ := strings.Cut(rest, " ")
		if i := strings.IndexAny(rest, " \t"); i >= 0 {
			part, after = rest[:i], rest[i:]
		}
		parts, rest = append(parts, part), strings.TrimLeft(after, " \t")
	}
	if rest == "" {
		return cronEntry{}, false
	}
	if user == "" {
		user = parts[fields-1]
		parts = parts[:fields-1]
	}
	if !strings.HasPrefix(parts[0], "@") && slices.ContainsFunc(parts, func(p string) bool { return !cronField.MatchString(p) }) {
		return cronEntry{}, false
	}
	return cronEntry{when: strings.Join(parts, " "), user: user, command: untilPercent(rest)}, true
}

var cronField = lazy.New(`^[0-9A-Za-z*,/~?#LW-]+$`)

// untilPercent is the command: what follows a bare % is its standard input.
func untilPercent(command string) string {
	for i := 0; i < len(command); i++ {
		switch command[i] {
		case '\\':
			i++
		case '%':
			return strings.TrimSpace(command[:i])
		}
	}
	return command
}

// anacron reads anacrontab(5): days, delay, name, command.
func (m *machine) anacron() []inventory.Schedule {
	text, err := m.file("/etc/anacrontab")
	m.gap(inventory.SubjectSchedules, "/etc/anacrontab", err)
	var out []inventory.Schedule
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0][0] == '#' || cronVariable.MatchString(strings.TrimSpace(line)) || distribution.MatchString(line) {
			continue
		}
		when := "every " + fields[0] + " days"
		if fields[0][0] == '@' {
			when = fields[0]
		}
		out = append(out, m.schedule("anacron", fmt.Sprintf("/etc/anacrontab:%d", n), when, "root", strings.Join(fields[3:], " ")))
	}
	return out
}

var jobName = lazy.New(`^[a-zA-Z=]([0-9a-f]{5})([0-9a-f]{8})$`)

// jobs reads what at(1) has queued. The name of a job's file has its time in
// minutes; the file has the whole environment of whoever queued it, which is not
// looked at, and then the commands.
func (m *machine) jobs() []inventory.Schedule {
	var out []inventory.Schedule
	for _, dir := range []string{"/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"} {
		names, err := m.list(dir)
		m.gap(inventory.SubjectSchedules, dir, err)
		for _, name := range names {
			match := jobName.FindStringSubmatch(name)
			if match == nil {
				continue
			}
			text, err := m.file(path.Join(dir, name))
			m.gap(inventory.SubjectSchedules, path.Join(dir, name), err)
			minutes, _ := strconv.ParseInt(match[2], 16, 64)
			at := time.Unix(minutes*60, 0).UTC()
			user, command := atJob(text)
			s := m.schedule("at", path.Join(dir, name), at.Format(time.RFC3339), m.userName(user), command)
			s.Next = at
			out = append(out, s)
		}
	}
	return out
}

var (
	atOwner = lazy.New(`(?m)^# atrun uid=(\d+)`)
	atHere  = lazy.New(`(?m)<<\s*'?"?(marcinDELIMITER\w+)'?"?\s*$`)
)

// atJob gives the number of the user and the commands of a job: what stands
// behind the change of directory, and within the here-document where there is one.
func atJob(text string) (uid, command string) {
	if match := atOwner.FindStringSubmatch(text); match != nil {
		uid = match[1]
	}
	if at := atHere.FindStringSubmatchIndex(text); at != nil {
		body, _, _ := strings.Cut(text[at[1]:], "\n"+text[at[2]:at[3]])
		return uid, strings.TrimSpace(body)
	}
	if _, body, is := strings.Cut(text, "Execution directory inaccessible"); is {
		if _, body, is = strings.Cut(body, "}\n"); is {
			return uid, strings.TrimSpace(body)
		}
	}
	return uid, ""
}

// userName is the name of a user by number, the number where passwd(5) has none.
func (m *machine) userName(uid string) string {
	for line := range strings.Lines(m.text("/etc/passwd")) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[2] == uid {
			return fields[0]
		}
	}
	return uid
}
