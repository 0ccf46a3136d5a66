package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/tree"
)

const (
	maxTries = 4 // whole readings, until one of them saw nothing change
	maxDepth = 100
	// A change within one tick of the kernel's clock leaves no trace in the times of
	// a file; a tick has at most 10 ms.
	tick = 20 * time.Millisecond
)

// Read gives the tree below root in one state: every entry was looked at again when
// all had been read, and was as it had been. A tree in which something changes is
// read again a few times before that is an error. The root may be a link; below it
// none is followed. Errors are of type *Error, except those of ctx.
//
// What it cannot see: a writer who has paused in the middle for longer than
// Options.Quiet, and a change that sets the times back and leaves the size.
func Read(ctx context.Context, root string, o Options) (tree.Tree, error) {
	t, _, err := read(ctx, root, o, hooks{})
	return t, err
}

// hooks let a test act at a certain point of a reading.
type hooks struct {
	looked func(path string) // an entry was looked at, and not opened
	opened func(path string) // a file was opened, and nothing read of it
	halved func(path string) // some of it was read
	read   func()            // everything was read, and nothing looked at again
}

func read(ctx context.Context, root string, o Options, h hooks) (tree.Tree, int, error) {
	o = o.Filled()
	abs, err := filepath.Abs(root)
	if err != nil {
		return tree.Tree{}, 0, &Error{Root: root, Why: err.Error(), err: err}
	}
	owners := &accounts{}
	for try := 1; ; try++ {
		w := &walk{ctx: ctx, o: o, root: abs, owners: owners, hooks: h}
		err := w.once()
		if err == nil {
			t := tree.Tree{Root: abs, Taken: w.began.UTC(), Entries: w.entries}
			tree.Sort(t.Entries)
			return t, try, nil
		}
		tree.Tree{Entries: w.entries}.Forget()
		if cause := ctx.Err(); cause != nil {
			return tree.Tree{}, try, fmt.Errorf("read %s: %w", tree.Name(abs), context.Cause(ctx))
		}
		if !errors.Is(err, ErrChanging) || try == maxTries {
			return tree.Tree{}, try, err
		}
		if !pause(ctx, time.Duration(try)*tick) {
			return tree.Tree{}, try, fmt.Errorf("read %s: %w", tree.Name(abs), context.Cause(ctx))
		}
	}
}

// pause waits; false is that the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// walk is one reading of the tree.
type walk struct {
	ctx    context.Context
	o      Options
	root   string
	owners *accounts
	hooks  hooks

	began   time.Time
	mounts  map[string]bool // whole paths
	real    string          // the root without links, "" where nobody knows
	entries []tree.Entry
	seen    []sighting
	total   int64
	sizes   []sized
	faults  []Fault
	full    bool // the bound on entries is reached
}

// sighting is how an entry was when it was read.
type sighting struct {
	path string
	mark mark
}

type sized struct {
	path string
	size int64
}

// largest names the files that are the most of it.
func (w *walk) largest() string {
	slices.SortFunc(w.sizes, func(a, b sized) int { return cmp.Or(cmp.Compare(b.size, a.size), tree.Order(a.path, b.path)) })
	var out []string
	for _, s := range w.sizes[:min(len(w.sizes), 5)] {
		out = append(out, fmt.Sprintf("%s (%d)", tree.Name(s.path), s.size))
	}
	return strings.Join(out, ", ")
}

// once reads everything and looks at everything again.
func (w *walk) once() error {
	w.began = time.Now()
	fd, err := openRoot(w.root)
	if err != nil {
		return w.rootError(err)
	}
	defer shut(fd)
	w.real, w.mounts = mountsBelow(fd)
	st, err := stat(fd)
	if err != nil {
		return w.rootError(err)
	}
	w.entries = append(w.entries, w.entry(".", tree.Dir, st))
	if err := w.dir(fd, ".", st, 0); err != nil {
		return err
	}
	if w.total > w.o.MaxTotal {
		w.faults = append(w.faults, Fault{".", fmt.Errorf("%w: its files have %d bytes, %d are the most; the largest are %s", ErrTooBig, w.total, w.o.MaxTotal, w.largest())})
	}
	if w.hooks.read != nil {
		w.hooks.read()
	}
	if err := w.unchanged(fd); err != nil {
		return err
	}
	return w.verdict()
}

// verdict is the error that the faults are.
func (w *walk) verdict() error {
	if len(w.faults) == 0 {
		return nil
	}
	sortFaults(w.faults)
	return &Error{Root: w.root, Faults: w.faults}
}

func openRoot(root string) (int, error) {
	return again(func() (int, error) {
		return unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	})
}

func (w *walk) rootError(err error) error {
	e := &Error{Root: w.root}
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.err, e.hint = ErrNotThere, "name a directory that is there; ls -ld "+filepath.Dir(w.root)+" shows what is"
	case errors.Is(err, unix.ENOTDIR):
		e.err, e.hint = ErrNoDir, "name the directory in which it stands: "+filepath.Dir(w.root)
	case errors.Is(err, unix.ELOOP):
		e.err, e.hint = fmt.Errorf("%w: its links lead round in a circle", ErrUnreadable), "ls -l shows where they lead"
	default:
		e.err = fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	e.Why = e.err.Error()
	return e
}

// entry is what a status says of an entry.
func (w *walk) entry(path string, kind tree.Kind, st unix.Stat_t) tree.Entry {
	user, group := w.owners.names(w.ctx, st.Uid, st.Gid)
	return tree.Entry{
		Path: path, Kind: kind, Mode: st.Mode & 0o7777, UID: int64(st.Uid), GID: int64(st.Gid), User: user, Group: group,
		Mount: path != "." && w.real != "" && w.mounts[filepath.Join(w.real, path)],
	}
}

// wrong keeps a path that could not be taken. In a partial tree it is an entry.
func (w *walk) wrong(e tree.Entry, err error) {
	if w.o.Partial {
		w.entries = append(w.entries, tree.Entry{Path: e.Path, Kind: e.Kind, Err: err.Error()})
		return
	}
	w.faults = append(w.faults, Fault{e.Path, err})
}
