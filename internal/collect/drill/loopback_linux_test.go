package drill

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A service that runs as a user of its own may not touch an interface, and need not
// where systemd has brought it up.
func TestALoopbackThatIsUpNeedsNoRights(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // rights are a thread's; this one ends with its goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			done <- err
			return
		}
		done <- raiseLoopback()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
