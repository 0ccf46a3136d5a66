package files

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// ends are the ends at which log lines may leave the processes: descriptors 1
// and 2 of each, pipes, and datagram sockets.
type ends struct {
	output  map[handle]string // the links of descriptors 1 and 2
	journal map[int]string    // the socket on which systemd takes up the output
	pipes   map[string][]int  // written pipes, by link: the writers
	sockets map[uint64][]int
}

func newEnds() ends {
	return ends{map[handle]string{}, map[int]string{}, map[string][]int{}, map[uint64][]int{}}
}

// standard notes where descriptors 1 and 2 of a process lead.
func (e *ends) standard(s *scope.Scope, pid int) {
	for fd := 1; fd <= 2; fd++ {
		if link, err := os.Readlink(procPath(s, pid, "fd/"+strconv.Itoa(fd))); err == nil {
			e.output[handle{pid, fd}] = link
		}
	}
	if stream := journalStream(s, pid); stream != "" {
		e.journal[pid] = stream
	}
}

// journalStream is the socket that systemd's JOURNAL_STREAM names
// (systemd.exec(5)): nothing else of the environment is kept.
func journalStream(s *scope.Scope, pid int) string {
	data, err := os.ReadFile(procPath(s, pid, "environ"))
	if err != nil {
		return ""
	}
	for variable := range bytes.SplitSeq(data, []byte{0}) {
		if value, is := bytes.CutPrefix(variable, []byte("JOURNAL_STREAM=")); is {
			_, inode, _ := strings.Cut(string(value), ":")
			return "socket:[" + inode + "]"
		}
	}
	return ""
}

// opened notes a pipe into which a process writes.
func (e *ends) opened(s *scope.Scope, fd descriptor.FD) {
	if _, is := descriptor.Inode(fd.Link, "pipe"); !is {
		return
	}
	if mode, known := descriptor.ModeOf(s.Proc, fd.PID, fd.FD); known && mode.Write && !slices.Contains(e.pipes[fd.Link], fd.PID) {
		e.pipes[fd.Link] = append(e.pipes[fd.Link], fd.PID)
	}
}

// sinks gathers one entry per kind and place.
type sinks map[[2]string]*inventory.LogSink

func (s sinks) add(kind inventory.SinkKind, to string, seen int, growth int64, pids ...int) {
	at := [2]string{string(kind), to}
	sink := s[at]
	if sink == nil {
		sink = &inventory.LogSink{Kind: kind, To: inventory.Name(to)}
		s[at] = sink
	}
	for _, pid := range pids {
		if !slices.Contains(sink.PIDs, pid) {
			sink.PIDs = append(sink.PIDs, pid)
		}
	}
	sink.Seen, sink.Growth = max(sink.Seen, seen), max(sink.Growth, growth)
}

func (e *ends) finish(ctx context.Context, c *Collector, s *scope.Scope, f *inventory.Facts) {
	for _, pid := range s.PIDs {
		e.standard(s, pid)
	}
	found := sinks{}
	e.files(c, found)
	readers, blind := e.readers(ctx, c, s)
	for h, link := range e.output {
		e.out(c, s, h, link, readers, found)
	}
	e.rotators(s, readers, found)
	if blind > 0 && e.unexplained(readers) {
		s.Gaps.Add(inventory.SubjectLogs, "who reads the pipes of the application", strconv.Itoa(blind)+" processes may not be looked into")
	}
	e.datagrams(c, s, found)
	for _, sink := range found {
		slices.Sort(sink.PIDs)
		f.Logs = append(f.Logs, *sink)
	}
	slices.SortFunc(f.Logs, func(a, b inventory.LogSink) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.To, b.To))
	})
}

// files are the logs that are written as files.
func (e *ends) files(c *Collector, found sinks) {
	for _, u := range c.uses {
		if u.class == inventory.FileLog && (u.written || u.grown > 0) {
			found.add(inventory.SinkFile, u.path, u.seen, u.perHour(), u.pids...)
		}
	}
}

