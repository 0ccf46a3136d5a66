package files

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const (
	// mapsEvery is how many samples lie between two looks at the mappings.
	mapsEvery = 60
	// sizesPerSample is how many written files are measured in one sample.
	sizesPerSample = 40
	// mostUses bounds the memory: what is beyond is named as a gap.
	mostUses = 40_000
)

// Collector is the collector of files, logs and shared memory.
type Collector struct {
	walker  *descriptor.Walker
	uses    map[string]*use
	open    map[handle]*use
	written []*use
	turn    int
	ends    ends // descriptors 1 and 2, pipes and sockets
	mapped  map[int][]mapping
	named   map[int]bool
	roots   map[int]string
	uids    map[int]bool
	trees   trees
	events  events
	mounts  mounts
	began   time.Time
	started time.Time // of the application's oldest process
	full    bool
}

// New makes a collector for one probe.
func New() *Collector {
	return &Collector{
		uses: map[string]*use{}, open: map[handle]*use{}, ends: newEnds(),
		mapped: map[int][]mapping{}, named: map[int]bool{}, roots: map[int]string{}, uids: map[int]bool{},
	}
}

// Subjects are what it looks at.
func (*Collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectFiles, inventory.SubjectLogs, inventory.SubjectShared}
}

// Sample looks at what is open now.
func (c *Collector) Sample(ctx context.Context, s *scope.Scope) {
	if c.walker == nil {
		c.walker = descriptor.NewWalker(s.Proc, nil)
		c.began = time.Now()
	}
	for _, pid := range s.PIDs {
		if ctx.Err() != nil {
			return
		}
		c.meet(s, pid)
	}
	c.walker.Sample(s.PIDs, func(pid int, l descriptor.Look) { c.changed(s, pid, l) })
	for _, u := range c.open {
		u.sample(s.Sample)
	}
	c.hear(s)
	c.measure(s)
	if s.Sample%mapsEvery == 0 {
		c.readMaps(s)
		c.listen(s)
	}
	if s.Sample == 0 || s.Sample == s.Planned-1 {
		c.trees.look(ctx, c, s)
	}
}

// listen makes sure that what is written and closed again is heard of, wherever the
// application has files that it writes or directories to write in.
func (c *Collector) listen(s *scope.Scope) {
	if s.Planned < 2 {
		return
	}
	for _, u := range c.written {
		c.events.listen(s, c.mounts, firstOf(u.pids), u.path)
	}
	for _, p := range c.trees.working {
		c.events.listen(s, c.mounts, p.pid, p.path)
	}
	if s.Main > 0 {
		c.events.listen(s, c.mounts, s.Main, "/tmp")
	}
}

// meet looks once at what does not change in a process.
func (c *Collector) meet(s *scope.Scope, pid int) {
	if c.named[pid] {
		return
	}
	c.named[pid] = true
	c.roots[pid] = rootOf(s, pid)
	if m, err := stat(procPath(s, pid, "")); err == nil {
		c.uids[m.uid] = true
	}
	if at, ok := startOf(s.Proc, pid); ok && (c.started.IsZero() || at.Before(c.started)) {
		c.started = at
	}
	if c.mounts == nil {
		c.mounts = mountsOf(s.Proc, pid)
	}
	c.ends.standard(s, pid)
	c.nameArguments(s, pid)
	if s.Sample > 0 {
		c.mapsOf(s, pid)
	}
	if s.Sample == 0 && pid == s.Main {
		c.nameUnit(s)
	}
}

func procPath(s *scope.Scope, pid int, rest string) string {
	return filepath.Join(s.Proc, strconv.Itoa(pid), rest)
}

// changed takes over what a process opened and closed.
func (c *Collector) changed(s *scope.Scope, pid int, l descriptor.Look) {
	if l.Err != nil {
		c.unreadable(s, pid, "the files that process "+strconv.Itoa(pid)+" has open", l.Err)
	}
	vanished := map[int]*use{}
	for _, fd := range l.Closed {
		if u := c.open[handle{pid, fd.FD}]; u != nil {
			vanished[fd.FD] = u
			delete(c.open, handle{pid, fd.FD})
		}
	}
	for _, fd := range l.Opened {
		if !strings.HasPrefix(fd.Link, "/") {
			c.ends.opened(s, fd)
			continue
		}
		c.opened(s, fd, vanished[fd.FD])
	}
}

// unreadable makes one gap in everything that this collector looks at.
func (c *Collector) unreadable(s *scope.Scope, _ int, what string, err error) {
	for _, subject := range c.Subjects() {
		s.Gaps.Add(subject, what, why(err))
	}
}

