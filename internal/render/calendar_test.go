package render

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

func TestCronOf(t *testing.T) {
	for _, c := range []struct{ kind, when, want, zone string }{
		{"cron", "*/5 * * * *", "*/5 * * * *", ""},
		{"cron", "30  2 * * mon-fri", "30 2 * * mon-fri", ""},
		{"cron", "@daily", "@daily", ""},
		{"cron", "@reboot", "", ""},
		{"timer", "daily", "0 0 * * *", ""},
		{"timer", "weekly", "0 0 * * 1", ""},
		{"timer", "hourly (not started)", "0 * * * *", ""},
		{"timer", "*-*-* 02:30:00", "30 2 * * *", ""},
		{"timer", "02:30", "30 2 * * *", ""},
		{"timer", "*-*-* *:0/15:00", "0-59/15 * * * *", ""},
		{"timer", "*:*/10", "*/10 * * * *", ""},
		{"timer", "Mon..Fri *-*-* 22:00:00", "0 22 * * 1-5", ""},
		{"timer", "Mon..Sun 01:00", "0 1 * * 1-6,0", ""},
		{"timer", "Sat,Sun *-*-* 08,20:00:00", "0 8,20 * * 6,0", ""},
		{"timer", "*-01,07-01 00:00:00", "0 0 1 1,7 *", ""},
		{"timer", "*-*-1..7 04:05:00 Europe/Berlin", "5 4 1-7 * *", "Europe/Berlin"},
		{"timer", "02:00 UTC", "0 2 * * *", "Etc/UTC"},
		// What no CronJob says is not said nearly.
		{"timer", "*-*-* 02:30:15", "", ""},
		{"timer", "2026-01-01 00:00:00", "", ""},
		{"timer", "Fri *-*-13 00:00:00", "", ""},
		{"timer", "*-*~01 00:00:00", "", ""},
		{"timer", "Sat..Mon 01:00", "", ""},
		{"timer", "OnBootSec=5min", "", ""},
		{"timer", "daily, OnUnitActiveSec=1h", "", ""},
		{"timer", "daily, *-*-* 12:00:00", "", ""},
		{"timer", "24:00", "", ""},
		{"timer", "", "", ""},
		{"timer", "whenever", "", ""},
		{"at", "now", "", ""},
		{"logrotate", "daily", "", ""},
	} {
		got, zone, err := CronOf(inventory.Schedule{Kind: c.kind, When: c.when})
		if got != c.want || zone != c.zone || (err == nil) == (c.want == "") {
			t.Errorf("%s %q: %q in %q, %v; want %q in %q", c.kind, c.when, got, zone, err, c.want, c.zone)
		}
	}
}

// Whatever a timer says, it becomes the fields of a crontab or an error.
func FuzzCronOf(f *testing.F) {
	for _, s := range []string{"daily", "Mon..Fri *-*-* 02:30:00", "*:0/15", "*-*-1..7 04:05 Europe/Berlin", "~ ,, ..", "Mon,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, when string) {
		for _, kind := range []string{"timer", "cron"} {
			got, _, err := CronOf(inventory.Schedule{Kind: kind, When: when})
			if (err == nil) != crontab.MatchString(got) {
				t.Errorf("%s %q: %q, %v", kind, when, got, err)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for command, want := range map[string]int{"/opt/report --all": 2, "cd /opt && ./report": 3, `/x "a b"`: 3, "/x $HOME": 3} {
		if got := words(command); len(got) != want {
			t.Errorf("%s: %q", command, got)
		}
	}
}
