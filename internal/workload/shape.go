package workload

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// How much larger than what was measured a volume is made: half of it for what
// was not seen, and the growth of half a year.
const (
	growthHours = 24 * 182
	leastVolume = 1 << 30
)

// statefulSet is how one of the workload is made.
func (l look) statefulSet(d Decision) StatefulSet {
	s := StatefulSet{Service: migration.HeadlessName(l.w.Name), Volumes: l.volumes()}
	ordered := slices.ContainsFunc(d.For, func(f Finding) bool { return f.Rule == RuleOrder })
	switch {
	case l.w.PodManagement != "":
		s.PodManagement, s.ManagementWhy = l.w.PodManagement, "declared"
	case ordered:
		s.PodManagement, s.ManagementWhy = migration.ManageOrdered, "its instances begin one after the other"
	default:
		s.PodManagement, s.ManagementWhy = migration.ManageParallel, "nothing was seen that makes one instance wait for another: all begin at once, and a broken one holds up none"
	}
	switch {
	case l.w.UpdateStrategy != "":
		s.UpdateStrategy, s.UpdateWhy = l.w.UpdateStrategy, "declared"
	case ordered:
		s.UpdateStrategy, s.UpdateWhy = migration.UpdateOnDelete, "which instance leads is not known to a StatefulSet: a person replaces the followers first"
	default:
		s.UpdateStrategy, s.UpdateWhy = migration.UpdateRolling, "one pod after the other, the last one first, each when the one before is ready"
	}
	return s
}

// volumes are the declared ones, or those that what was measured leads to.
func (l look) volumes() []Volume {
	measured := l.measured()
	if len(l.w.Storage) == 0 {
		return measured
	}
	out := []Volume{}
	for _, s := range l.w.Storage {
		v := Volume{Storage: s, Declared: true, Why: "declared", ClassWhy: "declared"}
		for _, m := range measured {
			if inventory.Below(m.Path, s.Path) || inventory.Below(s.Path, m.Path) {
				v.Why = "declared; " + m.Why
				if s.SizeBytes < m.SizeBytes {
					v.Why = fmt.Sprintf("declared, and less than the %s that were reckoned: %s", size(m.SizeBytes), m.Why)
				}
				if s.Class == "" {
					v.ClassWhy = m.ClassWhy
				}
			}
		}
		out = append(out, v)
	}
	return out
}

// place is one directory of data, as large as on the machine where it is largest.
type place struct {
	dir           string
	bytes, growth int64
	machine       string
}

func (l look) measured() []Volume {
	all := map[string]*place{}
	for _, m := range l.machines {
		here := map[string]*place{}
		add := func(dir string, bytes, growth int64) {
			if here[dir] == nil {
				here[dir] = &place{dir: dir, machine: called(m)}
			}
			here[dir].bytes += max(0, bytes)
			here[dir].growth += max(0, growth)
		}
		for _, f := range m.Files {
			if keptFile(f) && !remote(m, f.Path, f.FSType) {
				add(root(m, path.Dir(f.Path)), f.Size, f.Growth)
			}
		}
		for _, g := range m.Groups {
			if (g.Class == inventory.FileData || g.Class == inventory.FileSession) && !remote(m, g.Directory, "") {
				add(root(m, g.Directory), g.Bytes, 0)
			}
		}
		for dir, p := range here {
			if mt, ok := m.Mounted(dir); ok && mt.Point == dir && mt.Used > p.bytes {
				p.bytes = mt.Used // a file system of its own holds nothing else
			}
			if all[dir] == nil || all[dir].bytes < p.bytes {
				all[dir] = p
			}
		}
	}
	out := []Volume{}
	var names []string
	for _, dir := range outermost(all) {
		v := l.volume(*all[dir])
		for slices.Contains(names, v.Name) {
			v.Name += "x"
		}
		names = append(names, v.Name)
		out = append(out, v)
	}
	return out
}

func keptFile(f inventory.File) bool {
	return f.Written && !f.Deleted && (f.Class == inventory.FileData || f.Class == inventory.FileSession)
}

// outermost are the directories that are in no other, sorted; what is in them is
// added to them.
func outermost(all map[string]*place) []string {
	var dirs []string
	for dir := range all {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	var out []string
	for _, dir := range dirs {
		if i := slices.IndexFunc(out, func(o string) bool { return inventory.Below(dir, o) }); i >= 0 {
			all[out[i]].bytes += all[dir].bytes
			all[out[i]].growth += all[dir].growth
			continue
		}
		out = append(out, dir)
	}
	return out
}

// tops are directories below which each entry is an application's own.
var tops = []string{"/var/lib", "/var/spool", "/var/opt", "/var/www", "/srv", "/opt", "/data", "/home", "/usr/local", "/usr/share", "/mnt"}

// root is the directory that is mounted for data in dir: its file system where
// that is one of its own, or what is the application's own below a usual place.
func root(m inventory.Facts, dir string) string {
	if mt, ok := m.Mounted(dir); ok && mt.Point != "/" && !slices.Contains([]string{"/var", "/usr", "/home", "/opt", "/srv"}, mt.Point) {
		return mt.Point
	}
	for _, top := range tops {
		if rest, ok := strings.CutPrefix(dir, top+"/"); ok {
			own, _, _ := strings.Cut(rest, "/")
			return top + "/" + own
		}
	}
	return dir
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func (l look) volume(p place) Volume {
	margin := p.bytes / 2
	ahead := p.growth * growthHours
	if p.growth > 0 && ahead/growthHours != p.growth {
		ahead = 1 << 50
	}
	need := p.bytes + margin + ahead
	gib := max(1, (need+leastVolume-1)/leastVolume)
	why := fmt.Sprintf("%s on %s, half of it on top", size(p.bytes), p.machine)
	if p.growth > 0 {
		why += fmt.Sprintf(", and half a year's growth of %s an hour", size(p.growth))
	} else {
		why += "; it was not seen to grow"
	}
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(path.Base(p.dir)), "-"), "-")
	if name == "" || strings.HasPrefix(name, "mount-") || strings.HasPrefix(name, "scratch") {
		name = "data"
	}
	return Volume{
		Storage: migration.Storage{Name: strings.TrimRight(name[:min(len(name), 40)], "-"), Path: p.dir, SizeBytes: gib * leastVolume},
		Why:     why + ", in whole GiB", ClassWhy: l.class(p.dir),
	}
}

// class says what a storage class must be able to do. Which one does, only the
// cluster knows: none is named, and its default is taken.
func (l look) class(dir string) string {
	text := "the cluster's default; it must give ReadWriteOnce"
	for _, m := range l.machines {
		if mt, ok := m.Mounted(dir); ok && mt.FSType != "" {
			text = fmt.Sprintf("the cluster's default; today it is %s on %s, so that it must give ReadWriteOnce", mt.FSType, cmp.Or(mt.Source, "a disk"))
			if mt.Block {
				text += " and a device of its own"
			}
		}
		if n := m.Usage.WriteBytes; n > 0 {
			return text + fmt.Sprintf(", and take %s an hour", size(n))
		}
	}
	return text
}