// opened notes a file that a descriptor leads to. before is what the same
// descriptor led to: a file that was deleted meanwhile is still the same one.
func (c *Collector) opened(s *scope.Scope, fd descriptor.FD, before *use) {
	path := fd.Link
	if kernels(path) {
		return
	}
	m, err := stat(procPath(s, fd.PID, "fd/"+strconv.Itoa(fd.FD)))
	if err == nil && m.kind == directory {
		return
	}
	path, deleted := strings.CutSuffix(path, " (deleted)")
	if deleted && err == nil && m.links > 0 {
		path, deleted = fd.Link, false // it is called so
	}
	path = c.inside(fd.PID, path)
	var u *use
	if deleted && before != nil && before.path == path && before.inode == m.inode {
		u = before
		c.rename(u, path)
	} else if u = c.use(s, path, deleted, m.inode); u == nil {
		return
	}
	u.by |= byFD
	u.gone = false
	u.kind, u.inode = m.kind, m.inode
	u.deleted = u.deleted || deleted
	u.atStart = u.atStart || s.Sample == 0
	u.created = u.created || c.isNew(m)
	u.holder(fd.PID)
	c.opening(s, u, fd)
	if err == nil {
		u.measure(m.size, time.Now())
	}
	c.open[handle{fd.PID, fd.FD}] = u
}

// opening notes how a file was opened.
func (c *Collector) opening(s *scope.Scope, u *use, fd descriptor.FD) {
	link, err := lstat(procPath(s, fd.PID, "fd/"+strconv.Itoa(fd.FD)))
	if err != nil {
		return
	}
	u.read = u.read || link.read
	if link.write && !link.read && !u.appended {
		mode, known := descriptor.ModeOf(s.Proc, fd.PID, fd.FD)
		u.appended = known && mode.Append
	}
	if link.write && !u.written {
		u.written = true
		c.written = append(c.written, u)
	}
}

// kernels says that a path leads into the kernel, not to a file.
func kernels(path string) bool {
	for _, p := range []string{"/proc/", "/sys/", "/memfd:", "/SYSV", "/[aio]", "/dev/zero (deleted)"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

func key(path string, deleted bool, inode uint64) string {
	if deleted {
		return path + "\x00" + strconv.FormatUint(inode, 10)
	}
	return path
}

// use finds or makes the entry of a file, nil where there are too many.
func (c *Collector) use(s *scope.Scope, path string, deleted bool, inode uint64) *use {
	k := key(path, deleted, inode)
	if u := c.uses[k]; u != nil {
		return u
	}
	if len(c.uses) >= mostUses {
		if !c.full {
			c.full = true
			s.Gaps.Add(inventory.SubjectFiles, "", "more than "+strconv.Itoa(mostUses)+" files are in use, the rest was left out")
		}
		return nil
	}
	u := &use{path: path, kind: regular, inode: inode, deleted: deleted}
	c.uses[k] = u
	return u
}

// rename makes the entry of a file that of one that was deleted.
func (c *Collector) rename(u *use, path string) {
	delete(c.uses, path)
	c.uses[key(path, true, u.inode)] = u
	u.deleted = true
}

// measure takes the size of some files that are written.
func (c *Collector) measure(s *scope.Scope) {
	if len(c.written) == 0 || s.Sample == 0 {
		return
	}
	at := map[*use]handle{}
	for range min(sizesPerSample, len(c.written)) {
		c.turn++
		at[c.written[c.turn%len(c.written)]] = handle{}
	}
	for h, u := range c.open {
		if _, wanted := at[u]; wanted {
			at[u] = h
		}
	}
	for u, h := range at {
		c.weigh(s, u, h)
	}
}

func (c *Collector) weigh(s *scope.Scope, u *use, h handle) {
	if h.pid == 0 {
		return
	}
	if m, err := stat(procPath(s, h.pid, "fd/"+strconv.Itoa(h.fd))); err == nil && m.kind == regular && m.inode == u.inode {
		u.measure(m.size, time.Now())
	}
}

func (c *Collector) readMaps(s *scope.Scope) {
	for _, pid := range s.PIDs {
		c.mapsOf(s, pid)
	}
}

// mapsOf notes the files that a process has mapped.
func (c *Collector) mapsOf(s *scope.Scope, pid int) {
	all, err := mapsOf(s.Proc, pid, false)
	if err != nil {
		if !ended(err) {
			c.unreadable(s, pid, "the memory mappings of process "+strconv.Itoa(pid), err)
		}
		return
	}
	c.mapped[pid] = slices.DeleteFunc(slices.Clone(all), func(m mapping) bool { return !m.shared || !m.write })
	for _, m := range all {
		if kernels(m.path) || strings.HasPrefix(m.path, "/dev/") {
			continue
		}
		path, deleted := strings.CutSuffix(m.path, " (deleted)")
		u := c.use(s, c.inside(pid, path), deleted, m.inode)
		if u == nil {
			return
		}
		u.by |= byMap
		u.read, u.executable = true, u.executable || m.executable
		u.written = u.written || m.shared && m.write
		u.atStart = u.atStart || s.Sample == 0
		u.inode = m.inode
		u.holder(pid)
		u.sample(s.Sample)
	}
}
