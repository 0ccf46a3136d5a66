package files

import (
	"cmp"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// datagrams looks for sockets that lead to the system's log. Lines that are sent
// without a connection leave no trace in the kernel's tables, see loose.
func (e *ends) datagrams(c *Collector, s *scope.Scope, found sinks) {
	c.walker.Each(func(fd descriptor.FD) {
		if inode, is := descriptor.Inode(fd.Link, "socket"); is && !slices.Contains(e.sockets[inode], fd.PID) {
			e.sockets[inode] = append(e.sockets[inode], fd.PID)
		}
	})
	if len(e.sockets) == 0 {
		return
	}
	table, err := descriptor.UnixSockets(s.Proc, s.Main)
	if err != nil {
		if !ended(err) {
			s.Gaps.Add(inventory.SubjectLogs, "the unix sockets", why(err))
		}
		return
	}
	known := map[uint64]descriptor.UnixSocket{}
	unnamed := false
	for _, u := range table {
		known[u.Inode] = u
		unnamed = unnamed || u.Path == "" && e.sockets[u.Inode] != nil
	}
	peers, err := descriptor.UnixPeers(s.Proc, s.Main)
	if err != nil {
		if unnamed {
			s.Gaps.Add(inventory.SubjectLogs, "where the unix sockets of the application lead", err.Error())
		}
		return
	}
	var loose []int
	for inode, pids := range maps.All(e.sockets) {
		if u := known[inode]; u.Datagram && u.Path == "" && peers[inode] == 0 {
			loose = append(loose, pids...)
		}
		switch path := known[peers[inode]].Path; {
		case path == "/run/systemd/journal/stdout":
			found.add(inventory.SinkStdout, "journal", 1, 0, pids...)
			delete(found, [2]string{string(inventory.SinkStdout), ""})
		case path == "/run/systemd/journal/socket":
			found.add(inventory.SinkJournal, path, 1, 0, pids...)
		case path == "/dev/log", path == "/run/systemd/journal/dev-log", strings.HasSuffix(path, "/dev/log"):
			found.add(inventory.SinkSyslog, "/dev/log", 1, 0, pids...)
		}
	}
	e.loose(c, s, loose, found)
}

// loose judges datagram sockets without a name and without another end: what is
// sent through one may go to /dev/log, line by line, and only the application's
// settings can tell. Where they do not, nobody knows.
func (e *ends) loose(c *Collector, s *scope.Scope, pids []int, found sinks) {
	if len(pids) == 0 {
		return
	}
	told := false
	for _, u := range c.uses {
		if u.kind != regular || u.executable || u.class != inventory.FileConfig {
			continue
		}
		text := head(view(s, cmp.Or(firstOf(u.pids), s.Main), u.path))
		if text == nil { // by a process that went into a chroot after it had read it
			text = head(filepath.Join(s.Root, u.path))
		}
		told = told || syslogged.Match(text)
	}
	if told {
		found.add(inventory.SinkSyslog, "/dev/log", 1, 0, pids...)
		return
	}
	for _, pid := range slices.Compact(slices.Sorted(slices.Values(pids))) {
		s.Gaps.Add(inventory.SubjectLogs, inventory.Name(descriptor.Name(s.Proc, pid)), "has a socket that can write to /dev/log without a connection")
	}
}

// syslogged finds the setting that sends a log to the machine's: its socket by
// name, outside of a comment.
var syslogged = regexp.MustCompile(`(?m)^[^#;\n]*(?:/dev/log|/run/systemd/journal/dev-log)\b`)
