package drill

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A program that its threads replace again and again (see TestMain) is never taken
// for one that has ended, until it has; nor when its network cannot be opened, which
// it cannot for a moment each time.
func TestAProgramThatIsReplacedHasNotEnded(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe", "replaced", "8")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	now := said{PID: cmd.Process.Pid}
	for now.Net == "" {
		now.Net, _ = os.Readlink(fmt.Sprintf("/proc/%d/ns/net", now.PID))
	}
	last := make(chan error)
	go func() {
		_, err := out.Read(make([]byte, 1)) // the last one writes
		last <- err
	}()
	for n := 0; ; n++ {
		if parent, ended := statOf(cmd.Process.Pid); ended || parent != os.Getpid() {
			t.Errorf("look %d: ended %t, child of %d", n, ended, parent)
		}
		var in instance
		if held, err := in.hold(now, os.Getpid()); err != nil {
			t.Errorf("look %d: %v", n, err)
		} else if held {
			_ = in.network.Close()
		}
		select {
		case err := <-last:
			if err != nil {
				t.Error(err)
			}
		default:
			if !t.Failed() {
				continue
			}
			_ = cmd.Process.Kill()
			<-last
		}
		break
	}
	_ = in.Close()
	for {
		if _, ended := statOf(cmd.Process.Pid); ended {
			break
		}
	}
	_ = cmd.Wait()
}
