package convert

import (
	"fmt"
	"path"
	"slices"

	"rehome.dev/rehome/internal/tree"
)

// A volume of ConfigMaps and Secrets belongs to root, whatever the machine has. Where
// the pod has an fsGroup the kubelet gives the files to that group and lets it read
// them: mode | 0440; directories are then 2775, otherwise 0755. Source: SetVolumeOwnership
// and AtomicWriter of the kubelet.
const (
	permissions = 0o777
	groupReads  = 0o440
)

// forEverybody says whether a pod that is not root can read a file of this mode without
// an fsGroup.
func forEverybody(mode uint32) bool { return mode&0o004 != 0 }

// effective is the mode that the pod sees.
func effective(mode uint32, group bool) uint32 {
	if group {
		return mode&permissions | groupReads
	}
	return mode & permissions
}

// itself are files whose reader refuses them when their group may read them, and what
// to do instead.
var itself = map[string]string{
	".pgpass":        "libpq passes over a password file that its group may read: give PGPASSWORD from the Secret as an environment variable",
	".erlang.cookie": "Erlang takes a cookie from its owner alone: give it as an environment variable, or copy it at start",
}

// modes warns of what the volume does not keep of modes and owners.
func (p *Plan) modes(t tree.Tree, units []*unit) {
	owners := map[string][]string{}
	var special, widened []string
	for _, u := range units {
		e := u.source.entry
		for _, at := range u.source.paths {
			shown := Printable(at)
			if e.Mode&^permissions != 0 {
				special = append(special, shown)
			}
			if !forEverybody(e.Mode) {
				widened = append(widened, shown)
			}
			if why := itself[path.Base(at)]; why != "" && p.FSGroup {
				p.warn(CodeOwnCheck, []string{shown}, why)
			}
			if e.UID != 0 || e.GID != 0 {
				name := owner(e)
				owners[name] = append(owners[name], shown)
			}
		}
	}
	for name, paths := range owners {
		slices.Sort(paths)
		p.warn(CodeOwner, paths, fmt.Sprintf("owned by %s on the machine: in a volume every file is root's", name))
	}
	p.warnSorted(CodeMode, special, "setuid, setgid and sticky bits are not kept")
	p.warnSorted(CodeGroupRead, widened, "not for everybody on the machine: the pod's user reads them by the pod's fsGroup, so that their mode is | 0440 and every file of the volume is readable for that group")
	p.directories(t)
}

func (p *Plan) warnSorted(code string, paths []string, text string) {
	if len(paths) > 0 {
		slices.Sort(paths)
		p.warn(code, paths, text)
	}
}

func (p *Plan) directories(t tree.Tree) {
	var out []string
	for _, e := range t.Entries {
		if e.Kind == tree.Dir && e.Err == "" && e.Path != "." && e.Mode != 0o755 {
			out = append(out, Printable(e.Path))
		}
	}
	p.warnSorted(CodeDirMode, out, "the modes of directories are the volume's own: everybody in the container may list and enter them")
}

func owner(e tree.Entry) string {
	name := func(word string, id int64) string {
		if word != "" {
			return word
		}
		return fmt.Sprint(id)
	}
	return name(e.User, e.UID) + ":" + name(e.Group, e.GID)
}
