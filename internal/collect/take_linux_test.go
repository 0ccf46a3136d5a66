package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/process"
	"rehome.dev/rehome/internal/collect/program"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/collect/unit"
	"rehome.dev/rehome/internal/inventory"
)

// ours are the collectors that tell of processes.
func ours() []scope.Collector {
	return []scope.Collector{unit.New(), process.New(), process.NewEnvironment()}
}

func take(t *testing.T, target inventory.Target, collectors ...scope.Collector) inventory.Facts {
	t.Helper()
	f, err := Take(bounded(t), inventory.Request{Target: target}, Options{Collectors: append(ours(), collectors...)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func pids(f inventory.Facts) []int {
	var out []int
	for _, p := range f.Processes {
		out = append(out, p.PID)
	}
	slices.Sort(out)
	return out
}

// each is a collector that calls a function at every sample.
type each func(*scope.Scope)

func (each) Subjects() []inventory.Subject                          { return nil }
func (e each) Sample(_ context.Context, s *scope.Scope)             { e(s) }
func (each) Finish(context.Context, *scope.Scope, *inventory.Facts) {}

func TestAForkThatReparentsIsFound(t *testing.T) {
	a := start(t, again("daemon"))
	leaf := a.number(t)
	ctx := bounded(t)
	// The one between them ends at once; then the leaf is not its child any more.
	for {
		if ctx.Err() != nil {
			t.Fatal("the daemon still has its parent")
		}
		s, ok := (&table{proc: "/proc"}).stat(leaf)
		if !ok {
			t.Fatal("the daemon has ended")
		}
		if s.parent != a.Process.Pid && s.session != s.parent {
			break
		}
	}
	if got := pids(take(t, inventory.Target{PID: leaf})); !slices.Equal(got, []int{leaf}) {
		t.Errorf("the daemon by its PID: %v", got)
	}
}

// A daemon that leaves its parent while it is looked at stays the application's.
func TestAForkStaysWhenItsParentHasGone(t *testing.T) {
	a := start(t, again("daemon"))
	leaf := a.number(t)
	application := newApplication("/proc", "/")
	application.target = a.Process.Pid
	application.known[leaf] = mustStat(t, leaf).started
	if got, err := application.look(); err != nil || !slices.Contains(got, leaf) {
		t.Errorf("got %v, %v; want %d among them", got, err, leaf)
	}
	// Another process with the same number is another process.
	application.known = map[int]uint64{leaf: 1}
	if got, _ := application.look(); slices.Contains(got, leaf) {
		t.Error("a PID that is used again is taken for the old process")
	}
}

// A process goes on when its first thread has ended and others have not, as for a
// moment whenever another than the first executes a program.
func TestAProcessWithoutItsFirstThreadHasNotEnded(t *testing.T) {
	line := "7 (a) b) %s 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 %d 0 1234 0"
	for _, tt := range []struct {
		state   string
		threads int
		ended   bool
	}{{"S", 1, false}, {"Z", 1, true}, {"Z", 3, false}, {"X", 0, true}} {
		s, ok := parseStat(fmt.Appendf(nil, line, tt.state, tt.threads))
		if !ok || s.zombie != tt.ended || s.started != 1234 || s.name != "a) b" {
			t.Errorf("state %s, %d threads: %+v", tt.state, tt.threads, s)
		}
	}
}

func mustStat(t *testing.T, pid int) stat {
	t.Helper()
	s, ok := (&table{proc: "/proc"}).stat(pid)
	if !ok {
		t.Fatalf("process %d has ended", pid)
	}
	return s
}

func TestAProcessThatEndsDuringTheProbeIsKept(t *testing.T) {
	a := start(t, again("forks"))
	child := a.number(t)
	calls := 0
	sample := each(func(s *scope.Scope) {
		switch calls++; {
		case calls == 2:
			fmt.Fprintln(a.in)
			if got := a.line(t); got != "ended" {
				t.Errorf("the child said %q", got)
			}
		case calls > 2 && s.Sample > 2 && !slices.Contains(s.PIDs, child):
			a.in.Close() // with the application, the probe is over
		}
	})
	req := inventory.Request{Target: inventory.Target{PID: a.Process.Pid}, Every: 10 * time.Millisecond, For: 20 * time.Second}
	f, err := Take(bounded(t), req, Options{Collectors: append(ours(), sample)})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(f.Processes, func(p inventory.Process) bool { return p.PID == child })
	if i < 0 || !f.Processes[i].Ended || f.Processes[i].Seen >= f.Processes[0].Seen || f.Processes[i].Name == "" {
		t.Errorf("processes %+v", f.Processes)
	}
	if f.Coverage.Planned != 2000 || f.Coverage.Samples < 3 || f.Coverage.Samples == f.Coverage.Planned {
		t.Errorf("coverage %s", f.Coverage)
	}
	if f.Processes[0].PID != a.Process.Pid || !f.Processes[0].Main {
		t.Errorf("the main process: %+v", f.Processes[0])
	}
}

func TestTheWholeApplicationEnds(t *testing.T) {
	a := start(t, again("wait"))
	sample := each(func(s *scope.Scope) {
		a.in.Close()
		a.Wait()
	})
	req := inventory.Request{Target: inventory.Target{PID: a.Process.Pid}, Every: 10 * time.Millisecond, For: time.Hour}
	f, err := Take(bounded(t), req, Options{Collectors: append(ours(), sample)})
	if err != nil {
		t.Fatal(err)
	}
	if seen, why := f.Saw(inventory.SubjectProcesses); seen || !strings.Contains(why, "no process") {
		t.Errorf("nothing is left, and the facts are whole: %s", why)
	}
}

func TestAPortLeadsToWhoListens(t *testing.T) {
	a := start(t, again("listen"))
	port := a.number(t)
	f := take(t, inventory.Target{Port: port})
	if len(f.Processes) != 2 || f.Processes[0].PID != a.Process.Pid {
		t.Errorf("processes %v, want %d and its child", pids(f), a.Process.Pid)
	}
	if slices.Contains(pids(f), os.Getpid()) {
		t.Error("the probe is among them")
	}
}

func TestTargetsThatCannotBeFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := l.Addr().(*net.TCPAddr).Port
	t.Cleanup(func() { l.Close() })
	dead := again("wait")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	fakeSystemctl(t, `case "$*" in *broken*) echo "Failed to connect to bus: Host is down" >&2; exit 1;; *idle*) printf 'Id=idle.service\nLoadState=loaded\nActiveState=active\nSubState=exited\nConsistsOf=idle@1.service\n';; *) printf 'Id=none.service\nLoadState=not-found\n';; esac`)
	for _, tt := range []struct {
		name   string
		target inventory.Target
		kind   error
	}{
		{"nothing", inventory.Target{}, ErrBadRequest},
		{"two things", inventory.Target{PID: 1, Port: 1}, ErrBadRequest},
		{"an option", inventory.Target{Unit: "--all"}, ErrBadRequest},
		{"a dead process", inventory.Target{PID: dead.Process.Pid}, ErrNoProcess},
		{"the probe itself", inventory.Target{PID: os.Getpid()}, ErrProbeItself},
		{"its parent", inventory.Target{PID: os.Getppid()}, ErrProbeItself},
		{"its own port", inventory.Target{Port: own}, ErrProbeItself},
		{"a free port", inventory.Target{Port: 1}, ErrNoListener},
		{"no such unit", inventory.Target{Unit: "none"}, ErrNoUnit},
		{"a unit without processes", inventory.Target{Unit: "idle.service"}, ErrNotRunning},
		{"no systemd", inventory.Target{Unit: "broken"}, ErrNoSystemd},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Take(bounded(t), inventory.Request{Target: tt.target}, Options{Collectors: ours()})
			var target *TargetError
			if !errors.Is(err, tt.kind) || !errors.As(err, &target) || target.Hint == "" {
				t.Errorf("got %v with a hint, want %v", err, tt.kind)
			}
		})
	}
}

