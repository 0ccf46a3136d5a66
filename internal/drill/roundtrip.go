package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// roundTrip compares every file of the mounted configuration, as a process in the
// pod finds it, with the machine's.
func (t *trial) roundTrip(ctx context.Context) outcome {
	if t.Machines == nil {
		return unknown("The machines' files cannot be read from here.", "use a rehome that can read them")
	}
	var dirs []string
	for _, vm := range t.spec.VMs {
		dirs = append(dirs, vm.ConfigDirs...)
	}
	if len(dirs) == 0 {
		return unknown("No machine of the migration names a directory with its configuration.",
			"name vms.configDirs, or skip the drill with the reason that there is none")
	}
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	run, err := t.enter(ctx, list[0])
	if err != nil {
		return blind(err)
	}
	c := comparison{hash: newHasher(), approved: t.spec.Drills.Approved}
	for _, vm := range t.spec.VMs {
		for _, dir := range vm.ConfigDirs {
			if out, ok := t.compareDir(ctx, run, list[0], vm, dir, &c); !ok {
				return out
			}
		}
	}
	if err := t.excuse(ctx, &c); err != nil {
		return cannot("read production's objects", err)
	}
	return c.outcome(list[0].Name)
}

// compareDir compares one directory of one machine with the pod's.
func (t *trial) compareDir(ctx context.Context, run program, p Pod, vm migration.VM, dir string, c *comparison) (outcome, bool) {
	there, err := t.Machines.Tree(ctx, vm, t.policy.SSH, dir)
	if err != nil {
		return cannot(fmt.Sprintf("read %s on %s", dir, vm.Host), err), false
	}
	if !slices.ContainsFunc(p.Mounts, func(m Mount) bool {
		return path.Clean(m.Path) == path.Clean(dir) || strings.HasPrefix(m.Path, path.Clean(dir)+"/")
	}) {
		c.differences = append(c.differences, difference{path: dir, text: "is not mounted"})
		return outcome{}, true
	}
	here, err := run.tree(ctx, dir)
	if err != nil {
		return cannot(fmt.Sprintf("read %s in pod %s", dir, p.Name), err), false
	}
	c.compare(vm.Host, there, here, t.modes(dir))
	return outcome{}, true
}

// modes says whether the migration declares the modes of the files at a mount.
func (t *trial) modes(dir string) bool {
	return slices.ContainsFunc(t.workload.Mounts, func(m migration.Mount) bool {
		return path.Clean(m.Path) == path.Clean(dir) && (m.Mode != 0 || slices.ContainsFunc(m.Items, func(i migration.MountItem) bool { return i.Mode != 0 }))
	})
}

// difference is one path that is not the same on both sides.
type difference struct {
	path string // absolute
	text string
	sum  string // of the machine's content, where it is a file on both sides
}

// comparison collects differences.
type comparison struct {
	hash        hasher
	approved    []string
	left        []string // paths that are left out by decision
	undecided   []string // paths of which somebody may decide that they are
	files       int
	differences []difference
	unread      []string
	notes       []string
}

// compare compares a machine's tree with a pod's as an application finds them:
// paths both ways, content, and modes where they are declared.
func (c *comparison) compare(host string, machine, pod tree.Tree, modes bool) {
	there, here := tree.Seen(machine), tree.Seen(pod)
	for _, d := range tree.Compare(machine, pod, tree.CompareOptions{Modes: modes}) {
		at := join(machine.Root, tree.Name(d.Path))
		w, _ := there.At(d.Path)
		h, _ := here.At(d.Path)
		switch d.What {
		case tree.Missing:
			c.missing(at, host, w)
		case tree.Extra:
			if h.Kind != tree.Dir {
				c.add(at, "is in the pod and not on the machine", "")
			}
		case tree.Holds:
			c.add(at, fmt.Sprintf("differs: %s on the machine, %s in the pod", c.hash.shown(w.SHA256), c.hash.shown(h.SHA256)), w.SHA256)
		case tree.ModeIs:
			if w.Kind == tree.File && !alike(w.Mode, h.Mode) {
				c.add(at, fmt.Sprintf("has mode %s on the machine and %s in the pod", d.Want, d.Got), "")
			}
		case tree.Unread, tree.Unhashed:
			c.unread = append(c.unread, fmt.Sprintf("%s: %s on %s, %s in the pod", at, d.Want, host, d.Got))
		default:
			c.add(at, fmt.Sprintf("is a %s on the machine and a %s in the pod", w.Kind, h.Kind), "")
		}
	}
	for _, e := range there.Entries {
		if h, both := here.At(e.Path); both && e.Kind == tree.File && h.Kind == tree.File {
			c.files++
		}
	}
}

