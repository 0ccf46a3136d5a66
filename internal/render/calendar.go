package render

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// CronOf is a schedule of a machine as the five fields of a CronJob, and the time
// zone that it names itself. What a CronJob cannot say is an error, never a
// schedule that is near it.
func CronOf(s inventory.Schedule) (when, zone string, err error) {
	text := strings.TrimSpace(strings.TrimSuffix(s.When, "(not started)"))
	switch s.Kind {
	case "cron", "anacron":
		if crontab.MatchString(text) && !strings.HasPrefix(text, "@reboot") {
			return strings.Join(strings.Fields(text), " "), "", nil
		}
		return "", "", fmt.Errorf("%q is no time that a CronJob has", s.When)
	case "timer":
		if strings.Contains(text, "Sec=") || strings.Contains(text, ", ") {
			return "", "", fmt.Errorf("the timer begins at %q, which no single time of a CronJob is", s.When)
		}
		return calendar(text)
	}
	return "", "", fmt.Errorf("a schedule of kind %s has no time of its own", s.Kind)
}

var crontab = regexp.MustCompile(`^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([0-9A-Za-z*/,-]+\s+){4}[0-9A-Za-z*/,-]+)$`)

// shorthands are those of systemd.time(7).
var shorthands = map[string]string{
	"minutely": "* * * * *", "hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * 1",
	"monthly": "0 0 1 * *", "yearly": "0 0 1 1 *", "annually": "0 0 1 1 *", "quarterly": "0 0 1 1,4,7,10 *", "semiannually": "0 0 1 1,7 *",
}

var weekdays = map[string]string{"mon": "1", "tue": "2", "wed": "3", "thu": "4", "fri": "5", "sat": "6", "sun": "0"}

// calendar reads a calendar event of systemd.time(7) that has no seconds, no year
// and no last-day-of-month.
func calendar(text string) (when, zone string, err error) {
	fields := strings.Fields(text)
	if n := len(fields); n > 1 && (fields[n-1] == "UTC" || strings.Contains(fields[n-1], "/") && !strings.ContainsAny(fields[n-1], ":*0123456789")) {
		if zone = fields[n-1]; zone == "UTC" {
			zone = "Etc/UTC"
		}
		fields = fields[:n-1]
	}
	if len(fields) == 1 {
		if cron, ok := shorthands[strings.ToLower(fields[0])]; ok {
			return cron, zone, nil
		}
	}
	day, date, clock := "*", "*-*-*", "00:00:00"
	for _, f := range fields {
		switch {
		case strings.Contains(f, ":"):
			clock = f
		case strings.ContainsAny(f, "-") && strings.ContainsAny(f, "*0123456789"):
			date = f
		default:
			day = f
		}
	}
	if len(fields) == 0 || len(fields) > 3 {
		return "", "", errors.New("is empty, or has more than weekday, date and time")
	}
	weekday, err := days(day)
	if err != nil {
		return "", "", err
	}
	month, dom, err := dateOf(date)
	if err != nil {
		return "", "", err
	}
	hour, minute, err := clockOf(clock)
	if err != nil {
		return "", "", err
	}
	if weekday != "*" && dom != "*" {
		return "", "", fmt.Errorf("%q wants a weekday and a day of the month, of which a CronJob takes either", text)
	}
	return strings.Join([]string{minute, hour, dom, month, weekday}, " "), zone, nil
}

func days(text string) (string, error) {
	if text == "*" {
		return text, nil
	}
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		from, to, span := strings.Cut(part, "..")
		a, okA := weekday(from)
		if !span {
			to = from
		}
		b, okB := weekday(to)
		if !okA || !okB {
			return "", fmt.Errorf("%q is no weekday", part)
		}
		switch {
		case !span:
			out = append(out, a)
		case b == "0":
			out = append(out, a+"-6", "0")
		case a > b:
			return "", fmt.Errorf("%q goes over the end of the week", part)
		default:
			out = append(out, a+"-"+b)
		}
	}
	return strings.Join(out, ","), nil
}

func weekday(name string) (string, bool) {
	name = strings.ToLower(name)
	if len(name) < 3 {
		return "", false
	}
	d, ok := weekdays[name[:3]]
	return d, ok
}

func dateOf(text string) (month, day string, err error) {
	parts := strings.Split(text, "-")
	if len(parts) == 2 {
		parts = append([]string{"*"}, parts...)
	}
	if len(parts) != 3 || parts[0] != "*" {
		return "", "", fmt.Errorf("the date %q is of one year, or none that a CronJob has", text)
	}
	if month, err = field(parts[1], 1, 12); err != nil {
		return "", "", err
	}
	day, err = field(parts[2], 1, 31)
	return month, day, err
}

func clockOf(text string) (hour, minute string, err error) {
	parts := strings.Split(text, ":")
	if len(parts) == 3 {
		if n, err := strconv.Atoi(parts[2]); err != nil || n != 0 {
			return "", "", fmt.Errorf("the time %q has seconds, which a CronJob has not", text)
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return "", "", fmt.Errorf("%q is no time of the day", text)
	}
	if hour, err = field(parts[0], 0, 23); err != nil {
		return "", "", err
	}
	minute, err = field(parts[1], 0, 59)
	return hour, minute, err
}

// field is a list of numbers, spans and steps: "*", "5", "1..5", "0/15", "*/15".
func field(text string, least, most int) (string, error) {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		from, to, spans := strings.Cut(span, "..")
		cron := ""
		switch {
		case span == "*":
			cron = "*"
		default:
			a, err := number(from, least, most)
			if err != nil {
				return "", err
			}
			cron = a
			if spans {
				b, err := number(to, least, most)
				if err != nil {
					return "", err
				}
				cron += "-" + b
			} else if stepped {
				cron += "-" + strconv.Itoa(most)
			}
		}
		if stepped {
			n, err := number(step, 1, most)
			if err != nil {
				return "", err
			}
			cron += "/" + n
		}
		out = append(out, cron)
	}
	return strings.Join(out, ","), nil
}

func number(text string, least, most int) (string, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return "", fmt.Errorf("%q is no number from %d to %d", text, least, most)
	}
	return strconv.Itoa(n), nil
}