// out says where one of descriptors 1 and 2 leads.
func (e *ends) out(c *Collector, s *scope.Scope, h handle, link string, readers map[string][]descriptor.Holder, found sinks) {
	seen := 1
	switch {
	case link == "/dev/null":
		found.add(inventory.SinkNull, "", seen, 0, h.pid)
	case strings.HasPrefix(link, "/dev/pts/"), strings.HasPrefix(link, "/dev/tty"), link == "/dev/console":
		found.add(inventory.SinkStdout, "a terminal", seen, 0, h.pid)
	case strings.HasPrefix(link, "/"):
		path, _ := strings.CutSuffix(link, " (deleted)")
		path = c.inside(h.pid, path)
		if u := c.uses[path]; u != nil {
			found.add(inventory.SinkFile, path, u.seen, u.perHour(), h.pid)
			return
		}
		found.add(inventory.SinkFile, path, seen, 0, h.pid)
	case strings.HasPrefix(link, "socket:"):
		found.add(inventory.SinkStdout, e.taker(s, h.pid, link), seen, 0, h.pid)
	case strings.HasPrefix(link, "pipe:"):
		e.piped(s, h.pid, link, readers, found)
	}
}

// taker names who takes up what is written to a socket.
func (e *ends) taker(s *scope.Scope, pid int, link string) string {
	if e.journal[pid] == link || s.Unit != nil && strings.HasPrefix(s.Unit.StandardOutput, "journal") {
		return "journal"
	}
	return ""
}

// piped tells a supervisor that reads the output of its child. A program that
// writes logs is told by rotators, and what another process of the application
// does with the output is looked at there.
func (e *ends) piped(s *scope.Scope, pid int, link string, readers map[string][]descriptor.Holder, found sinks) {
	others := slices.DeleteFunc(slices.Clone(readers[link]), func(r descriptor.Holder) bool { return r.PID == pid })
	if len(others) == 0 {
		found.add(inventory.SinkPipe, "", 1, 0, pid)
	}
	for _, r := range others {
		if !rotator(r.Name) && !s.Ever[r.PID] {
			found.add(inventory.SinkStdout, r.Name, 1, 0, pid)
			return
		}
	}
}

// rotators are other pipes of the application to programs that write logs.
func (e *ends) rotators(s *scope.Scope, readers map[string][]descriptor.Holder, found sinks) {
	for link, writers := range e.pipes {
		for _, r := range readers[link] {
			from := slices.DeleteFunc(slices.Clone(writers), func(pid int) bool { return pid == r.PID })
			if rotator(r.Name) && len(from) > 0 {
				found.add(inventory.SinkPipe, r.Name, 1, 0, from...)
			}
		}
	}
}

// rotator knows the programs that take a log from a pipe, by the kernel's name
// of the process, which has 15 bytes.
func rotator(name string) bool {
	switch name {
	case "rotatelogs", "rotatelogs2", "cronolog", "multilog", "svlogd", "s6-log", "logger", "tee", "systemd-cat", "httplog", "tinylog", "sinklog", "filebeat", "fluent-bit", "vlogger", "cat":
		return true
	}
	return strings.Contains(name, "rotatelog")
}

// readers are the processes that read the pipes of the application.
func (e *ends) readers(ctx context.Context, c *Collector, s *scope.Scope) (map[string][]descriptor.Holder, int) {
	wanted := map[string]bool{}
	for link := range e.pipes {
		wanted[link] = true
	}
	for _, link := range e.output {
		if strings.HasPrefix(link, "pipe:") {
			wanted[link] = true
		}
	}
	held, blind := c.walker.Holders(ctx, wanted)
	for link, holders := range held {
		held[link] = slices.DeleteFunc(holders, func(h descriptor.Holder) bool {
			mode, known := descriptor.ModeOf(s.Proc, h.PID, h.FD)
			return known && !mode.Read
		})
	}
	return held, blind
}

func (e *ends) unexplained(readers map[string][]descriptor.Holder) bool {
	for h, link := range e.output {
		if strings.HasPrefix(link, "pipe:") && !slices.ContainsFunc(readers[link], func(r descriptor.Holder) bool { return r.PID != h.pid }) {
			return true
		}
	}
	return false
}
