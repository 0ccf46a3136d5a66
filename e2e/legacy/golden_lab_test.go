//go:build lab

package legacy_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the goldens again; what a person wrote in them stays")

const (
	bankMounts = "{configMap: bank, path: /etc/bank}, {secret: bank, env: true}"
	approved   = "FROM golang AS build\nRUN go build\nFROM registry.golemtrust.am/base/static\nUSER 1000\nCOPY --from=build /app /app\n"
	fixes      = `  fixes:
    - {code: LOGS-STDOUT, drill: logs-stdout, how: it logs to stdout}
    - {code: STATE-DISK, drill: session-replay, how: sessions are in a signed cookie}
    - {code: HEALTH, drill: health-truth, how: it has /healthz and /readyz}
    - {code: SIGTERM, drill: drain-load, how: it drains}
`
	schedules = `  schedules:
    - {name: royal-bank-eod.timer, owner: cluster}
    - {name: "/etc/cron.d/royal-bank:1", owner: machine}
    - {name: "/etc/cron.d/royal-bank:2", owner: nobody}
  data: {shared: false}
`
	fromTheHub = "FROM debian:12\nCOPY app /app\n"
)

// enough are the samples from which a probe may say that something is not there.
var enough = []string{"--for", "7s", "--every", "500ms"}

// applications are the goldens' by name.
var applications = map[string]application{
	"nginx":      {unit: "nginx", dirs: []string{"/etc/nginx"}},
	"redis":      {unit: "redis-server", dirs: []string{"/etc/redis"}, declared: "  data: {shared: true, stores: [\"127.0.0.1:6379\", \"[::1]:6379\"]}\n"},
	"postgresql": {unit: "postgresql@15-main", dirs: []string{"/etc/postgresql/15/main"}},
	"tomcat":     {unit: "tomcat10", dirs: []string{"/etc/tomcat10"}, dockerfile: fromTheHub},
	"php":        {unit: "php8.2-fpm", dirs: []string{"/etc/php/8.2/fpm", "/var/www/html"}},
	"gunicorn":   {unit: "ledger", dirs: []string{"/opt/ledger"}, mounts: bankMounts},
	"h2":         {unit: "h2"},
	"rsyslog":    {unit: "rsyslog", dirs: []string{"/etc/rsyslog.d"}},
	"postfix":    {unit: "postfix@-", dirs: []string{"/etc/postfix"}},
	"haproxy":    {unit: "haproxy", dirs: []string{"/etc/haproxy"}},

	"bank-as-it-grew": {unit: "royal-bank-api", dirs: []string{"/etc/royal-bank-api"}, dockerfile: fromTheHub},
	"bank-with-fixes": {unit: "royal-bank-api", dirs: []string{"/etc/royal-bank-api"}, dockerfile: approved, mounts: bankMounts, declared: fixes + schedules},
	"bank-put-right": {unit: "royal-bank-api-fixed", dirs: []string{"/etc/royal-bank-api-fixed"}, dockerfile: approved, mounts: bankMounts, declared: schedules,
		probe: []string{"--health-path", "/healthz", "--health-path", "/readyz", "--health-path", "/accounts", "--drill", "sigterm", "--yes", "--load", at("8082", "/"), "--rate", "20"}},
	"bank-asks-too-little": {unit: "royal-bank-api-fixed", dirs: []string{"/etc/royal-bank-api-fixed"}, dockerfile: approved, mounts: bankMounts, declared: schedules,
		resources: "{requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}", probe: []string{"--load", at("8082", "/accounts"), "--rate", "20"}},
	"bank-seen-by-a-stranger": {unit: "royal-bank-api-fixed", dirs: []string{"/etc/royal-bank-api-fixed"}, user: "onlooker"},

	"compiled-in":    {unit: "compiledin", mounts: bankMounts},
	"worker":         {unit: "worker"},
	"python-http":    {unit: "python-http"},
	"remote":         {unit: "remote", declared: "  data: {shared: true, stores: [\"db.golemtrust.am:5432\"]}\n"},
	"before-systemd": {port: 9010},
	"supervised":     {port: 9011},
}

