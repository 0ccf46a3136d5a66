package canary

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestNoProcessIsMissed runs a hundred processes that live as shortly as can be, each
// of which has the secret in an argument or a variable.
func TestNoProcessIsMissed(t *testing.T) {
	s := set(t)
	cmd := exec.Command("sh", "-c", `i=0; while [ $i -lt 50 ]; do /bin/true "$TOLD"; env -i HIDDEN="$TOLD" /bin/true; i=$((i+1)); done; exit 7`)
	cmd.Env = append(os.Environ(), "TOLD="+secret)
	var all, args, env int
	status, err := Run(cmd, nil, func(e Executed) {
		all++
		args += len(s.Find(e.Args))
		env += len(s.Find(e.Env))
	})
	if err != nil || status.ExitStatus() != 7 {
		t.Fatalf("%v, status %d", err, status.ExitStatus())
	}
	// the shell; 50 times true, env and the true that env becomes
	if all != 151 || args != 100 || env != 151 {
		t.Errorf("%d programs were seen, %d with the secret in an argument, %d in a variable", all, args, env)
	}
}

func TestKilledWhileTraced(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	status, err := Run(cmd, func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, func(Executed) {})
	if err != nil || !status.Signaled() {
		t.Errorf("%v, %v", status, err)
	}
	if _, err := Run(exec.Command("/nowhere"), nil, nil); err == nil {
		t.Error("a program that is not there runs")
	}
}

// TestWatch sees a process that nobody here has started for it.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sleep", "30")
	cmd.Env = []string{"HIDDEN=" + secret}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var found atomic.Bool
	set(t).Watch(ctx, func(program string, told []Told) {
		if program == "sleep" && told[0] == (Told{"password", "variables"}) {
			found.Store(true)
			cancel()
		}
	})
	_ = cmd.Wait()
	if !found.Load() {
		t.Error("not seen")
	}
}
