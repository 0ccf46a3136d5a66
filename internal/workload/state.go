package workload

import (
	"cmp"
	"fmt"
	"slices"

	"rehome.dev/rehome/internal/inventory"
)

// networkKinds are file systems that several machines have at once.
var networkKinds = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.ceph", "fuse.sshfs", "9p", "lustre"}

func remote(m inventory.Facts, path, fsType string) bool {
	mt, ok := m.Mounted(path)
	return ok && mt.Network || slices.Contains(networkKinds, fsType)
}

func called(m inventory.Facts) string { return cmp.Or(m.Name(), "this machine") }

// evidence is one thing that was seen in n samples; 0 leaves the count out.
func evidence(m inventory.Facts, n int, format string, args ...any) Evidence {
	e := Evidence{Machine: called(m), What: fmt.Sprintf(format, args...), At: m.Ended}
	if n > 0 && m.Coverage.Planned > 0 {
		e.Seen = fmt.Sprintf("%d of %d samples", n, m.Coverage.Samples)
	}
	return e
}

// keeps are the files and groups of a class that are written, as evidence, apart by
// whether they are on a network file system.
func (l look) keeps(class inventory.FileClass) (local, network []Evidence) {
	add := func(m inventory.Facts, path, fsType string, e Evidence) {
		if remote(m, path, fsType) {
			network = append(network, e)
			return
		}
		local = append(local, e)
	}
	for _, m := range l.machines {
		for _, f := range m.Files {
			if f.Class == class && f.Written {
				add(m, f.Path, f.FSType, evidence(m, f.Seen, "writes %s, %s%s", f.Path, size(f.Size), growth(f.Growth)))
			}
		}
		for _, g := range m.Groups {
			if g.Class == class && g.Written+g.Created > 0 {
				add(m, g.Directory, "", evidence(m, 0, "writes in %s, %s in %d files", g.Directory, size(g.Bytes), g.Count))
			}
		}
	}
	return local, network
}

// storage fires where an instance keeps data on its own disk.
func storage(l look) (Finding, bool) {
	local, _ := l.keeps(inventory.FileData)
	return Finding{RuleStorage, "each instance keeps data of its own on its disk", local}, len(local) > 0
}

// sessions fires where sessions are files of one instance: with the pod they are
// gone, and on another pod they never were.
func sessions(l look) (Finding, bool) {
	local, _ := l.keeps(inventory.FileSession)
	return Finding{RuleSessions, "sessions are files of one instance", local}, len(local) > 0
}

// shared fires where data is where every instance has it.
func shared(l look) (Finding, bool) {
	_, data := l.keeps(inventory.FileData)
	_, held := l.keeps(inventory.FileSession)
	all := append(data, held...)
	return Finding{RuleShared, "its data is on a network file system: one volume that all pods mount, none of each pod", all}, len(all) > 0
}

// scratchOnly fires where what is written may be gone with the pod.
func scratchOnly(l look) (Finding, bool) {
	var seen []Evidence
	for _, m := range l.machines {
		if ok, _ := m.Saw(inventory.SubjectFiles); !ok {
			return Finding{}, false
		}
		for _, f := range m.Files {
			switch {
			case !f.Written || remote(m, f.Path, f.FSType):
			case f.Class == inventory.FileLog || f.Class == inventory.FileTemp:
				seen = append(seen, evidence(m, f.Seen, "writes %s, which is %s", f.Path, what(f.Class)))
			case f.Class == inventory.FileData || f.Class == inventory.FileSession || f.Class == inventory.FileOther:
				return Finding{}, false
			}
		}
		for _, g := range m.Groups {
			if g.Written+g.Created > 0 && g.Class != inventory.FileLog && g.Class != inventory.FileTemp && !remote(m, g.Directory, "") {
				return Finding{}, false
			}
		}
	}
	switch {
	case len(l.machines) == 0:
		return Finding{}, false
	case len(seen) == 0:
		for _, m := range l.machines {
			seen = append(seen, evidence(m, 0, "was looked at %s, and wrote no file", times(m.Coverage.Samples)))
		}
		return Finding{RuleReadOnly, "it was not seen to write a file", seen}, true
	}
	return Finding{RuleScratch, "what it writes are logs and temporary files", seen}, true
}

func what(c inventory.FileClass) string {
	if c == inventory.FileLog {
		return "a log"
	}
	return "temporary"
}

// outside fires where a store elsewhere has the state.
func outside(l look) (Finding, bool) {
	seen := l.stores(func(s inventory.Store) bool {
		return !s.Own && !s.Local && (s.Role == "database" || s.Role == "queue")
	})
	return Finding{RuleOutside, "its state is in a store outside the machine", seen}, len(seen) > 0
}

// cached fires where a cache elsewhere can hold the sessions and no file does.
func cached(l look) (Finding, bool) {
	if local, _ := l.keeps(inventory.FileSession); len(local) > 0 {
		return Finding{}, false
	}
	seen := l.stores(func(s inventory.Store) bool { return !s.Own && !s.Local && s.Role == "cache" })
	return Finding{RuleCache, "it uses a cache outside the machine, and no session is a file", seen}, len(seen) > 0
}

func (l look) stores(want func(inventory.Store) bool) []Evidence {
	var out []Evidence
	for _, m := range l.machines {
		for _, s := range m.Stores {
			if want(s) {
				out = append(out, evidence(m, 0, "uses %s at %s (%s)", s.Kind, s.Where, s.Why))
			}
		}
	}
	return out
}

func growth(perHour int64) string {
	if perHour <= 0 {
		return ""
	}
	return ", growing by " + size(perHour) + " an hour"
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 || v == float64(int64(v)) {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
