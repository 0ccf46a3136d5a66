package network

import (
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"strconv"
)

// The states of /proc/net/tcp that mean something here (include/net/tcp_states.h).
const (
	established = 0x01
	synSent     = 0x02
	timeWait    = 0x06
	closed      = 0x07 // of UDP: not connected
	listen      = 0x0a
)

// row is one socket of /proc/net/{tcp,tcp6,udp,udp6}. Addresses of IPv4 in IPv6
// are those of IPv4.
type row struct {
	protocol      string
	local, remote netip.AddrPort
	state         uint8
	inode         uint64
}

// read takes a whole file of /proc into a buffer that is used again.
func read(path string, room []byte) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return room[:0], err
	}
	defer file.Close()
	room = room[:0]
	for {
		if len(room) == cap(room) {
			room = append(room, make([]byte, max(16<<10, cap(room)))...)[:len(room)]
		}
		n, err := file.Read(room[len(room):cap(room)])
		room = room[:len(room)+n]
		if errors.Is(err, io.EOF) {
			return room, nil
		}
		if err != nil {
			return room, err
		}
	}
}

// parse appends the rows of one table (proc_net(5)); lines that are none are
// left out.
func parse(data []byte, protocol string, rows []row) []row {
	for len(data) > 0 {
		var line []byte
		line, data = cut(data, '\n')
		if r, ok := parseRow(line, protocol); ok {
			rows = append(rows, r)
		}
	}
	return rows
}

func cut(data []byte, at byte) (before, after []byte) {
	for i, b := range data {
		if b == at {
			return data[:i], data[i+1:]
		}
	}
	return data, nil
}

func field(data []byte) (word, rest []byte) {
	for len(data) > 0 && data[0] == ' ' {
		data = data[1:]
	}
	return cut(data, ' ')
}

func parseRow(line []byte, protocol string) (r row, ok bool) {
	var column [10][]byte
	for i := range column {
		if column[i], line = field(line); len(column[i]) == 0 {
			return r, false
		}
	}
	state, err := strconv.ParseUint(string(column[3]), 16, 8)
	if err != nil {
		return r, false
	}
	inode, err := strconv.ParseUint(string(column[9]), 10, 64)
	if err != nil {
		return r, false
	}
	local, ok1 := address(column[1])
	remote, ok2 := address(column[2])
	return row{protocol, local, remote, uint8(state), inode}, ok1 && ok2
}

// address reads "0100007F:1538": words of four bytes in the order of the
// machine, which is little on everything this runs on, and the port.
func address(text []byte) (netip.AddrPort, bool) {
	host, port := cut(text, ':')
	n, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	if len(host) != 8 && len(host) != 32 {
		return netip.AddrPort{}, false
	}
	if _, err := hex.Decode(raw[:len(host)/2], host); err != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(host)/2; i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	if len(host) == 8 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), uint16(n)), true
	}
	return netip.AddrPortFrom(netip.AddrFrom16(raw).Unmap(), uint16(n)), true
}
