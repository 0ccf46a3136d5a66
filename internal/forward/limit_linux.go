package forward

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

const (
	// sparedFiles are the descriptors that are not of connections: listeners, pipes,
	// looks at names.
	sparedFiles = 150
	// outQueue is SIOCOUTQ of include/uapi/linux/sockios.h, tcp(7): bytes that the peer
	// has not acknowledged.
	outQueue = 0x5411
)

// bounded is how many connections there may be, with two descriptors each.
func bounded(asked int, say func(string, ...any)) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur > 1<<30 {
		return asked
	}
	most := max((int(files.Cur)-sparedFiles)/2, 1)
	if most < asked {
		say("%d files may be open, which is enough for %d connections and not for %d", files.Cur, most, asked)
	}
	return min(asked, most)
}

// awaitFor bounds how long the end of a connection is put off.
const awaitFor = 500 * time.Millisecond

// await returns when the peer has all bytes that were written to it, or is too slow:
// a reset would take from it what is still on its way.
func await(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	for end := time.Now().Add(awaitFor); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var left int32
		err := raw.Control(func(fd uintptr) {
			_, _, no := syscall.Syscall(syscall.SYS_IOCTL, fd, outQueue, uintptr(unsafe.Pointer(&left)))
			if no != 0 {
				left = 0
			}
		})
		if err != nil || left == 0 {
			return
		}
	}
}
