package descriptor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// UnixSocket is one line of /proc/net/unix. Path is empty for one without a
// name, and begins with "@" in the abstract namespace; its bytes are raw.
type UnixSocket struct {
	Inode     uint64
	Path      string
	Listening bool
	Datagram  bool
}

// acceptCon is __SO_ACCEPTCON of the kernel, in the column Flags, datagram is
// SOCK_DGRAM in the column Type.
const (
	acceptCon = 0x10000
	datagram  = 2
)

// UnixSockets are the unix sockets of the network namespace of a process.
func UnixSockets(proc string, pid int) ([]UnixSocket, error) {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "net/unix"))
	if err != nil {
		return nil, err
	}
	return ParseUnix(data), nil
}

// ParseUnix reads the table of /proc/net/unix (proc_net(5)): a slot, six columns
// and the path, which may hold blanks. A line that is none is left out.
func ParseUnix(data []byte) []UnixSocket {
	var found []UnixSocket
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var column [7][]byte
		rest := line
		n := 0
		for ; n < len(column); n++ {
			rest = bytes.TrimLeft(rest, " ")
			end := bytes.IndexByte(rest, ' ')
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				break
			}
			column[n], rest = rest[:end], rest[end:]
		}
		if n < len(column) || !bytes.HasSuffix(column[0], []byte(":")) {
			continue
		}
		flags, err := strconv.ParseUint(string(column[3]), 16, 64)
		if err != nil {
			continue
		}
		inode, err := strconv.ParseUint(string(column[6]), 10, 64)
		if err != nil {
			continue
		}
		kind, err := strconv.ParseUint(string(column[4]), 16, 16)
		if err != nil {
			continue
		}
		found = append(found, UnixSocket{inode, string(bytes.TrimPrefix(rest, []byte(" "))), flags&acceptCon != 0, kind == datagram})
	}
	return found
}
