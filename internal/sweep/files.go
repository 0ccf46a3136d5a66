package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Options are what a sweep is told beside where.
type Options struct {
	Exclude   []string  // patterns of names or paths: "*.pem", "charts/**/values.yaml"
	Stdin     io.Reader // what the path "-" is, read once
	StdinName string    // under which it is judged and told
	Progress  func(Progress)
}

// Progress is how far a sweep is.
type Progress struct {
	Files int
	Bytes int64
	At    string
}

// Files looks at files, and at directories with everything below them, in the order in
// which they are named. A file named twice is looked at once. Links below a directory
// are not followed: what they lead to within it is looked at in its own place. What is
// no plain file is never opened. What cannot be looked at is a fault of the result, and
// the rest is looked at all the same; the error is a pattern's or the context's.
func Files(ctx context.Context, paths []string, o Options) (Result, error) {
	exclude, err := parseGlobs(o.Exclude)
	if err != nil {
		return Result{}, err
	}
	w := &walk{ctx: ctx, exclude: exclude, pool: newPool(ctx, o.Progress), known: map[string]bool{}}
	for _, path := range paths {
		if path == "-" && o.Stdin != nil {
			in := io.NopCloser(o.Stdin)
			o.Stdin = nil
			w.pool.add(job{name: o.StdinName, format: o.StdinName, open: func() (io.ReadCloser, error) { return in, nil }})
			continue
		}
		w.root(path)
	}
	return w.pool.end(), ctx.Err()
}

// walk goes through what was named, and hands on what is to be looked at.
type walk struct {
	ctx     context.Context
	exclude globs
	pool    *pool
	known   map[string]bool // absolute paths
}

// root is one of the arguments. It may itself be a link: it was named.
func (w *walk) root(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.pool.note(func(r *Result) { r.fault(path, "look at it", reason(err)) })
	case info.IsDir():
		w.directory(path)
	case !info.Mode().IsRegular():
		w.pool.note(func(r *Result) {
			r.fault(path, "look at it", fmt.Errorf("it is %s, which is never opened", kind(info.Mode())))
		})
	case !w.twice(path):
		w.pool.add(job{name: path, format: path, open: func() (io.ReadCloser, error) { return openPlain(os.OpenFile, path, info) }})
	}
}

// twice remembers a file, and says whether it was there before.
func (w *walk) twice(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	was := w.known[abs]
	w.known[abs] = true
	return was
}

// directory goes through a tree. It is opened as a root: whatever is moved or linked
// meanwhile, nothing outside of it is read.
func (w *walk) directory(path string) {
	root, err := os.OpenRoot(path)
	if err != nil {
		w.pool.note(func(r *Result) { r.fault(path, "open the directory", reason(err)) })
		return
	}
	w.pool.closeAtEnd(root)
	_ = fs.WalkDir(root.FS(), ".", func(rel string, d fs.DirEntry, err error) error {
		if w.ctx.Err() != nil {
			return fs.SkipAll
		}
		name := filepath.Join(path, filepath.FromSlash(rel))
		if err != nil {
			w.pool.note(func(r *Result) { r.fault(name, "read the directory", reason(err)) })
			return fs.SkipDir
		}
		if why := w.leaveOut(path, rel, d); why != "" {
			w.pool.note(func(r *Result) { r.Skipped = append(r.Skipped, Skipped{name, why}) })
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() && !w.twice(name) {
			w.file(root, rel, name, d)
		}
		return nil
	}) // its function gives no error but those that end it
}

func (w *walk) file(root *os.Root, rel, name string, d fs.DirEntry) {
	info, err := d.Info()
	if err != nil {
		w.pool.note(func(r *Result) { r.fault(name, "look at it", reason(err)) })
		return
	}
	w.pool.add(job{name: name, format: name, open: func() (io.ReadCloser, error) { return openPlain(root.OpenFile, rel, info) }})
}

// leaveOut says why an entry is not looked at; "" where it is, and for a link to what
// is looked at anyway.
func (w *walk) leaveOut(root, rel string, d fs.DirEntry) string {
	switch {
	case rel == ".":
		return ""
	case d.Name() == ".git":
		return "git's own files"
	case w.exclude.match(rel):
		return "excluded"
	case d.Type()&fs.ModeSymlink != 0:
		return badLink(root, filepath.Join(root, filepath.FromSlash(rel)))
	case !d.IsDir() && !d.Type().IsRegular():
		return kind(d.Type())
	}
	return ""
}

// badLink says what is wrong with a link, "" where it stays within the root.
func badLink(root, link string) string {
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "a link"
	}
	target, err := filepath.EvalSymlinks(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "a link that leads nowhere"
	case err != nil:
		return "a link that leads in a circle, or where nobody may look"
	}
	if rel, err := filepath.Rel(top, target); err != nil || !filepath.IsLocal(rel) {
		return "a link that leads out of the directory"
	}
	return ""
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no plain file"
}

// openPlain opens a file that was seen before, never waiting for anybody, and refuses
// what has become another one since.
func openPlain(open func(string, int, fs.FileMode) (*os.File, error), name string, was fs.FileInfo) (io.ReadCloser, error) {
	f, err := open(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	now, err := f.Stat()
	if err == nil && (!now.Mode().IsRegular() || !os.SameFile(was, now)) {
		err = errors.New("it has become another file while it was looked for")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// reason is an error without its operation and path, which the fault has.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
