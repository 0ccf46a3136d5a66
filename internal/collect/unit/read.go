package unit

import (
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// State is a unit with what is needed to find its processes and variables.
type State struct {
	Unit         inventory.Unit
	Load         string // loaded, not-found, masked …
	ControlGroup string // "" while it has no processes
	// Members are units that go up and down with this one: where it has no
	// processes itself, they are theirs.
	Members []string
	// Variables are those of Environment= and the environment files; Secrets are
	// places in command lines and variables.
	Variables []inventory.Variable
	Secrets   []inventory.SecretPlace
}

// Read turns properties into a State, without a secret. Root is where the
// environment files are; those that could not be read are given by path and reason.
func Read(p Properties, root string) (State, map[string]string) {
	s := State{
		Load:         p.First("LoadState"),
		ControlGroup: p.First("ControlGroup"),
		Members:      strings.Fields(p.First("ConsistsOf")),
	}
	u := &s.Unit
	*u = inventory.Unit{
		Name:           p.First("Id"),
		Description:    redact(p.First("Description")),
		Path:           p.First("FragmentPath"),
		DropIns:        paths(p.First("DropInPaths")),
		Type:           p.First("Type"),
		State:          p.First("ActiveState") + "/" + p.First("SubState"),
		User:           p.First("User"),
		StandardOutput: p.First("StandardOutput"),
		StandardError:  p.First("StandardError"),
		KillSignal:     signal(p.First("KillSignal")),
		TimeoutStop:    span(p.First("TimeoutStopUSec")),
		StartedAt:      stamp(p.First("ExecMainStartTimestamp"), p.First("ActiveEnterTimestamp")),
		Boot:           boot(p),
		TriggeredBy:    strings.Fields(p.First("TriggeredBy")),
	}
	u.MainPID, _ = strconv.Atoi(p.First("MainPID"))
	u.Restarts, _ = strconv.Atoi(p.First("NRestarts"))
	for _, start := range p["ExecStart"] {
		line, found := scan.CommandLine(commandLine(start))
		u.Start = append(u.Start, line)
		s.place(found)
	}
	unreadable := s.environment(p, root)
	u.Settings = settings(p)
	return s, unreadable
}

func (s *State) place(found []scan.Argument) {
	for _, f := range found {
		key := f.Key
		if key == "" {
			key = "argument " + strconv.Itoa(f.Position)
		}
		s.Secrets = append(s.Secrets, inventory.SecretPlace{File: s.Unit.Path, Key: "ExecStart " + key, Rule: f.Rule, In: "unit"})
	}
}

// commandLine takes the command out of what systemctl prints of ExecStart:
// "{ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -g … ; ignore_errors=no ; … }".
func commandLine(value string) string {
	_, line, ok := strings.Cut(value, "argv[]=")
	if !ok {
		return value
	}
	if i := strings.LastIndex(line, " ; ignore_errors="); i >= 0 {
		line = line[:i]
	} else if i := strings.LastIndex(line, " ; flags="); i >= 0 { // ExecStartEx
		line = line[:i]
	}
	return line
}

// settings are all properties without secrets: of the environment only names,
// and no credential.
func settings(p Properties) map[string]string {
	out := map[string]string{}
	for key, values := range p {
		var clean []string
		for _, v := range values {
			switch {
			case v == "" || v == "[not set]":
				continue
			case key == "Environment":
				var names []string
				for _, v := range scan.Words(v) {
					name, _, _ := strings.Cut(v, "=")
					names = append(names, name)
				}
				v = strings.Join(names, " ")
			case strings.HasPrefix(key, "SetCredential"):
				v = "[redacted]"
			case strings.HasPrefix(key, "Exec") && strings.Contains(v, "argv[]="):
				v, _ = scan.CommandLine(commandLine(v))
			}
			clean = append(clean, redact(v))
		}
		if len(clean) > 0 {
			out[key] = strings.Join(clean, "\n")
		}
	}
	return out
}

func redact(text string) string {
	clean, _ := scan.Redact([]byte(text))
	return string(clean)
}

func paths(list string) []string {
	words := scan.Words(list)
	if len(words) == 0 {
		return nil
	}
	return words
}

// boot is how long the last start took until the unit was active. Of a forking
// one the main process is known only at the end, so its start is that of the unit.
func boot(p Properties) time.Duration {
	from := "ExecMainStartTimestampMonotonic"
	switch p.First("Type") {
	case "forking":
		from = "InactiveExitTimestampMonotonic"
	case "notify", "notify-reload", "dbus", "oneshot":
	default:
		return 0
	}
	began, err1 := strconv.ParseInt(p.First(from), 10, 64)
	active, err2 := strconv.ParseInt(p.First("ActiveEnterTimestampMonotonic"), 10, 64)
	if err1 != nil || err2 != nil || began == 0 || active < began {
		return 0
	}
	return time.Duration(active-began) * time.Microsecond
}

// stamp reads the first of the times that is set: "Sun 2026-11-22 18:14:32 UTC".
func stamp(values ...string) time.Time {
	for _, v := range values {
		if t, err := time.Parse("Mon 2006-01-02 15:04:05 MST", v); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

var units = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "month": 2629800 * time.Second, "y": 31557600 * time.Second,
}

// span reads a time span of systemd, "1min 30s" (systemd.time(7)). Infinity, and
// what is no span, is 0.
func span(text string) time.Duration {
	var sum time.Duration
	for _, field := range strings.Fields(text) {
		i := strings.IndexFunc(field, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i <= 0 {
			return 0
		}
		n, err := strconv.ParseFloat(field[:i], 64)
		unit, ok := units[field[i:]]
		if err != nil || !ok {
			return 0
		}
		sum += time.Duration(n * float64(unit))
	}
	return sum
}

// signals are the numbers of Linux on the machines that it is used on; MIPS and
// SPARC count otherwise.
var signals = map[string]string{
	"1": "SIGHUP", "2": "SIGINT", "3": "SIGQUIT", "6": "SIGABRT", "9": "SIGKILL", "10": "SIGUSR1",
	"12": "SIGUSR2", "15": "SIGTERM", "28": "SIGWINCH",
}

func signal(number string) string {
	if name := signals[number]; name != "" {
		return name
	}
	return number
}
