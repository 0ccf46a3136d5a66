package forward

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// Flags of splice(2), include/linux/splice.h, and of fcntl(2).
const (
	spliceMove     = 1
	spliceNonblock = 2
	setPipeSize    = 1031 // F_SETPIPE_SZ
)

const (
	// pipeSize is what one portion can be; the kernel may give less.
	pipeSize = 256 << 10
	// sparePipes are kept for the next portion. As many as there are portions on
	// their way can exist, and no connection that is silent holds one.
	sparePipes = 32
)

// splice moves bytes from one TCP socket to another within the kernel, until there are
// no more. Where it says that it did not handle them, it left those that are still to
// come untouched.
func splice(dst, src net.Conn, moved func(int64)) (handled bool, err error) {
	to, ok1 := dst.(*net.TCPConn)
	from, ok2 := src.(*net.TCPConn)
	if !ok1 || !ok2 {
		return false, nil
	}
	in, err1 := from.SyscallConn()
	out, err2 := to.SyscallConn()
	if err1 != nil || err2 != nil {
		return true, errors.Join(err1, err2)
	}
	s := splicer{in: in, out: out}
	for {
		n, err := s.fill()
		switch {
		case err != nil && s.cannot:
			return false, nil
		case err != nil:
			return true, err
		case n == 0:
			return true, nil
		}
		if err := s.empty(n, moved); err != nil {
			return true, err
		}
	}
}

// A splicer is one direction of one connection.
type splicer struct {
	in, out syscall.RawConn
	pipe    *pipe // holds a portion; nil between two of them
	cannot  bool  // there is no pipe, or no splice
}

// fill waits for bytes and takes a portion of them into a pipe. 0 is the end.
func (s *splicer) fill() (n int64, err error) {
	waited := s.in.Read(func(fd uintptr) bool {
		if s.pipe, err = takePipe(); err != nil {
			s.cannot = true
			return true
		}
		n, err = spliceOnce(int(fd), s.pipe.write, pipeSize)
		if err == nil && n > 0 {
			return true
		}
		s.pipe.giveBack()
		s.pipe = nil
		s.cannot = errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if waited != nil {
		return 0, waited
	}
	return n, os.NewSyscallError("splice", err)
}

// empty brings the n bytes of the pipe to the other socket.
func (s *splicer) empty(n int64, moved func(int64)) error {
	var err error
	waited := s.out.Write(func(fd uintptr) bool {
		for n > 0 {
			var m int64
			m, err = spliceOnce(s.pipe.read, int(fd), n)
			if err != nil {
				return !errors.Is(err, syscall.EAGAIN)
			}
			n -= m
			moved(m)
		}
		return true
	})
	if waited == nil && err == nil {
		s.pipe.giveBack()
	} else {
		s.pipe.close() // bytes of this connection may be in it
	}
	s.pipe = nil
	if waited != nil {
		return waited
	}
	return os.NewSyscallError("splice", err)
}

func spliceOnce(from, to int, most int64) (int64, error) {
	for {
		n, err := syscall.Splice(from, nil, to, nil, int(most), spliceMove|spliceNonblock)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}

// A pipe is two ends, and empty while it is spare.
type pipe struct{ read, write int }

var spare = make(chan *pipe, sparePipes)

func takePipe() (*pipe, error) {
	select {
	case p := <-spare:
		return p, nil
	default:
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	// Where the user has many pipes already, the kernel refuses: a portion is smaller then.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(ends[0]), setPipeSize, pipeSize)
	return &pipe{ends[0], ends[1]}, nil
}

func (p *pipe) giveBack() {
	select {
	case spare <- p:
	default:
		p.close()
	}
}

func (p *pipe) close() {
	_ = syscall.Close(p.read)
	_ = syscall.Close(p.write)
}
