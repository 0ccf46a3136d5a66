package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/tree"
)

// mark tells one state of an entry from another.
type mark struct {
	dev, ino   uint64
	mode       uint32
	size       int64
	mtim, ctim unix.Timespec
}

func markOf(st unix.Stat_t) mark {
	m := mark{dev: st.Dev, ino: st.Ino, mode: st.Mode, mtim: st.Mtim, ctim: st.Ctim}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		m.size = st.Size // that of a directory is not what it holds
	}
	return m
}

// changed is when an entry was last changed.
func (m mark) changed() time.Time {
	a, b := time.Unix(m.mtim.Unix()), time.Unix(m.ctim.Unix())
	if a.After(b) {
		return a
	}
	return b
}

func stat(fd int) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st, err
}

// lstat is the status of a name in a directory, which is not followed.
func lstat(dir int, name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

func kindOf(mode uint32) tree.Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return tree.File
	case unix.S_IFDIR:
		return tree.Dir
	case unix.S_IFLNK:
		return tree.Link
	case unix.S_IFIFO:
		return tree.FIFO
	case unix.S_IFSOCK:
		return tree.Socket
	}
	return tree.Device
}

// openAt opens a file or a directory of which the status is known. It takes hold of
// the name without opening it (O_PATH in open(2)), and opens what it holds only if it
// is still what was meant: whatever somebody puts there in between, a link, a fifo or
// a device, is never opened.
func openAt(dir int, name string, want mark) (int, error) {
	held, err := again(func() (int, error) { return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	if err != nil {
		return -1, err
	}
	defer shut(held)
	st, err := stat(held)
	if err != nil {
		return -1, err
	}
	if markOf(st) != want {
		return -1, errMoved
	}
	return again(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(held), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
}

// again repeats a call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// shut closes what was only read: there is nothing that could be lost.
func shut(fd int) { _ = unix.Close(fd) }

// errMoved says that a name leads to something else than a moment before.
var errMoved = errors.New("it was replaced")

// moved says whether an error means that somebody changes the tree.
func moved(err error) bool {
	return errors.Is(err, errMoved) || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESTALE)
}

// dir reads what a directory holds. An error ends the reading; what is wrong with
// single paths is kept in the faults.
func (w *walk) dir(fd int, at string, st unix.Stat_t, depth int) error {
	w.seen = append(w.seen, sighting{at, markOf(st)})
	names, err := w.names(fd)
	if err != nil {
		w.wrong(tree.Entry{Path: at, Kind: tree.Dir}, fmt.Errorf("%w: %w", ErrUnreadable, err))
		return nil
	}
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if len(w.entries) >= w.o.MaxEntries {
			w.tooMany(at)
			return nil
		}
		if err := w.name(fd, path.Join(at, name), name, depth); err != nil {
			return err
		}
	}
	return nil
}

// names are those that a directory holds, as many as are wanted at most.
func (w *walk) names(fd int) ([]string, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dup), "")
	defer f.Close()
	names, err := f.Readdirnames(w.o.MaxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	slices.Sort(names)
	return names, nil
}

func (w *walk) tooMany(at string) {
	if !w.full {
		w.full = true
		w.faults = append(w.faults, Fault{at, fmt.Errorf("%w: more than %d", ErrTooMany, w.o.MaxEntries)})
	}
}

// name reads one name of the directory dir.
func (w *walk) name(dir int, at, name string, depth int) error {
	st, err := lstat(dir, name)
	if err != nil {
		return w.stumble(tree.Entry{Path: at}, err)
	}
	e := w.entry(at, kindOf(st.Mode), st)
	switch e.Kind {
	case tree.Dir:
		return w.below(dir, name, e, st, depth)
	case tree.File:
		return w.file(dir, name, e, st)
	case tree.Link:
		if e.Target, err = readlink(dir, name); err != nil {
			return w.stumble(e, err)
		}
	}
	w.seen = append(w.seen, sighting{at, markOf(st)})
	w.entries = append(w.entries, e)
	return nil
}

// stumble keeps why an entry could not be taken.
func (w *walk) stumble(e tree.Entry, err error) error {
	if moved(err) {
		return w.changing(e.Path, err)
	}
	w.wrong(e, fmt.Errorf("%w: %w", ErrUnreadable, plain(err)))
	return nil
}

// changing ends this reading: the tree is not what it was.
func (w *walk) changing(at string, why error) error {
	return &Error{Root: w.root, Faults: []Fault{{at, fmt.Errorf("%w: %w", ErrChanging, plain(why))}}}
}

