package disk

import (
	"runtime"

	"golang.org/x/sys/unix"
)

func lockThread() { runtime.LockOSThread() }

// dropOverride takes from this thread what lets root read everything; setfsuid(2)
// takes CAP_DAC_OVERRIDE and its like from the effective set by itself, where the
// kernel does it (capabilities(7)).
func dropOverride() {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&head, &data[0]) == nil {
		data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER
		_ = unix.Capset(&head, &data[0])
	}
}
