package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// said prints schedules for comparison, one per line.
func said(all []inventory.Schedule) string {
	var out []string
	for _, s := range all {
		line := fmt.Sprintf("%s %s [%s] %s: %s", s.Kind, s.Name, s.When, s.User, s.Command)
		if s.Related {
			line += " <- " + s.Why
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func compare(t *testing.T, got string, want ...string) {
	t.Helper()
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("got\n%s\nwant\n%s", got, w)
	}
}

func bank(w *world) {
	w.facts.Unit = &inventory.Unit{Name: "bank.service", User: "bank", TriggeredBy: []string{"bank-start.timer"}}
	w.facts.Processes = []inventory.Process{{User: "bank", Executable: "/opt/bank/bin/bank"}}
	w.facts.Files = []inventory.File{{Path: "/var/lib/bank/accounts.db", Class: inventory.FileData}, {Path: "/usr/lib/libc.so", Class: inventory.FileProgram}}
	w.facts.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/bank/access.log"}}
}

func TestCrontabs(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/etc/debian_version": "12\n",
		"/etc/crontab": "SHELL=/bin/sh\nPASSWORD=" + canary + "\n# m h\n17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n" +
			"0 2 * * * root /usr/local/bin/nightly --password " + canary + "\n*/5 * * * * www-data php /var/www/other/cron.php\n",
		"/usr/local/bin/nightly":                "#!/bin/sh\ntar cf /backup/x.tar /var/lib/bank\n",
		"/etc/cron.d/bank":                      "@reboot bank /usr/bin/true\nbroken line\n",
		"/etc/cron.d/bank.disabled":             "1 1 * * * root /opt/bank/bin/bank\n",
		"/etc/cron.d/.placeholder":              "1 1 * * * root /opt/bank/bin/bank\n",
		"/etc/cron.daily/dpkg":                  "#!/bin/sh\nexit 0\n",
		"/etc/cron.weekly/report":               "#!/bin/sh\nsystemctl reload bank\n",
		"/var/spool/cron/crontabs/bank":         "0 4 * * 1-5 date +\\%F; mail -s x%body " + canary + "\n",
		"/var/spool/cron/crontabs/vimes":        "1 2 3 4 5 echo postgres://bank:" + canary + "@db/bank\n",
		"/etc/anacrontab":                       "RANDOM_DELAY=45\n1\t5\tcron.daily\trun-parts --report /etc/cron.daily\n7 25 weekly /opt/bank/bin/weekly\n@monthly 45 m /bin/true\n",
		"/var/spool/cron/atjobs/a0000101bb8240": "#!/bin/sh\n# atrun uid=33 gid=33\n# mail x 0\numask 22\nDB_PASSWORD=" + canary + "; export DB_PASSWORD\ncd /srv || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n${SHELL:-/bin/sh} << 'marcinDELIMITER1234'\n/opt/bank/bin/close --token=" + canary + "\n\nmarcinDELIMITER1234\n",
		"/etc/passwd":                           "www-data:x:33:33::/var/www:/bin/false\nbank:x:900:900::/opt/bank:/bin/sh\n",
	})
	bank(w)
	f := w.finish()
	compare(t, said(f.Schedules),
		"cron /etc/crontab:5 [0 2 * * *] root: /usr/local/bin/nightly --password [redacted: argument] <- /usr/local/bin/nightly names /var/lib/bank",
		"cron /etc/crontab:6 [*/5 * * * *] www-data: php /var/www/other/cron.php",
		"cron /etc/cron.d/bank:1 [@reboot] bank: /usr/bin/true <- runs as bank",
		"cron /var/spool/cron/crontabs/bank:1 [0 4 * * 1-5] bank: date +\\x5c%F; mail -s x <- runs as bank",
		"cron /var/spool/cron/crontabs/vimes:1 [1 2 3 4 5] vimes: echo postgres://bank:[redacted: url]@db/bank <- names bank",
		"cron /etc/cron.daily/dpkg [daily] root: /etc/cron.daily/dpkg",
		"cron /etc/cron.weekly/report [weekly] root: /etc/cron.weekly/report <- names bank",
		"anacron /etc/anacrontab:3 [every 7 days] root: /opt/bank/bin/weekly <- names /opt/bank/bin",
		"anacron /etc/anacrontab:4 [@monthly] root: /bin/true",
		"at /var/spool/cron/atjobs/a0000101bb8240 [2025-04-06T13:52:00Z] www-data: /opt/bank/bin/close --token=[redacted: argument] <- names /opt/bank/bin")
	if text, _ := json.Marshal(f); strings.Contains(string(text), canary) {
		t.Error("a secret of a command is in the facts")
	}
}

