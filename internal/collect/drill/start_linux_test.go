package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

func TestTheTransientUnit(t *testing.T) {
	argv := transient("rehome-drill-1.service", "/run/rehome-drill-1", "/proc/7/exe", false, 90500*time.Millisecond)
	line := strings.Join(argv, " ")
	for _, want := range []string{
		"--unit=rehome-drill-1.service", "-p Type=simple", "-p PrivateNetwork=yes", "-p PrivateTmp=yes", "-p Restart=no", "-p RuntimeMaxSec=91",
		"-p KillMode=control-group", "-p OOMScoreAdjust=1000", "--no-block",
	} {
		if !strings.Contains(line+" ", want+" ") {
			t.Errorf("%s is without %s", line, want)
		}
	}
	if tail := []string{"--", "/proc/7/exe", startCommand, "/run/rehome-drill-1"}; argv[0] != "systemd-run" || !slices.Equal(argv[len(argv)-4:], tail) {
		t.Errorf("%q", argv)
	}
	// Everything secret is taken from the first instance by the process that becomes the second.
	if strings.Contains(line, "Environment") || strings.Contains(line, "setenv") {
		t.Errorf("%s carries an environment", line)
	}
	if forking := transient("a", "b", "c", true, time.Second); !slices.Contains(forking, "Type=forking") {
		t.Errorf("%q", forking)
	}
}

func TestTheCommandOfAUnit(t *testing.T) {
	env := []string{"PORT=80", "OPTS=-a  -b", "PORT=8080", "EMPTY="}
	answer := `{"type":"a(sasbttttuii)","data":[["/usr/bin/app",["app","--at","0.0.0.0:${PORT}","$OPTS","a b","$$HOME","$EMPTY","${NONE}x","50%}"],false,0,0,0,0,0,0,0]]}`
	path, argv, err := readStart([]byte(answer), env)
	want := []string{"app", "--at", "0.0.0.0:8080", "-a", "-b", "a b", "$HOME", "x", "50%}"}
	if err != nil || path != "/usr/bin/app" || !slices.Equal(argv, want) {
		t.Errorf("%s %q, %v; want %q", path, argv, err, want)
	}
	for _, bad := range []string{`{`, `{"data":[]}`, `{"data":[["/a",["a"]],["/b",["b"]]]}`, `{"data":[["/a",[]]]}`, `{"data":[[1,2]]}`} {
		if _, _, err := readStart([]byte(bad), nil); err == nil {
			t.Errorf("%s is a command", bad)
		}
	}
	if got := busName("royal-bank@1.service"); got != "royal_2dbank_401_2eservice" {
		t.Error(got)
	}
}

func TestMountPoints(t *testing.T) {
	info := `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
28 27 0:25 / /usr ro,nodev - ext4 /dev/vdb rw
29 27 0:26 / /data rw,relatime - nfs4 filer:/data rw
30 27 0:27 / /with\040blank rw,relatime shared:2 master:3 - xfs /dev/vdc rw
31 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw
32 27 0:28 / /var/lib/docker/overlay2/a rw - overlay overlay rw
33 27 0:29 / /mnt rw - ext4 /dev/vdd ro
rubbish
`
	writable, all := mountPoints(info)
	if want := []string{"/data", "/with blank", "/dev/shm"}; !slices.Equal(writable, want) {
		t.Errorf("%q, want %q", writable, want)
	}
	if !all["/usr"] || !all["/proc"] || all["/var"] {
		t.Errorf("%v", all)
	}
}

func TestWhoWroteOverTheCommandLine(t *testing.T) {
	if got := split0([]byte("a\x00b c\x00\x00d\x00")); !slices.Equal(got, []string{"a", "b c", "", "d"}) {
		t.Errorf("%q", got)
	}
	if split0(nil) != nil || split0([]byte("\x00")) != nil {
		t.Error("nothing is something")
	}
}

func TestJudgements(t *testing.T) {
	ms := time.Millisecond
	for name, c := range map[string]struct {
		r      answers
		ended  bool
		passed bool
		says   string
	}{
		"all answered":     {answers{InFlight: 5, Answered: 5}, true, true, "all 5"},
		"one lost":         {answers{InFlight: 5, Answered: 4}, true, false, "1 of 5"},
		"does not end":     {answers{InFlight: 5, Answered: 5}, false, false, "did not end within 30s"},
		"neither":          {answers{InFlight: 5}, false, false, "5 of 5 requests in flight were not answered, and"},
		"nothing to judge": {answers{}, true, false, "too quickly"},
	} {
		d := inventory.Drill{EndedIn: 20 * ms}
		judgeSignal(&d, c.r, c.ended, 30*time.Second)
		if d.Passed != c.passed || !strings.Contains(d.Detail+d.Err, c.says) || (d.Err != "") != (c.r.InFlight == 0) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	answer := func(path string, status int) inventory.HealthAnswer {
		return inventory.HealthAnswer{Path: path, Status: status}
	}
	for name, c := range map[string]struct {
		before, after []inventory.HealthAnswer
		passed, judge bool
	}{
		"readiness tells, liveness need not": {[]inventory.HealthAnswer{answer("/l", 200), answer("/r", 200)}, []inventory.HealthAnswer{answer("/l", 200), answer("/r", 503)}, true, true},
		"nothing tells":                      {[]inventory.HealthAnswer{answer("/l", 200)}, []inventory.HealthAnswer{answer("/l", 200)}, false, true},
		"no answer at all":                   {[]inventory.HealthAnswer{answer("/l", 200)}, []inventory.HealthAnswer{answer("/l", 0)}, false, false},
		"it was not 200 before":              {[]inventory.HealthAnswer{answer("/l", 404)}, []inventory.HealthAnswer{answer("/l", 503)}, false, false},
	} {
		d := inventory.Drill{Before: c.before, After: c.after}
		judgeHealth(&d, []string{"10.0.0.5:5432"})
		if d.Passed != c.passed || (d.Err == "") != c.judge {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
