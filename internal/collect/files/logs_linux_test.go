package files

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

func sink(t *testing.T, f inventory.Facts, kind inventory.SinkKind, to string, pid int) inventory.LogSink {
	t.Helper()
	for _, l := range f.Logs {
		if l.Kind == kind && l.To == to && slices.Contains(l.PIDs, pid) {
			return l
		}
	}
	t.Fatalf("no %s %q of process %d among %+v", kind, to, pid, f.Logs)
	return inventory.LogSink{}
}

func TestLogThroughAPipeToARotator(t *testing.T) {
	dir := workplace(t)
	self, _ := os.Executable()
	os.Symlink(self, dir+"/rotatelogs")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := launch(t, func(c *exec.Cmd) { c.Stdout, c.Stderr = w, nil })
	rotator := exec.Command(dir + "/rotatelogs")
	rotator.Env = append(os.Environ(), "REHOME_TEST_APPLICATION=1")
	rotator.Stdin = r
	if err := rotator.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rotator.Process.Kill(); rotator.Wait() })
	r.Close()
	w.Close()
	await(t, func() bool { return comm("/proc", rotator.Process.Pid) == "rotatelogs" })
	f := probe(t, scopeOf(a), nil)
	sink(t, f, inventory.SinkPipe, "rotatelogs", a.pid())
	sink(t, f, inventory.SinkNull, "", a.pid())
}

func TestOutputThatASupervisorReads(t *testing.T) {
	a := launch(t, func(c *exec.Cmd) {
		out, err := c.StdoutPipe() // this test is the supervisor
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { out.Close() })
	})
	f := probe(t, scopeOf(a), nil)
	sink(t, f, inventory.SinkStdout, inventory.Name(comm("/proc", os.Getpid())), a.pid())
}

func TestOutputIntoAFile(t *testing.T) {
	dir := workplace(t)
	out, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	a := launch(t, func(c *exec.Cmd) { c.Stdout = out })
	f := probe(t, scopeOf(a), func(int) { a.do("print", "a line\n") })
	got := sink(t, f, inventory.SinkFile, dir+"/stdout", a.pid())
	if got.Growth <= 0 || got.Seen != 3 {
		t.Errorf("the redirected output grows and is told as %+v", got)
	}
}

func TestOutputToTheJournal(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[0]), "journal")
	defer syscall.Close(pair[1])
	link, _ := os.Readlink("/proc/self/fd/" + itoa(pair[0]))
	a := launch(t, func(c *exec.Cmd) {
		c.Stdout = theirs
		c.Env = append(c.Env, "JOURNAL_STREAM=8:"+link[len("socket:["):len(link)-1])
	})
	b := launch(t, func(c *exec.Cmd) { c.Stdout = theirs })
	theirs.Close()
	f := probe(t, scopeOf(a, b), nil)
	sink(t, f, inventory.SinkStdout, "journal", a.pid())
	sink(t, f, inventory.SinkStdout, "", b.pid())
}

func TestSyslog(t *testing.T) {
	dir := workplace(t)
	os.Mkdir(dir+"/dev", 0o755)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/dev/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, b := launch(t, nil), launch(t, nil)
	a.do("syslog", dir+"/dev/log")
	s := scopeOf(a, b)
	f := probe(t, s, nil)
	if got := sink(t, f, inventory.SinkSyslog, "/dev/log", a.pid()); slices.Contains(got.PIDs, b.pid()) {
		t.Errorf("told is %+v, but one process only logs there", got)
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

// A datagram that is sent without a connection leaves nothing to see of where it
// went: then the settings tell, or nobody.
func TestSyslogWithoutAConnection(t *testing.T) {
	for name, test := range map[string]struct {
		settings  string
		told, gap bool
	}{
		"nothing tells":      {"mode http\n", false, true},
		"a comment":          {"# log /dev/log local0\n", false, true},
		"another file":       {"log /dev/logger local0\n", false, true},
		"the settings do":    {"global\n  log /dev/log local0\n", true, false},
		"the settings do so": {"access_log syslog:server=unix:/dev/log;\n", true, false},
	} {
		dir := workplace(t)
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/log", Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		os.WriteFile(dir+"/proxy.cfg", []byte(test.settings), 0o600)
		a := launch(t, func(c *exec.Cmd) { c.Args = append(c.Args, "-f", dir+"/proxy.cfg") })
		a.do("sendto", dir+"/log")
		s := scopeOf(a)
		f := probe(t, s, nil)
		told := slices.ContainsFunc(f.Logs, func(l inventory.LogSink) bool {
			return l.Kind == inventory.SinkSyslog && slices.Contains(l.PIDs, a.pid())
		})
		gap := slices.ContainsFunc(s.Gaps.List(), func(g inventory.Gap) bool { return g.Subject == inventory.SubjectLogs })
		if told != test.told || gap != test.gap {
			t.Errorf("%s: told %t, gaps %v, logs %+v, files\n%s", name, told, s.Gaps.List(), f.Logs, list(f))
		}
	}
}

func TestSocketsOfTheApplicationAloneAreNoLog(t *testing.T) {
	a := launch(t, nil)
	a.do("pair", "")
	s := scopeOf(a)
	if probe(t, s, nil); len(s.Gaps.List()) > 0 {
		t.Errorf("gaps: %v", s.Gaps.List())
	}
}