func TestATableThatCannotBeReadIsAGap(t *testing.T) {
	w := newWorld(t, nil)
	w.link("/var/spool/cron/crontabs/bank", "bank") // for root nothing else is unreadable
	f := w.finish()
	if len(f.Schedules) != 0 || !strings.Contains(w.gaps(), "schedules /var/spool/cron/crontabs/bank: too many levels of symbolic links") {
		t.Errorf("%v, gaps %s", f.Schedules, w.gaps())
	}
}

func TestTimers(t *testing.T) {
	w := newWorld(t, map[string]string{"/run/systemd/system/x": "",
		"/var/lib/systemd/linger/bank": "", "/etc/passwd": "bank:x:900:900::/opt/bank:/bin/sh\n",
		"/opt/bank/.config/systemd/user/tidy.timer":   "[Timer]\nOnCalendar=hourly\n",
		"/opt/bank/.config/systemd/user/tidy.service": "[Service]\nExecStart=/usr/bin/tidy\n"})
	bank(w)
	w.collector.run = func(_ context.Context, _ string, args ...string) ([]byte, error) {
		if args[1] == "*.timer" {
			return []byte("Id=bank-interest.timer\nUnit=bank-interest.service\nTimersCalendar={ OnCalendar=*-*-* 03:00:00 ; next_elapse=Mon 2026-11-23 03:00:00 UTC }\nNextElapseUSecRealtime=Mon 2026-11-23 03:00:00 UTC\nActiveState=active\nLoadState=loaded\n\n" +
				"Id=apt-daily.timer\nUnit=apt-daily.service\nTimersCalendar={ OnCalendar=*-*-* 06,18:00:00 ; next_elapse=n/a }\nTimersMonotonic={ OnBootUSec=15min ; next_elapse=0 }\nActiveState=inactive\nLoadState=loaded\n\n" +
				"Id=bank-start.timer\nUnit=bank.service\nActiveState=active\nLoadState=loaded\n\nId=gone.timer\nLoadState=not-found\n"), nil
		}
		if !slices.Equal(args[3:], []string{"bank-interest.service", "apt-daily.service", "bank.service"}) {
			return nil, errors.New("unexpected")
		}
		return []byte("ExecStart={ path=/usr/bin/java ; argv[]=/usr/bin/java -Ddb.password=" + canary + " -jar /opt/bank/lib/interest.jar ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\nUser=root\nId=bank-interest.service\n\n" +
			"ExecStart={ path=/usr/lib/apt/apt.systemd.daily ; argv[]=/usr/lib/apt/apt.systemd.daily update ; ignore_errors=no ; pid=0 }\nId=apt-daily.service\n"), nil
	}
	w.scope.Request.Dirs = []string{"/opt/bank/lib"}
	f := w.finish()
	compare(t, said(f.Schedules),
		"timer bank-interest.timer [*-*-* 03:00:00] root: /usr/bin/java -Ddb.password=[redacted: argument] -jar /opt/bank/lib/interest.jar <- names /opt/bank/lib",
		"timer apt-daily.timer [*-*-* 06,18:00:00, OnBootSec=15min (not started)] : /usr/lib/apt/apt.systemd.daily update",
		"timer bank-start.timer [] :  <- starts bank.service",
		"timer /opt/bank/.config/systemd/user/tidy.timer [hourly] bank: /usr/bin/tidy <- runs as bank")
	if want := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC); !f.Schedules[0].Next.Equal(want) {
		t.Errorf("next %s", f.Schedules[0].Next)
	}
}

func TestTimersThatCannotBeAskedForAreAGap(t *testing.T) {
	w := newWorld(t, map[string]string{"/run/systemd/system/x": ""})
	w.finish()
	if !strings.Contains(w.gaps(), "schedules timers of systemd: systemctl show: is not there") {
		t.Errorf("gaps %s", w.gaps())
	}
}

