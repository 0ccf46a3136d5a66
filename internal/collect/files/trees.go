package files

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const (
	// settingsEntries bounds one look at the directories that are named,
	// workEntries one at a directory in which the application writes.
	settingsEntries = 3000
	workEntries     = 5000
	workDirectories = 200
	deepest         = 6
	// startSlack is how inexactly the start of a process is told: ticks, and the
	// coarse clock of the file systems.
	startSlack = 20 * time.Millisecond
)

// trees are the directories that are looked through, each with a process through
// whose eyes: those of settings, those that a command line names, and those in
// which the application may write.
type trees struct {
	configured, arguments, working []place
}

type place struct {
	path string
	pid  int
}

func add(list *[]place, path string, pid int) {
	path = strings.TrimSuffix(path, "/")
	if path == "" || path == "/etc" || slices.ContainsFunc(*list, func(p place) bool { return p.path == path }) {
		return
	}
	*list = append(*list, place{path, pid})
}

func (t *trees) settings(path string, pid int) { add(&t.configured, path, pid) }
func (t *trees) named(path string, pid int)    { add(&t.arguments, path, pid) }
func (t *trees) work(path string, pid int)     { add(&t.working, path, pid) }

// look notes the files of settings, and which of them were read since the
// application began. It has to be taken before anything else of the probe reads
// them, which is why it belongs to the samples.
func (t *trees) look(ctx context.Context, c *Collector, s *scope.Scope) {
	left := settingsEntries
	for _, p := range t.configured {
		c.walk(ctx, s, p, &left, func(path string, m meta) {
			if u := c.use(s, path, false, m.inode); u != nil {
				u.by |= byTree
				u.declared = true
				c.readSince(u, m)
			}
		})
	}
	for _, p := range t.arguments {
		c.walk(ctx, s, p, &left, func(path string, m meta) {
			if c.wasRead(path, m) {
				if u := c.use(s, path, false, m.inode); u != nil {
					c.readSince(u, m)
				}
			}
		})
	}
	if left <= 0 {
		s.Gaps.Add(inventory.SubjectFiles, "the directories of settings", "more than "+strconv.Itoa(settingsEntries)+" entries, the rest was left out")
	}
}

func (c *Collector) readSince(u *use, m meta) {
	u.size = m.size
	if c.wasRead(u.path, m) {
		u.by |= byAtime
		u.read = true
	}
}

// wasRead says that somebody read a file since the application began, and nobody
// is known to have done so but the application. With relatime the first reading
// after a change or a day is noted; the absence of a note proves nothing, and a
// file that was made or written has its time from that.
func (c *Collector) wasRead(path string, m meta) bool {
	at, found := c.mounts.of(path)
	if found && at.noatime || c.started.IsZero() {
		return false
	}
	return !m.atime.Before(c.started.Add(-startSlack)) && m.atime.Before(c.began) && m.atime.After(m.mtime)
}

// walk calls visit for the regular files below a directory, links not followed.
// A directory that is not there is none; one that may not be read is a gap.
func (c *Collector) walk(ctx context.Context, s *scope.Scope, p place, left *int, visit func(path string, m meta)) {
	root := view(s, p.pid, "")
	var down func(path string, depth int)
	down = func(path string, depth int) {
		dir, err := os.Open(root + path)
		if err != nil {
			if !ended(err) {
				s.Gaps.Add(inventory.SubjectFiles, inventory.Name(path), why(err))
			}
			return
		}
		defer dir.Close()
		for *left > 0 && ctx.Err() == nil {
			entries, _ := dir.ReadDir(256)
			if len(entries) == 0 {
				return
			}
			for _, e := range entries {
				*left--
				name := path + "/" + e.Name()
				switch {
				case e.IsDir() && depth < deepest && !packed(e.Name()):
					down(name, depth+1)
				case e.Type().IsRegular():
					if m, err := lstat(root + name); err == nil {
						visit(name, m)
					}
				}
				if *left <= 0 {
					return
				}
			}
		}
	}
	down(p.path, 0)
}

// packed knows directories that a package manager of a language or a version
// control fills, and no application at run time.
func packed(name string) bool {
	switch name {
	case "node_modules", "site-packages", "dist-packages", "__pycache__", ".git", ".svn", ".cache":
		return true
	}
	return false
}

