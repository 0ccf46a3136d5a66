//go:build lab

package legacy_test

import (
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// few are the samples of a probe that asks for what does not change.
var few = []string{"--for", "3s", "--every", "300ms"}

func process(f inventory.Facts, fits func(inventory.Process) bool) *inventory.Process {
	for i := range f.Processes {
		if fits(f.Processes[i]) {
			return &f.Processes[i]
		}
	}
	return nil
}

func file(f inventory.Facts, path string) *inventory.File {
	for i := range f.Files {
		if f.Files[i].Path == path {
			return &f.Files[i]
		}
	}
	return nil
}

func listens(f inventory.Facts, port int) *inventory.Listener {
	for i := range f.Listeners {
		if f.Listeners[i].Port == port {
			return &f.Listeners[i]
		}
	}
	return nil
}

func TestOddities(t *testing.T) {
	w := newWorld(t)
	w.traffic(t)
	t.Run("all", func(t *testing.T) {
		for _, test := range []struct {
			name   string
			target []string
			check  func(t *testing.T, f inventory.Facts)
		}{
			{"a process that forks and reparents is found", []string{"--unit", "forker"}, forked},
			{"all of twenty drop-ins are read", []string{"--unit", "dropins"}, droppedIn},
			{"a log through a pipe ends at a program", []string{"--unit", "piped"}, piped},
			{"a deleted file is still a file", []string{"--unit", "deleted"}, deleted},
			{"a socket that systemd holds is known for it", []string{"--unit", "activated"}, activated},
			{"ten thousand files are summed up", []string{"--unit", "manyfiles"}, manyFiles},
			{"names that are no UTF-8 are told byte by byte", []string{"--unit", "nonutf8"}, nonUTF8},
			{"a service from before systemd is found by its port", []string{"--port", "9010"}, sysV},
			{"supervisord's service is found by its port, without supervisord", []string{"--port", "9011"}, supervised},
			{"a database elsewhere is elsewhere, and has a name", []string{"--unit", "remote"}, remote},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				f, _ := w.probe(t, "root", append(slices.Clone(few), test.target...)...)
				test.check(t, f)
			})
		}
	})
}

func forked(t *testing.T, f inventory.Facts) {
	p := process(f, func(p inventory.Process) bool { return slices.Contains(p.Command, ":9001") })
	if p == nil || p.Parent != 1 || listens(f, 9001) == nil {
		t.Errorf("the process that serves is %+v, its listener %+v", p, listens(f, 9001))
	}
}

func droppedIn(t *testing.T, f inventory.Facts) {
	if len(f.Unit.DropIns) != 20 || f.Unit.TimeoutStop.Seconds() != 7 {
		t.Errorf("%d drop-ins, %s to stop", len(f.Unit.DropIns), f.Unit.TimeoutStop)
	}
	var names []string
	for _, v := range f.Environment {
		if v.Origin == "unit" {
			names = append(names, v.Name)
		}
		if v.Name == "DB_PASSWORD" && !v.Secret {
			t.Errorf("%+v is no secret", v)
		}
	}
	if !slices.Contains(names, "SHELF_01") || !slices.Contains(names, "SHELF_20") || !slices.Contains(names, "DB_PASSWORD") {
		t.Errorf("the unit's variables: %s", names)
	}
	if !slices.ContainsFunc(f.Secrets, func(s inventory.SecretPlace) bool { return strings.HasSuffix(s.File, "13-shelf.conf") && s.Line > 0 }) {
		t.Errorf("the password in the thirteenth drop-in was not located: %+v", f.Secrets)
	}
}

func piped(t *testing.T, f inventory.Facts) {
	if len(f.Processes) < 3 {
		t.Errorf("a shell and two programs are %+v", f.Processes)
	}
	if !slices.ContainsFunc(f.Logs, func(l inventory.LogSink) bool {
		return (l.Kind == inventory.SinkPipe || l.Kind == inventory.SinkFile) && strings.Contains(l.To, "/var/log/piped/out.log")
	}) && !slices.ContainsFunc(f.Logs, func(l inventory.LogSink) bool { return l.Kind == inventory.SinkPipe }) {
		t.Errorf("the log goes to %+v", f.Logs)
	}
	if log := file(f, "/var/log/piped/out.log"); log == nil || log.Class != inventory.FileLog || !log.Written || log.Growth <= 0 {
		t.Errorf("the log file is %+v", log)
	}
}

func deleted(t *testing.T, f inventory.Facts) {
	gone := file(f, "/var/lib/deleted/spool.db")
	if gone == nil || !gone.Deleted || !gone.Written || gone.Growth <= 0 {
		t.Errorf("the deleted file is %+v", gone)
	}
}

func activated(t *testing.T, f inventory.Facts) {
	l := listens(f, 9005)
	if l == nil || !l.Activated || !slices.Contains(f.Unit.TriggeredBy, "activated.socket") {
		t.Errorf("the listener is %+v, the unit triggered by %s", l, f.Unit.TriggeredBy)
	}
}

