package descriptor

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Of linux/unix_diag.h.
const (
	diagShowPeer = 4 // UDIAG_SHOW_PEER
	diagPeer     = 2 // UNIX_DIAG_PEER
)

// diagWait bounds the kernel's answer.
const diagWait = 2 * time.Second

// UnixPeers asks the kernel which unix sockets belong together in the network
// namespace of a process: the inode of each connected socket, and that of its
// other end. Where the kernel has not loaded its module for this yet, it does, as
// it does for ss(8).
func UnixPeers(proc string, pid int) (map[uint64]uint64, error) {
	peers := map[uint64]uint64{}
	err := Diagnose(proc, pid, unixRequest(), func(body []byte) {
		if len(body) >= 16 {
			peerOf(body, peers)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for unix sockets: %w", err)
	}
	return peers, nil
}

// Diagnose sends one request for a list to the kernel's socket diagnosis
// (sock_diag(7)) in the network namespace of a process, and calls each for every
// entry of the answer, without its header. Where that process lives in another
// namespace than the agent, a thread of its own looks into it, which needs root.
func Diagnose(proc string, pid int, request []byte, each func(body []byte)) error {
	s, err := diagSocket(proc, pid)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }() // nothing was written
	wait := unix.NsecToTimeval(int64(diagWait))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return err
	}
	if err := unix.Sendto(s, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	room := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(s, room, 0)
		if err != nil {
			return err
		}
		if done, err := ParseAnswer(room[:n], each); err != nil || done {
			return err
		}
	}
}

// unixRequest is a netlink header and a unix_diag_req for all sockets.
func unixRequest() []byte {
	req := make([]byte, 16+24)
	order := binary.NativeEndian
	order.PutUint32(req[0:], uint32(len(req)))
	order.PutUint16(req[4:], unix.SOCK_DIAG_BY_FAMILY)
	order.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req[16] = unix.AF_UNIX
	order.PutUint32(req[20:], ^uint32(0))
	order.PutUint32(req[28:], diagShowPeer)
	return req
}

// ParseAnswer reads netlink messages and hands on the entries; done at the last.
func ParseAnswer(data []byte, each func(body []byte)) (done bool, err error) {
	order := binary.NativeEndian
	for len(data) >= 16 {
		length, kind := int(order.Uint32(data)), order.Uint16(data[4:])
		if length < 16 || length > len(data) {
			return true, fmt.Errorf("the kernel's answer is cut off")
		}
		body := data[16:length]
		data = data[min(len(data), (length+3)&^3):]
		switch kind {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			errno := unix.EPROTO
			if len(body) >= 4 {
				errno = unix.Errno(-int32(order.Uint32(body)))
			}
			return true, errno
		default:
			each(body)
		}
	}
	return false, nil
}

// peerOf reads one unix_diag_msg and its attributes.
func peerOf(body []byte, peers map[uint64]uint64) {
	order := binary.NativeEndian
	inode := uint64(order.Uint32(body[4:]))
	for attrs := body[16:]; len(attrs) >= 4; {
		length, kind := int(order.Uint16(attrs)), order.Uint16(attrs[2:])
		if length < 4 || length > len(attrs) {
			return
		}
		if kind == diagPeer && length >= 8 {
			peers[inode] = uint64(order.Uint32(attrs[4:]))
		}
		attrs = attrs[min(len(attrs), (length+3)&^3):]
	}
}

// diagSocket opens the netlink socket in the network namespace of the process.
func diagSocket(proc string, pid int) (int, error) {
	open := func() (int, error) {
		return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	}
	theirs := filepath.Join(proc, strconv.Itoa(pid), "ns/net")
	there, err := os.Readlink(theirs)
	if err != nil {
		return -1, err
	}
	if here, err := os.Readlink("/proc/self/ns/net"); err == nil && here == there {
		return open()
	}
	type result struct {
		socket int
		err    error
	}
	answer := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		ns, err := os.Open(theirs)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			ns.Close()
		}
		if err != nil {
			answer <- result{-1, err}
			return
		}
		s, err := open()
		answer <- result{s, err}
	}()
	r := <-answer
	return r.socket, r.err
}
