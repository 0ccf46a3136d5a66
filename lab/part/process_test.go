package part

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func testLab(t *testing.T) *Lab {
	t.Helper()
	dir := t.TempDir()
	l := &Lab{
		Dirs:     Dirs{Cache: filepath.Join(dir, "cache"), Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state")},
		Progress: NewProgress(t.Output(), true),
	}
	t.Cleanup(func() {
		for _, name := range l.Processes() {
			if l.Running(name) {
				l.Signal(context.Background(), name, syscall.SIGKILL)
			}
		}
	})
	return l
}

func start(t *testing.T, l *Lab, p Process) {
	t.Helper()
	if err := l.Start(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func shell(name, script string) Process {
	return Process{Name: name, Path: "/bin/sh", Args: []string{"-c", script}}
}

func TestStartTwiceIsOneProcess(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	first, _ := l.PID("sleeper")
	start(t, l, shell("sleeper", "exec sleep 60"))
	if second, running := l.PID("sleeper"); !running || second != first {
		t.Errorf("first process %d, then %d", first, second)
	}
	if got := l.Processes(); !slices.Equal(got, []string{"sleeper"}) {
		t.Errorf("processes: %v", got)
	}
}

func TestStopAndStartByName(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	first, _ := l.PID("sleeper")
	for range 2 { // the second time there is nothing to stop, which is fine
		if err := l.Stop(t.Context(), "sleeper"); err != nil {
			t.Fatal(err)
		}
		if l.Running("sleeper") {
			t.Fatal("it still runs")
		}
	}
	if err := l.StartByName(t.Context(), "sleeper"); err != nil {
		t.Fatal(err)
	}
	if second, running := l.PID("sleeper"); !running || second == first {
		t.Errorf("first process %d, then %d", first, second)
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	l := testLab(t)
	deaf := shell("deaf", "trap '' TERM; echo deaf >"+l.RunPath("deaf")+"; while :; do sleep 1; done")
	deaf.StopWithin = 100 * time.Millisecond
	start(t, l, deaf)
	awaitFile(t, l.RunPath("deaf"))
	if err := l.Stop(t.Context(), "deaf"); err != nil || l.Running("deaf") {
		t.Errorf("stopped: %v, still runs: %v", err, l.Running("deaf"))
	}
}

func TestStopEndsWhatIsFrozen(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	if err := l.Signal(t.Context(), "sleeper", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if !l.Running("sleeper") {
		t.Error("a frozen process counts as ended")
	}
	before := time.Now()
	if err := l.Stop(t.Context(), "sleeper"); err != nil || l.Running("sleeper") {
		t.Fatalf("stopped: %v, still runs: %v", err, l.Running("sleeper"))
	}
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("it was waited for %s: the signal came only with SIGKILL", took)
	}
}

func TestStartGoesOnWithWhatIsFrozen(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	l.Signal(t.Context(), "sleeper", syscall.SIGSTOP)
	start(t, l, shell("sleeper", "exec sleep 60"))
	pid, _ := l.PID("sleeper")
	stat, err := readStat(pid)
	if err != nil || stat.state == 'T' {
		t.Errorf("state %c, %v", stat.state, err)
	}
}

// Killing a container's supervisor alone leaves the machine in it running.
func TestKillTakesDescendantsAlong(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("family", "sh -c 'echo $$ >"+l.RunPath("child")+".new; mv "+l.RunPath("child")+".new "+
		l.RunPath("child")+"; sleep 60; true' & wait"))
	awaitFile(t, l.RunPath("child"))
	text, err := os.ReadFile(l.RunPath("child"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	child, err := identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		sig   syscall.Signal
		alive bool
		state byte
	}{{syscall.SIGSTOP, true, 'T'}, {syscall.SIGCONT, true, 'S'}, {syscall.SIGKILL, false, 0}} {
		if err := l.Signal(t.Context(), "family", step.sig); err != nil {
			t.Fatal(err)
		}
		if child.alive() != step.alive {
			t.Errorf("after %s the child is alive: %v", step.sig, child.alive())
		}
		if step.state != 0 {
			awaitState(t, pid, step.state)
		}
	}
}

func awaitState(t *testing.T, pid int, want byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := Poll(ctx, 5*time.Millisecond, func(context.Context) error {
		stat, err := readStat(pid)
		if err == nil && stat.state != want {
			err = fmt.Errorf("process %d is in state %c, want %c", pid, stat.state, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestStartTellsWhyAProcessEnded(t *testing.T) {
	l := testLab(t)
	p := shell("broken", "echo no such data directory >&2; exit 3")
	p.Ready = []string{"tcp://127.0.0.1:1"}
	err := l.Start(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "no such data directory") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
}

func TestStartWaitsForTheProbe(t *testing.T) {
	l := testLab(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "tcp://" + listener.Addr().String()
	p := shell("sleeper", "exec sleep 60")
	p.Ready, p.ReadyWithin = []string{address}, 200*time.Millisecond
	start(t, l, p)
	listener.Close()
	if err := l.Start(t.Context(), p); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody listens, and Start says %v", err)
	}
}

func TestUnknownProcess(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	for name, err := range map[string]error{
		"stop":   l.Stop(t.Context(), "etcd"),
		"start":  l.StartByName(t.Context(), "etcd"),
		"signal": l.Signal(t.Context(), "etcd", syscall.SIGKILL),
		"path":   l.Stop(t.Context(), "../../etc/passwd"),
	} {
		if !errors.Is(err, ErrUnknownProcess) || !strings.Contains(err.Error(), "there are: sleeper") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusOf(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("one", "exec sleep 60"))
	start(t, l, shell("two", "exec sleep 60"))
	if got := l.StatusOf("one", "two"); got.State != StateUp {
		t.Errorf("both run: %+v", got)
	}
	l.Stop(t.Context(), "two")
	if got := l.StatusOf("one", "two"); got.State != StatePartial || !strings.Contains(got.Detail, "two") {
		t.Errorf("one runs: %+v", got)
	}
	if got := l.StatusOf("two", "three"); got.State != StateDown {
		t.Errorf("none runs: %+v", got)
	}
}

func TestDescriptionIsNotReadableByOthers(t *testing.T) {
	l := testLab(t)
	start(t, l, shell("sleeper", "exec sleep 60"))
	info, err := os.Stat(l.specPath("sleeper"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := Poll(ctx, 5*time.Millisecond, func(context.Context) error { _, err := os.Stat(path); return err }); err != nil {
		t.Fatal(err)
	}
}