func TestRotations(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/etc/logrotate.conf":        "weekly\nrotate 4\ninclude /etc/logrotate.d\n/var/log/wtmp {\n  monthly\n}\n",
		"/etc/logrotate.d/bank":      "# x\n/var/log/bank/*.log\n\"/var/log/bank/*.out\" {\n  daily\n  size 10M\n  postrotate\n    curl -u bank:" + canary + " http://localhost/reopen\n  endscript\n}\n",
		"/etc/logrotate.d/other":     "/var/log/other/*.log {\n  daily\n}\n",
		"/etc/logrotate.d/bank.bak~": "/var/log/bank/*.log {\n}\n",
	})
	bank(w)
	compare(t, said(w.finish().Schedules), "logrotate /etc/logrotate.d/bank:2 [daily size 10M] root: curl -u bank:[redacted: argument] http://localhost/reopen <- rotates /var/log/bank/access.log")
}

func TestWhatIsRelated(t *testing.T) {
	w := newWorld(t, nil)
	bank(w)
	w.facts.Programs = []inventory.Program{{Path: "/usr/bin/python3.11"}, {Path: "/usr/sbin/bankd"}}
	a := applicationOf(w.scope, w.facts)
	for text, want := range map[string]string{
		"/opt/bank/bin/bank --close":              "runs /opt/bank/bin/bank",
		"/usr/sbin/bankd -t":                      "runs /usr/sbin/bankd",
		"find /var/lib/bank -mtime +1":            "names /var/lib/bank",
		"find /var/lib/bank.":                     "names /var/lib/bank",
		"systemctl restart bank":                  "names bank",
		"/opt/bankrupt/bin/x":                     "",
		"/opt/bank/bin2/bank-x":                   "names bank",
		"/usr/bin/python3.11 /srv/x.py":           "",
		"find /var/lib/banking":                   "",
		"/usr/lib/php/sessionclean":               "",
		"/usr/sbin/logrotate /etc/logrotate.conf": "",
	} {
		if got := a.related("root", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := a.related("bank", "true"); got != "runs as bank" {
		t.Errorf("%q", got)
	}
	w.facts.Groups = []inventory.FileGroup{{Directory: "/tmp"}, {Directory: "/usr/lib/x"}, {Directory: "/var/lib"}}
	w.facts.Files = append(w.facts.Files, inventory.File{Path: "/var/lib/php/sessions/sess_1"})
	a = applicationOf(w.scope, w.facts)
	if a.related("root", "rm -r /tmp /usr/lib/x /var/lib") != "" || a.related("root", "/usr/lib/php/sessionclean") == "" {
		t.Errorf("%+v", a)
	}
}

func TestRootsOwnApplicationHasNoUser(t *testing.T) {
	w := newWorld(t, nil)
	w.facts.Unit = &inventory.Unit{Name: "api.service", User: "root"}
	w.facts.Processes = []inventory.Process{{User: "root"}}
	a := applicationOf(w.scope, w.facts)
	if why := a.related("root", "curl http://localhost/api/close"); why != "" {
		t.Errorf("%q: everything of root's would be its own", why)
	}
	if a.related("root", "systemctl restart api.service") == "" {
		t.Error("its unit is not recognised")
	}
}

func FuzzCronLine(f *testing.F) {
	f.Add("*/5 * * * * root /bin/true % x", "")
	f.Add("@daily /bin/true", "bank")
	f.Add("\t1 2", "")
	f.Fuzz(func(t *testing.T, line, user string) {
		if e, is := cronLine(line, user); is && (e.command == "" && !strings.Contains(line, "%") || e.when == "" || e.user == "") {
			t.Errorf("%q: %+v", line, e)
		}
	})
}

func FuzzFiles(f *testing.F) {
	f.Add("/var/log/a.log {\n daily\n postrotate\n x\n endscript\n}\n")
	f.Add("127.0.0.1 a b # c\nnet.a = 1\nId=a.timer\nTimersCalendar={ OnCalendar=a ; b }\n")
	f.Add("36 35 98:0 / /mnt\\040x rw,a=b - ext3 //u:p@h/s rw,password=x\n1\teth0 : 1\n\t\t010000E0 1 0 0\n")
	f.Add("# atrun uid=0\n<< 'marcinDELIMITERx'\na\nmarcinDELIMITERx\n   0: 0100007F:18EB 0:0 0A 0 0 0 0 0 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		rotationRules(text)
		hostEntries(text, "bank", nil)
		sysctls(text, "x")
		for _, u := range properties(text) {
			timerWhen(u)
			commands(u["ExecStart"])
		}
		mountInfo(text)
		igmp4(text)
		igmp6(text)
		atJob(text)
		listening(text, false)
	})
}

func TestMain(m *testing.M) {
	os.Setenv("TZ", "UTC")
	os.Exit(m.Run())
}