func TestFindings(t *testing.T) {
	w := newWorld(t)
	w.traffic(t)
	t.Run("of", func(t *testing.T) {
		for name, app := range applications {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join("testdata", name+".golden")
				look := func() []string {
					_, facts := w.probe(t, cmp.Or(app.user, "root"), app.arguments()...)
					return compare(t, path, told(w.assess(t, facts, app)))
				}
				// A connection of milliseconds is in some samples and not in others: what is
				// told again, and otherwise, was luck; what is told twice is a finding.
				found := look()
				if len(found) > 0 {
					t.Logf("looked at again, because of\n%s", strings.Join(found, "\n"))
					found = look()
				}
				for _, f := range found {
					t.Error(f)
				}
			})
		}
	})
}

// arguments are those of the probe.
func (a application) arguments() []string {
	args := append([]string{}, enough...)
	if args = append(args, "--unit", a.unit); a.port > 0 {
		args = append(args[:len(args)-2], "--port", fmt.Sprint(a.port))
	}
	for _, dir := range a.dirs {
		args = append(args, "--config-dir", dir)
	}
	return append(args, a.probe...)
}

// finding is one paragraph of a golden: its first line, and what was observed.
type finding struct{ head, body string }

func told(a assessment) []finding {
	out := []finding{{head: fmt.Sprintf("READY %t, effort %s", a.Ready, a.Effort)}}
	for _, f := range a.Findings {
		head := fmt.Sprintf("%s %s", f.Code, f.Verdict)
		if f.Blocks {
			head += ", blocks"
		}
		out = append(out, finding{head, "  " + masked(f.Observed)})
	}
	return out
}

// masks take out of a text what is different each time.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`CPU request of \d+m\b`), "CPU request of MILLI"},
	{regexp.MustCompile(`\b\d+(\.\d+)? [KMGT]?i?B\b`), "SIZE"},
	{regexp.MustCompile(`\b(process|pid|PID) \d+`), "$1 N"},
	{regexp.MustCompile(`\b([a-z][a-z0-9.-]*) \(\d+\)`), "$1 (N)"},
	{regexp.MustCompile(`\b\d+ of \d+ (samples|looks)`), "N of N $1"},
	{regexp.MustCompile(`: Get "https:.*`), ": ..."},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s|m|h)([0-9.]+(ms|s|m))*\b`), "TIME"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ][0-9:.]+(Z|[+-]\d\d:?\d\d)?`), "WHEN"},
	{regexp.MustCompile(`sess_[0-9A-Za-z]+`), "sess_ID"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`), "DATE"},
	{regexp.MustCompile(`(dials 127\.0\.0\.1:8080)( \([^)]*\))+`), "$1"}, // known from its configuration, and sometimes seen
	{regexp.MustCompile(`(/var/lib/postgresql/15/main/)[^ ;]+`), "${1}FILE"},
	{regexp.MustCompile(`all \d+ requests`), "all N requests"},
	{regexp.MustCompile(`and \d+ more`), "and N more"},
	{regexp.MustCompile(`\b\d+ (files?|logs?|samples?|sessions?|of them|looks?)\b`), "N $1"},
}

func masked(text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	return text
}

// compare holds findings against a golden, and gives what is different. Lines that
// begin with # are of the person who looked whether it is true, and stand above
// what they are about.
func compare(t *testing.T, path string, got []finding) (different []string) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	remarks, want := parse(string(have))
	var text strings.Builder
	for _, f := range got {
		text.WriteString(remarks[strings.Fields(f.head)[0]] + f.head + "\n")
		if f.body != "" {
			text.WriteString(f.body + "\n")
		}
		if !*update && want[f.head] != f.body {
			different = append(different, fmt.Sprintf("%s\n%s\nwanted:\n%s", f.head, f.body, orOther(want, f)))
		}
	}
	if !*update {
		if len(want) != len(got) {
			different = append(different, fmt.Sprintf("%d findings, %d in %s", len(got), len(want), path))
		}
		return different
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return nil
}

func orOther(want map[string]string, f finding) string {
	code := strings.Fields(f.head)[0]
	for head, body := range want {
		if strings.Fields(head)[0] == code {
			return head + "\n" + body
		}
	}
	return "(nothing)"
}

func parse(text string) (remarks, want map[string]string) {
	remarks, want = map[string]string{}, map[string]string{}
	var remark, head string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
			remark += line
		case strings.HasPrefix(line, "  "):
			want[head] = strings.TrimSuffix(line, "\n")
		default:
			head = strings.TrimSuffix(line, "\n")
			want[head], remarks[strings.Fields(line)[0]], remark = "", remark, ""
		}
	}
	return remarks, want
}
