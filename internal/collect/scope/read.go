package scope

import (
	"errors"
	"os"
	"syscall"
)

// Most bounds what Read takes of one file.
const Most = 4 << 20

// Read reads a file of /proc or /sys into buf, growing it where it is too small,
// and gives what it read. It costs three system calls and, with a large enough
// buffer, no memory. What is beyond Most bytes is left out.
func Read(path string, buf []byte) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd) //nolint:errcheck // it was only read
	buf = buf[:cap(buf)]
	if len(buf) == 0 {
		buf = make([]byte, 4096)
	}
	n := 0
	for n < Most {
		if n == len(buf) {
			larger := make([]byte, 2*len(buf))
			copy(larger, buf)
			buf = larger
		}
		m, err := syscall.Read(fd, buf[n:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if m <= 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}