func manyFiles(t *testing.T, f inventory.Facts) {
	count := 0
	for _, g := range f.Groups {
		if g.Directory == "/var/lib/manyfiles" {
			count += g.Count
		}
	}
	listed := 0
	for _, one := range f.Files {
		if strings.HasPrefix(one.Path, "/var/lib/manyfiles/") {
			listed++
		}
	}
	if count+listed < 10_000 || listed > 500 {
		t.Errorf("%d files are listed and %d summed up; there are 10000", listed, count)
	}
}

func nonUTF8(t *testing.T, f inventory.Facts) {
	const program, config = `/var/lib/nonutf8/b\xfccherei`, `/var/lib/nonutf8/caf\xe9.conf`
	if p := process(f, func(p inventory.Process) bool { return p.Main }); p == nil || p.Executable != program || p.Name != `b\xfccherei` {
		t.Errorf("the process is %+v", p)
	}
	if c := file(f, config); c == nil || !c.Read {
		t.Errorf("the configuration is %+v", c)
	}
}

func sysV(t *testing.T, f inventory.Facts) {
	if len(f.Processes) != 1 || f.Processes[0].User != "www-data" || listens(f, 9010) == nil {
		t.Errorf("the processes are %+v", f.Processes)
	}
}

func supervised(t *testing.T, f inventory.Facts) {
	if len(f.Processes) != 1 || f.Processes[0].Name != "oddity" || f.Host.Init != "supervisord" {
		t.Errorf("the processes are %+v, started by %q", f.Processes, f.Host.Init)
	}
}

func remote(t *testing.T, f inventory.Facts) {
	if !slices.ContainsFunc(f.Peers, func(p inventory.Peer) bool {
		return p.Direction == inventory.Dialled && p.Address == "10.76.0.60" && p.Port == 5432 && !p.Local && p.Name == "db.golemtrust.am"
	}) {
		t.Errorf("the peers are %+v", f.Peers)
	}
	if !slices.ContainsFunc(f.Stores, func(s inventory.Store) bool { return s.Kind == "postgresql" && !s.Local && !s.Own }) {
		t.Errorf("the stores are %+v", f.Stores)
	}
}

func TestAProcessThatEndsWhileItIsLookedAt(t *testing.T) {
	w := newWorld(t)
	if err := w.Start(t.Context(), "brief"); err != nil {
		t.Fatal(err)
	}
	f, _ := w.probe(t, "root", "--unit", "brief", "--for", "9s", "--every", "300ms")
	main := process(f, func(p inventory.Process) bool { return slices.Contains(p.Command, "brief") })
	nap := process(f, func(p inventory.Process) bool { return slices.Contains(p.Command, "nap") })
	if main == nil || !main.Ended || nap == nil || !nap.Ended {
		t.Errorf("the program is %+v, a child of it %+v", main, nap)
	}
}

// Whoever may not look at a process of another user learns that it is there, and
// what could not be seen is unknown.
func TestWithoutPermissionNothingPasses(t *testing.T) {
	w := newWorld(t)
	f, facts := w.probe(t, "onlooker", append(slices.Clone(few), "--unit", "royal-bank-api-fixed")...)
	for _, subject := range []inventory.Subject{inventory.SubjectFiles, inventory.SubjectEnvironment, inventory.SubjectLogs, inventory.SubjectSecrets} {
		if saw, _ := f.Saw(subject); saw {
			t.Errorf("the %s were seen whole, by a stranger", subject)
		}
	}
	for code, finding := range w.assess(t, facts, application{unit: "royal-bank-api-fixed"}).byCode() {
		if finding.Verdict.OK() && slices.Contains([]string{"CONFIG-ENV", "LOGS-STDOUT", "STATE-DISK", "SECRETS", "DATA", "CONFIG-RO"}, code) {
			t.Errorf("%s passes: %s", code, finding.Observed)
		}
	}
}

func TestWithSudoTheSameIsSeen(t *testing.T) {
	w := newWorld(t)
	f, _ := w.probe(t, "steward", append(slices.Clone(few), "--unit", "royal-bank-api-fixed", "--sudo")...)
	if saw, why := f.Saw(inventory.SubjectFiles, inventory.SubjectEnvironment, inventory.SubjectProcesses); !saw || !f.Taken.Root {
		t.Errorf("not everything was seen (%s), taken by %+v", why, f.Taken)
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	w := newWorld(t)
	for _, target := range [][]string{{"--unit", "assassins"}, {"--pid", "999999"}, {"--port", "4"}, {"--unit", "brief-which-never-was"}} {
		args := append([]string{"probe", "--host", "ssh://root@10.76.0.20", "--identity", w.KeyFile(), "--known-hosts", w.KnownHostsFile()}, target...)
		if out := w.run(t, args...); out.code == 0 || !strings.Contains(out.stderr, "rehome: error: ") || !strings.Contains(out.stderr, "rehome: hint: ") {
			t.Errorf("%v ended with %d:\n%s", target, out.code, out.stderr)
		}
	}
}