// fakeSystemctl puts a script in the place of systemctl.
func fakeSystemctl(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// A unit's processes are those of its control group and of the groups below it:
// here files that look like a hierarchy, with real processes in them.
func TestAUnitIsItsControlGroup(t *testing.T) {
	for _, hierarchy := range hierarchies {
		t.Run(hierarchy, func(t *testing.T) {
			main, worker, outside := start(t, again("forks")), start(t, again("forks")), start(t, again("wait"))
			main.number(t)
			below := worker.number(t) // its parent is the test, and not its own
			root := t.TempDir()
			group := filepath.Join(root, hierarchy, "system.slice/bank.service")
			write(t, filepath.Join(group, "cgroup.procs"), fmt.Sprintf("%d\n%d\n", main.Process.Pid, os.Getpid()))
			write(t, filepath.Join(group, "workers", "cgroup.procs"), fmt.Sprintf("%d\n", below))
			fakeSystemctl(t, fmt.Sprintf(`printf 'Id=bank.service\nLoadState=loaded\nActiveState=active\nSubState=running\nControlGroup=/system.slice/bank.service\nMainPID=%d\n'`, main.Process.Pid))
			f, err := Take(bounded(t), inventory.Request{Target: inventory.Target{Unit: "bank"}}, Options{Root: root, Collectors: ours()})
			if err != nil {
				t.Fatal(err)
			}
			want := []int{main.Process.Pid, below}
			slices.Sort(want)
			if got := pids(f); !slices.Equal(got, want) {
				t.Errorf("processes %v, want %v, and neither %d nor %d", got, want, os.Getpid(), outside.Process.Pid)
			}
			if f.Unit == nil || f.Unit.Name != "bank.service" || f.Processes[0].PID != main.Process.Pid {
				t.Errorf("unit %+v, first process %d", f.Unit, f.Processes[0].PID)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheUnitOfAControlGroup(t *testing.T) {
	for cgroup, want := range map[string]string{
		"/system.slice/nginx.service":                                       "nginx.service",
		"/system.slice/system-postgresql.slice/postgresql@15-main.service":  "postgresql@15-main.service",
		"/system.slice/bank.service/workers/a":                              "bank.service",
		"/user.slice/user-0.slice/session-1.scope":                          "",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service": "",
		"/system.slice/docker-0123.scope":                                   "",
		"/":                                                                 "",
	} {
		if got, _ := service(cgroup); got != want {
			t.Errorf("%s: %q, want %q", cgroup, got, want)
		}
	}
}

// Without rights on a process its facts are unknown, not empty.
func TestWithoutPermissionNothingIsKnown(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test gives up root's rights; run it as root")
	}
	a := start(t, again("files", "3"))
	a.line(t)
	dir := t.TempDir()
	for d := dir; d != "/" && d != "/tmp"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	self := filepath.Join(dir, "self")
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, text, 0o755); err != nil {
		t.Fatal(err)
	}
	nobody := exec.CommandContext(bounded(t), self, strconv.Itoa(a.Process.Pid))
	nobody.Env = append(os.Environ(), "COLLECT_TEST_APP=app:take")
	nobody.Dir = "/"
	nobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := nobody.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var f inventory.Facts
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range []inventory.Subject{inventory.SubjectProcesses, inventory.SubjectEnvironment, inventory.SubjectPrograms} {
		if seen, why := f.Saw(s); seen || !strings.Contains(why, "permission denied") {
			t.Errorf("%s are taken for known: %q", s, why)
		}
	}
	if len(f.Processes) != 1 || !f.Processes[0].Signals.Known || f.Taken.Root {
		t.Errorf("what anybody may see is missing: %+v", f.Processes)
	}
}

func takeAndPrint(args []string) {
	pid, err := strconv.Atoi(args[0])
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	f, err := Take(ctx, inventory.Request{Target: inventory.Target{PID: pid}}, Options{Collectors: append(ours(), program.New())})
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(f))
}

const canary = "c4nary-0f-th1s-test"

// Secrets in arguments and variables of a real process: their places are told, and
// not one byte of them.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	cmd := again("wait", "--password", canary, "-p", canary, "--db-password="+canary, "postgres://bank:"+canary+"@db/bank",
		"-Dspring.datasource.password="+canary+","+canary)
	cmd.Env = append(cmd.Env, "DB_PASSWORD="+canary, "DATABASE_URL=postgres://bank:"+canary+"@db/bank", "PLAIN="+canary, "NOTHING=")
	a := start(t, cmd)
	f := take(t, inventory.Target{PID: a.Process.Pid})
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("c4nary")) {
		t.Errorf("the canary is in the facts: %s", text)
	}
	var places []string
	for _, s := range f.Secrets {
		places = append(places, s.In+" "+s.Key)
	}
	for _, want := range []string{"argument argument 2 (password)", "argument argument 4 (p)", "argument argument 5 (db-password)",
		"argument argument 6", "environment DATABASE_URL", "environment DB_PASSWORD"} {
		if !slices.Contains(places, want) {
			t.Errorf("the place %q is not told: %q", want, places)
		}
	}
	for _, v := range f.Environment {
		if v.Name == "PLAIN" && v.Secret || v.Name == "NOTHING" && !v.Empty || v.Name == "DB_PASSWORD" && !v.Secret {
			t.Errorf("variable %+v", v)
		}
	}
	if !slices.ContainsFunc(f.Environment, func(v inventory.Variable) bool { return v.Name == "PLAIN" && v.Origin == "process" }) {
		t.Error("a variable is missing")
	}
}

