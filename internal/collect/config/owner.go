package config

import (
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// mode is a file's mode as ls prints it.
func mode(m fs.FileMode) string {
	out := []byte("-" + m.Perm().String()[1:])
	switch {
	case m.IsDir():
		out[0] = 'd'
	case m&fs.ModeSymlink != 0:
		out[0] = 'l'
	case m&fs.ModeNamedPipe != 0:
		out[0] = 'p'
	case m&fs.ModeSocket != 0:
		out[0] = 's'
	case m&fs.ModeCharDevice != 0:
		out[0] = 'c'
	case m&fs.ModeDevice != 0:
		out[0] = 'b'
	}
	special := func(set fs.FileMode, at int, with, without byte) {
		if m&set == 0 {
			return
		}
		if out[at] == 'x' {
			out[at] = with
		} else {
			out[at] = without
		}
	}
	special(fs.ModeSetuid, 3, 's', 'S')
	special(fs.ModeSetgid, 6, 's', 'S')
	special(fs.ModeSticky, 9, 't', 'T')
	return string(out)
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}

// accounts reads the names of users and groups.
func (r *reading) accounts() {
	r.users, r.groups = r.account("/etc/passwd"), r.account("/etc/group")
}

func (r *reading) account(name string) map[uint32]string {
	out := map[uint32]string{}
	host, err := r.host(name)
	if err != nil {
		return out
	}
	c, err := r.read(host)
	if err != nil {
		return out // then numbers have to do
	}
	for line := range strings.Lines(string(c.data)) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 {
			continue
		}
		if id, err := strconv.ParseUint(fields[2], 10, 32); err == nil {
			if _, known := out[uint32(id)]; !known {
				out[uint32(id)] = fields[0]
			}
		}
	}
	return out
}

// owner is user:group, by number where the machine has no name.
func (r *reading) owner(info fs.FileInfo) string {
	s, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return ""
	}
	return named(r.users, s.Uid) + ":" + named(r.groups, s.Gid)
}

func named(names map[uint32]string, id uint32) string {
	if name := names[id]; name != "" {
		return name
	}
	return strconv.FormatUint(uint64(id), 10)
}
