package forward

import (
	"errors"
	"io"
	"net"
	"sync"
)

// pump brings bytes from src to dst until src has no more, which is no error; moved
// is told of each portion.
func pump(dst, src net.Conn, moved func(int64)) error {
	if handled, err := splice(dst, src, moved); handled {
		return err
	}
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	for {
		n, err := src.Read(buffer[:])
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return err
			}
			moved(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// bufferSize is a record of TLS (RFC 8446, section 5.1): a larger buffer is never
// filled by one read.
const bufferSize = 16 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// halfClose tells the peer that nothing more comes, and still hears what it says.
func halfClose(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// cut ends a connection so that its peer does not take it for finished: with TCP by a
// reset.
func cut(c net.Conn) {
	if s, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = s.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