func TestNamesThatAreNoUTF8(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "b\xffnk\n")
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := again("wait", "arg\xfe\x1b[31m")
	cmd.Path = exe
	a := start(t, cmd)
	f := take(t, inventory.Target{PID: a.Process.Pid})
	p := f.Processes[0]
	if p.Name != `b\xffnk\x0a` || !strings.HasSuffix(p.Executable, `/b\xffnk\x0a`) || p.Command[1] != `arg\xfe\x1b[31m` {
		t.Errorf("name %q, executable %q, command %q", p.Name, p.Executable, p.Command)
	}
	if text, err := json.Marshal(f); err != nil || !json.Valid(text) {
		t.Errorf("the facts are no JSON: %v", err)
	}
}

func TestManyOpenFilesAndSignals(t *testing.T) {
	const n = 10000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < n+100 {
		t.Fatalf("the limit of open files is %d: %v", limit.Max, err)
	}
	a := start(t, again("files", strconv.Itoa(n)))
	if got := a.line(t); got != "open" {
		t.Fatal(got)
	}
	f := take(t, inventory.Target{PID: a.Process.Pid})
	p := f.Processes[0]
	if p.OpenFiles < n || f.Usage.OpenFiles.Max < n {
		t.Errorf("%d open files", p.OpenFiles)
	}
	if !slices.Contains(p.Signals.Caught, "SIGTERM") || !slices.Contains(p.Signals.Ignored, "SIGHUP") || slices.Contains(p.Signals.Ignored, "SIGTERM") {
		t.Errorf("signals %+v", p.Signals)
	}
	if p.Executable == "" || p.Started.IsZero() || time.Since(p.Started) > time.Hour || p.User != "root" && p.UID == 0 {
		t.Errorf("process %+v", p)
	}
	if seen, why := f.Saw(inventory.SubjectUsage); seen || !strings.Contains(why, "two samples") {
		t.Errorf("one sample tells of CPU time: %s", why)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	a := start(t, again("wait"))
	ctx, cancel := context.WithCancel(t.Context())
	sample := each(func(*scope.Scope) { cancel() })
	req := inventory.Request{Target: inventory.Target{PID: a.Process.Pid}, Every: time.Hour, For: 100 * time.Hour}
	if _, err := Take(ctx, req, Options{Collectors: []scope.Collector{sample}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the application is not what it was: %v", err)
	}
}
