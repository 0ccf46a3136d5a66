package files

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// segment is one row of /proc/sysvipc/shm (proc_sysvipc(5)).
type segment struct {
	key      int64
	id       uint64
	bytes    int64
	attached int
}

func parseSegments(data []byte) []segment {
	var all []segment
	for line := range bytes.Lines(data) {
		column := strings.Fields(string(line))
		if len(column) < 7 {
			continue
		}
		key, err1 := strconv.ParseInt(column[0], 10, 64)
		id, err2 := strconv.ParseUint(column[1], 10, 64)
		size, err3 := strconv.ParseInt(column[3], 10, 64)
		attached, err4 := strconv.Atoi(column[6])
		if err1 == nil && err2 == nil && err3 == nil && err4 == nil {
			all = append(all, segment{key, id, size, attached})
		}
	}
	return all
}

// region is one piece of memory that the application shares: in its own
// processes, or with others.
type region struct {
	inventory.SharedMemory
	anonymous bool // it has no name outside: only an outsider makes it worth telling
}

type regionKey struct {
	device string
	inode  uint64
}

// shared tells the memory that is shared, and who else has it.
func (c *Collector) shared(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	regions := map[regionKey]*region{}
	for pid, all := range c.mapped {
		for _, m := range all {
			r := regions[regionKey{m.device, m.inode}]
			if r == nil {
				r = c.region(pid, m)
				regions[regionKey{m.device, m.inode}] = r
			}
			if !slices.Contains(r.PIDs, pid) {
				r.PIDs = append(r.PIDs, pid)
			}
		}
	}
	if len(regions) == 0 {
		return
	}
	blind := c.outsiders(ctx, s, regions)
	segments, _ := os.ReadFile(filepath.Join(s.Proc, "sysvipc/shm"))
	for k, r := range regions {
		for _, seg := range parseSegments(segments) {
			if r.Kind == "sysv" && seg.id == k.inode {
				r.Bytes = seg.bytes
			}
		}
		if r.anonymous && r.Outsider == "" {
			continue
		}
		slices.Sort(r.PIDs)
		f.Shared = append(f.Shared, r.SharedMemory)
	}
	slices.SortFunc(f.Shared, func(a, b inventory.SharedMemory) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), cmp.Compare(a.Bytes, b.Bytes))
	})
	if blind > 0 && len(f.Shared) > 0 {
		s.Gaps.Add(inventory.SubjectShared, "who else has the shared memory", strconv.Itoa(blind)+" processes may not be looked into")
	}
}

func (c *Collector) region(pid int, m mapping) *region {
	path := strings.TrimSuffix(m.path, " (deleted)")
	r := &region{SharedMemory: inventory.SharedMemory{Kind: "mapped", Name: inventory.Name(c.inside(pid, path)), Bytes: m.bytes}}
	switch {
	case strings.HasPrefix(path, "/SYSV"):
		r.Kind, r.Name = "sysv", "key 0x"+path[len("/SYSV"):]
	case strings.HasPrefix(path, "/dev/shm/"):
		r.Kind, r.Name = "posix", inventory.Name(path[len("/dev/shm"):])
	case kernels(m.path), strings.HasPrefix(path, "/dev/zero"):
		r.anonymous = true
	}
	return r
}

// outsiders looks through the mappings of all other processes, and counts those
// that it may not read.
func (c *Collector) outsiders(ctx context.Context, s *scope.Scope, regions map[regionKey]*region) (blind int) {
	for _, pid := range descriptor.Processes(s.Proc) {
		if s.Ever[pid] || slices.Contains(s.PIDs, pid) {
			continue
		}
		if ctx.Err() != nil {
			return blind + 1
		}
		all, err := mapsOf(s.Proc, pid, true)
		if err != nil {
			if !ended(err) {
				blind++
			}
			continue
		}
		for _, m := range all {
			if r := regions[regionKey{m.device, m.inode}]; r != nil && m.shared && r.Outsider == "" {
				r.Outsider = inventory.Name(comm(s.Proc, pid)) + " (" + strconv.Itoa(pid) + ")"
			}
		}
	}
	return blind
}

func comm(proc string, pid int) string { return descriptor.Name(proc, pid) }
