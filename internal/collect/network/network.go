package network

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const (
	// walkEvery is how often the descriptors are looked at although no unknown
	// socket is there: what was closed has to be noted some time.
	walkEvery = 15
	// unixEvery is how many samples lie between two looks at the unix sockets.
	unixEvery = 30
	// waitEvery is how often connections that are over are looked at: the kernel
	// remembers them for a minute, and there may be very many.
	waitEvery = 10
	// tries is after how many looks a socket is taken for another program's.
	tries = 4
	// mostPeers, mostCallers and mostWaiting bound the memory: peers that are
	// dialled, addresses that dial, connections that are over.
	mostPeers   = 5000
	mostCallers = 2000
	mostWaiting = 20_000
)

// Collector is the collector of listeners, peers and sockets.
type Collector struct {
	walker    *descriptor.Walker
	owners    map[uint64][]descriptor.FD // by inode; without their links
	foreign   map[uint64]*stranger
	spaces    map[int]string // the network namespace of a process
	own       map[string]map[netip.Addr]bool
	listeners map[listenerKey]*listening
	peers     map[peerKey]*peer
	open      map[uint64]*connection
	waiting   map[[2]netip.AddrPort]int // the sample in which one was last seen
	unix      unixSockets
	room      []byte
	rows      []row
	scans     int // of the whole machine
	scanned   int // in which sample the last was
	ephemeral [2]uint16
	callers   int
	crowded   bool
	diag      bool // the kernel's socket diagnosis is at hand
}

// stranger is a socket whose process is not known.
type stranger struct{ tried, last int }

// New makes a collector for one probe.
func New() *Collector {
	return &Collector{
		owners: map[uint64][]descriptor.FD{}, foreign: map[uint64]*stranger{}, spaces: map[int]string{}, own: map[string]map[netip.Addr]bool{},
		listeners: map[listenerKey]*listening{}, peers: map[peerKey]*peer{}, open: map[uint64]*connection{},
		waiting: map[[2]netip.AddrPort]int{}, unix: unixSockets{seen: map[uint64]*unixEnd{}},
	}
}

// Subjects are what it looks at. The stores are peers and sockets with a name.
func (*Collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectListeners, inventory.SubjectPeers, inventory.SubjectSockets}
}

// Sample looks at the sockets that there are now.
func (c *Collector) Sample(ctx context.Context, s *scope.Scope) {
	if c.walker == nil {
		c.walker = descriptor.NewWalker(s.Proc, func(link []byte) bool { return bytes.HasPrefix(link, []byte("socket:[")) })
		c.ephemeral = ephemeral(s.Proc)
		c.diag = s.Proc == "/proc" && diagnosable(s)
	}
	c.look(ctx, s, s.Sample%waitEvery == 0)
	c.resolve(ctx, s, false)
	if s.Sample%unixEvery == 0 {
		c.lookUnix(s)
	}
}

// look joins the tables of each network namespace with the descriptors; waiting
// says that connections that are over count too.
func (c *Collector) look(ctx context.Context, s *scope.Scope, waiting bool) {
	spaces := c.group(s)
	walked := false
	for _, space := range sortedKeys(spaces) {
		pid := spaces[space]
		if ctx.Err() != nil {
			return
		}
		if !c.readTables(s, pid, waiting) {
			continue
		}
		if !walked && (s.Sample%walkEvery == 0 || c.strangers(s.Sample)) {
			c.walk(s)
			walked = true
		}
		c.listening(s, space)
		c.connections(s, space, waiting)
		c.unknown(s.Sample)
	}
	c.forget(s.Sample, waiting)
}

// group finds one process of each network namespace in which the application is.
func (c *Collector) group(s *scope.Scope) map[string]int {
	found := map[string]int{}
	for _, pid := range s.PIDs {
		space, known := c.spaces[pid]
		if !known {
			link, err := os.Readlink(procFile(s, pid, "ns/net"))
			if ended(err) {
				continue
			}
			space = link // "" where it may not be read: one namespace for all of those
			c.spaces[pid] = space
		}
		if _, have := found[space]; !have {
			found[space] = pid
		}
		if c.own[space] == nil {
			c.own[space] = ownAddresses(s, pid)
		}
	}
	return found
}