func (w *walk) looked(at string) {
	if w.hooks.looked != nil {
		w.hooks.looked(at)
	}
}

func (w *walk) below(dir int, name string, e tree.Entry, st unix.Stat_t, depth int) error {
	if depth+1 >= maxDepth {
		w.wrong(e, fmt.Errorf("%w: more than %d", ErrTooDeep, maxDepth))
		return nil
	}
	w.looked(e.Path)
	fd, err := openAt(dir, name, markOf(st))
	if err != nil {
		return w.stumble(e, err)
	}
	defer shut(fd)
	w.entries = append(w.entries, e)
	return w.dir(fd, e.Path, st, depth+1)
}

func (w *walk) file(dir int, name string, e tree.Entry, st unix.Stat_t) error {
	e.Size = st.Size
	w.total += st.Size
	w.sizes = append(w.sizes, sized{e.Path, st.Size})
	switch {
	case st.Size > w.o.MaxFile:
		w.wrong(e, fmt.Errorf("%w: %d bytes, %d are the most", ErrTooBig, st.Size, w.o.MaxFile))
		return nil
	case w.total > w.o.MaxTotal:
		return nil // the error will say it for all of them
	}
	w.looked(e.Path)
	fd, err := openAt(dir, name, markOf(st))
	if err != nil {
		return w.stumble(e, err)
	}
	defer shut(fd)
	if w.hooks.opened != nil {
		w.hooks.opened(e.Path)
	}
	if err := w.content(fd, &e); err != nil {
		clear(e.Content)
		if w.ctx.Err() != nil || errors.Is(err, ErrChanging) {
			return err
		}
		return w.stumble(e, err)
	}
	w.seen = append(w.seen, sighting{e.Path, markOf(st)})
	w.entries = append(w.entries, e)
	return nil
}

const piece = 64 << 10

// content reads a file to its end, which must be where its size says.
func (w *walk) content(fd int, e *tree.Entry) error {
	sum := sha256.New()
	buf := make([]byte, min(e.Size+1, piece))
	defer clear(buf)
	if w.o.Content {
		e.Content = make(tree.Content, 0, e.Size)
	}
	var got int64
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		n, err := again(func() (int, error) { return unix.Read(fd, buf) })
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if got += int64(n); got > e.Size {
			return w.changing(e.Path, errors.New("it has grown"))
		}
		_, _ = sum.Write(buf[:n]) // a hash takes everything
		if w.o.Content {
			e.Content = append(e.Content, buf[:n]...)
		}
		if w.hooks.halved != nil {
			w.hooks.halved(e.Path)
		}
	}
	if got < e.Size {
		return w.changing(e.Path, errors.New("it has shrunk"))
	}
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// unchanged looks whether everything is as it was when it was read, when the times of
// what was changed last can tell it.
func (w *walk) unchanged(root int) error {
	var last time.Time
	for _, s := range w.seen {
		if c := s.mark.changed(); c.After(last) {
			last = c
		}
	}
	quiet := max(w.o.Quiet, tick)
	if left := quiet - time.Since(last); left > 0 && left <= quiet { // a time in the future tells nothing
		if !pause(w.ctx, left) {
			return w.ctx.Err()
		}
	}
	var faults []Fault
	for _, s := range w.seen {
		if err := w.same(root, s); err != nil {
			faults = append(faults, Fault{s.path, fmt.Errorf("%w: %w", ErrChanging, err)})
		}
	}
	if len(faults) > 0 {
		sortFaults(faults)
		return &Error{Root: w.root, Faults: faults}
	}
	return nil
}

// same looks at one entry again. Directories on the way to it are not followed
// through links by its name alone: they are among what is looked at, and were none.
func (w *walk) same(root int, s sighting) error {
	var st unix.Stat_t
	var err error
	if s.path == "." {
		st, err = stat(root)
	} else {
		st, err = lstat(root, s.path)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("it is gone")
	case err != nil:
		return plain(err)
	case markOf(st) != s.mark && kindOf(st.Mode) == tree.Dir:
		return errors.New("something in it was made, renamed or removed")
	case markOf(st) != s.mark:
		return errors.New("it was written to or replaced")
	}
	return nil
}

func readlink(dir int, name string) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil || n < size {
			return string(buf[:max(n, 0)]), err
		}
	}
}

// plain is an error without the path that the standard library adds.
func plain(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	return err
}

func sortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return tree.Order(a.Path, b.Path)
	})
}