// missing is what a volume should have and has not. A link that leads out of the
// tree cannot be compared: what is behind it was not read.
func (c *comparison) missing(at, host string, e tree.Entry) {
	switch {
	case e.Kind == tree.Dir: // what it holds is missing too, and named
		return
	case c.leftOut(at):
		c.left = append(c.left, at)
		return
	}
	c.undecided = append(c.undecided, at)
	switch e.Kind {
	case tree.File:
		c.add(at, "is missing in the pod", "")
	case tree.Link:
		c.unread = append(c.unread, fmt.Sprintf("%s on %s leads out of the directory, or nowhere", at, host))
	default:
		c.add(at, fmt.Sprintf("is a %s, which no volume can have", e.Kind), "")
	}
}

// leftOut says whether somebody has decided that a path is not moved: the path
// itself, or a directory above it, stands among what is approved.
func (c *comparison) leftOut(at string) bool {
	return slices.ContainsFunc(c.approved, func(line string) bool {
		p, ok := strings.CutSuffix(line, isLeftOut)
		return ok && (at == p || strings.HasPrefix(at, p+"/"))
	})
}

// isLeftOut ends the line by which a path is left out.
const isLeftOut = " is left out"

// alike says whether a volume gives a file the permissions that matter: those of
// its owner are the group's there, where fsGroup lets the application read it.
func alike(machine, pod uint32) bool {
	machine, pod = machine&0o777, pod&0o777
	return machine == pod || machine|0o440 == pod|0o440 && machine&0o111 == pod&0o111
}

func (c *comparison) add(path, text, sum string) {
	c.differences = append(c.differences, difference{path, text, sum})
}

// excuse takes out what differs because staging is not production: the difference
// of its object was read and approved, and production's object holds what the
// machine has.
func (t *trial) excuse(ctx context.Context, c *comparison) error {
	if !slices.ContainsFunc(c.differences, func(d difference) bool { return d.sum != "" }) {
		return nil
	}
	data, err := t.bench.Data(ctx, migration.Production, t.workload.Name)
	if err != nil {
		return err
	}
	left := c.differences[:0]
	for _, d := range c.differences {
		i := slices.IndexFunc(data, func(x Datum) bool { return x.Path == d.path })
		switch {
		case d.sum == "" || i < 0 || !slices.Contains(t.spec.Drills.Approved, dataDiffers(data[i])):
			left = append(left, d)
		case sumOf(data[i].Content) != d.sum:
			d.text += "; it is approved for staging, but production's is not the machine's either"
			left = append(left, d)
		default:
			c.notes = append(c.notes, fmt.Sprintf("%s is otherwise in staging, as approved; production's %s holds the machine's", d.path, data[i].Object))
		}
	}
	c.differences = left
	return nil
}

func sumOf(content tree.Content) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (c *comparison) outcome(pod string) outcome {
	var seen []string
	for _, at := range c.left {
		seen = append(seen, at+isLeftOut+", as approved")
	}
	decide := ""
	if len(c.undecided) > 0 {
		decide = fmt.Sprintf("; what is not to be moved stands in drills.approved, such as %q", c.undecided[0]+isLeftOut)
	}
	for _, d := range c.differences {
		seen = append(seen, d.path+" "+d.text)
	}
	seen = slices.Concat(seen, c.unread, c.notes)
	switch {
	case len(c.differences) > 0:
		return fail(fmt.Sprintf("%s of the machine's configuration %s not what pod %s finds.", plural(len(c.differences), "path", "paths"),
			map[bool]string{true: "is", false: "are"}[len(c.differences) == 1], pod),
			"convert the machine's directory again and mount what comes out; what staging has to have otherwise is approved by drills.approved"+decide, seen...)
	case len(c.unread) > 0:
		return unknown("Not every file could be compared.", "make it readable for the user of the agent, or take it out of the directory"+decide, seen...)
	case c.files == 0:
		return unknown("There is no file to compare.", "name in vms.configDirs where the configuration is", seen...)
	}
	return pass(fmt.Sprintf("%s of the machine's configuration compared: pod %s finds what the machine has.", plural(c.files, "file", "files"), pod), seen...)
}