func procFile(s *scope.Scope, pid int, rest string) string {
	return filepath.Join(s.Proc, strconv.Itoa(pid), rest)
}

// readTables fills c.rows with the sockets of one namespace.
func (c *Collector) readTables(s *scope.Scope, pid int, waiting bool) bool {
	c.rows = c.rows[:0]
	tables := []string{"udp", "udp6"}
	if !c.diagnose(s, pid, waiting) {
		tables = []string{"tcp", "tcp6", "udp", "udp6"}
	}
	for _, protocol := range tables {
		var err error
		c.room, err = read(procFile(s, pid, "net/"+protocol), c.room)
		switch {
		case err == nil:
			c.rows = parse(c.room, protocol, c.rows)
		case errors.Is(err, fs.ErrNotExist) && protocol[len(protocol)-1] == '6' && exists(procFile(s, pid, "net/udp")):
			// a kernel without IPv6
		case ended(err):
			return false
		default:
			s.Gaps.Add(inventory.SubjectListeners, "the table of "+protocol+" sockets", why(err))
			s.Gaps.Add(inventory.SubjectPeers, "the table of "+protocol+" sockets", why(err))
		}
	}
	return true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// strangers says whether there is a socket that may be the application's and is
// not known.
func (c *Collector) strangers(sample int) bool {
	found := false
	for _, r := range c.rows {
		if r.inode == 0 || c.owners[r.inode] != nil {
			continue
		}
		x := c.foreign[r.inode]
		if x == nil {
			x = &stranger{}
			c.foreign[r.inode] = x
		}
		x.last = sample
		found = found || x.tried < tries
	}
	return found
}

// unknown counts the looks at sockets that still belong to nobody.
func (c *Collector) unknown(sample int) {
	for _, x := range c.foreign {
		if x.last == sample && x.tried < tries {
			x.tried++
		}
	}
}

// forget drops what is no more.
func (c *Collector) forget(sample int, waiting bool) {
	for inode, x := range c.foreign {
		if x.last < sample || c.owners[inode] != nil {
			delete(c.foreign, inode)
		}
	}
	for inode, o := range c.open {
		if o.last < sample {
			delete(c.open, inode)
		}
	}
	for ends, last := range c.waiting {
		if waiting && last < sample {
			delete(c.waiting, ends)
		}
	}
}

// walk brings the owners of sockets up to date.
func (c *Collector) walk(s *scope.Scope) {
	c.walker.Sample(s.PIDs, func(pid int, l descriptor.Look) {
		if l.Err != nil {
			for _, subject := range c.Subjects() {
				s.Gaps.Add(subject, "the sockets that process "+strconv.Itoa(pid)+" has open", why(l.Err))
			}
		}
		for _, fd := range l.Closed {
			if inode, is := descriptor.Inode(fd.Link, "socket"); is {
				left := slices.DeleteFunc(c.owners[inode], func(o descriptor.FD) bool { return o.PID == pid && o.FD == fd.FD })
				if c.owners[inode] = left; len(left) == 0 {
					delete(c.owners, inode)
				}
			}
		}
		for _, fd := range l.Opened {
			if inode, is := descriptor.Inode(fd.Link, "socket"); is {
				c.owners[inode] = append(c.owners[inode], descriptor.FD{PID: pid, FD: fd.FD})
			}
		}
	})
}

func link(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }

func addPIDs(list []int, from []descriptor.FD) []int {
	for _, o := range from {
		if !slices.Contains(list, o.PID) {
			list = append(list, o.PID)
		}
	}
	return list
}

func ended(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

func why(err error) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "no permission to read it"
	case errors.As(err, &at):
		return at.Err.Error()
	}
	return err.Error()
}