// common says that a directory is everybody's: who wrote a file there can only be
// told by its owner, and of root's nothing.
func common(dir string) bool {
	switch dir {
	case "/", "/dev", "/mnt", "/media", "/root", "/home", "/etc", "/run", "/var", "/var/log", "/var/lib", "/var/cache", "/var/run", "/var/spool", "/tmp", "/var/tmp", "/usr", "/opt", "/srv", "/run/lock":
		return true
	}
	return parent(dir) == "/home"
}

// changes looks for files that were written since the application began in the
// directories in which it writes, and were closed between the samples. What
// another user owns is not its, nor what root owns in a directory that is
// everybody's; and a file of settings that changed was changed by a person, unless
// the application has it open for writing. It gives the number of entries of the
// directories that have too many to be looked at.
func (t *trees) changes(ctx context.Context, c *Collector, s *scope.Scope) map[string]int {
	for _, u := range c.written {
		if dir := parent(u.path); u.kind == regular && dir != "/" && !below(dir, "/dev") {
			t.work(dir, firstOf(u.pids))
		}
	}
	for _, dir := range t.usual(c, s) {
		t.work(dir, s.Main)
	}
	for _, p := range t.own(c, s) {
		t.work(p.path, p.pid)
	}
	beyond := map[string]int{}
	for i, p := range t.working {
		if i >= workDirectories || ctx.Err() != nil {
			s.Gaps.Add(inventory.SubjectFiles, "the directories in which it writes", "more than "+strconv.Itoa(workDirectories)+" or no time left, the rest was left out")
			break
		}
		if m, err := stat(view(s, p.pid, p.path)); err == nil && m.kind == directory {
			t.changed(ctx, c, s, p, m, beyond)
		}
	}
	return beyond
}

func (t *trees) changed(ctx context.Context, c *Collector, s *scope.Scope, p place, dir meta, beyond map[string]int) {
	left := workEntries
	everybodys := dir.sticky || common(p.path)
	c.walk(ctx, s, p, &left, func(path string, m meta) {
		if c.started.IsZero() || m.mtime.Before(c.started.Add(startSlack)) || !c.uids[m.uid] || everybodys && m.uid == 0 {
			return
		}
		if common(p.path) && parent(path) != p.path { // a directory there is somebody's, and has its own turn
			return
		}
		u := c.use(s, path, false, m.inode)
		if u == nil || u.by&(byArgument|byUnit|byTree) != 0 {
			return
		}
		u.by |= byMtime
		u.written = true
		u.created = u.created || c.isNew(m)
		if u.since.IsZero() {
			u.measure(m.size, time.Now())
		}
	})
	if left > 0 {
		return
	}
	if n := entriesOf(view(s, p.pid, p.path)); n >= workEntries {
		beyond[p.path] = n
		return
	}
	s.Gaps.Add(inventory.SubjectFiles, "what was written below "+inventory.Name(p.path), "more than "+strconv.Itoa(workEntries)+" entries, the rest was left out")
}

// isNew says that a file was made while it was looked at.
func (c *Collector) isNew(m meta) bool { return m.born.After(c.began.Add(-startSlack)) }

// usual are directories of session files that servers write to without keeping
// a file open.
func (t *trees) usual(c *Collector, s *scope.Scope) []string {
	var found []string
	for pid := range c.named {
		name := strings.TrimSuffix(comm(s.Proc, pid), "\n")
		switch {
		case strings.HasPrefix(name, "php"), strings.HasPrefix(name, "apache2"), strings.HasPrefix(name, "httpd"):
			found = append(found, "/var/lib/php/sessions", "/var/lib/php/session", "/var/lib/php5")
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// entriesOf counts the entries of a directory, up to a million.
func entriesOf(path string) int {
	dir, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer dir.Close()
	n := 0
	for n < 1_000_000 {
		names, err := dir.Readdirnames(1024)
		n += len(names)
		if err != nil {
			return n
		}
	}
	return n
}

func firstOf(pids []int) int {
	if len(pids) == 0 {
		return 0
	}
	return pids[0]
}
