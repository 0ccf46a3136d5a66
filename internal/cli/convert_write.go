package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reportName is the file by which a directory is known as one that convert has written,
// and which files of it are.
const reportName = "report.json"

// reportFormat stands in it.
const reportFormat = "rehome.dev/convert/v1"

// outState is what the directory held before.
type outState struct {
	there bool
	files map[string][]byte
}

// lookAtOut sees that the directory is not there, is empty, or holds nothing but what
// convert has written. It must be apart from the directory that is read.
func lookAtOut(out, dir string, here bool) (outState, error) {
	if here && within(out, dir) {
		return outState{}, usage("--out %s and %s are not apart", out, dir).with("write somewhere else: what is read must not change")
	}
	info, err := os.Lstat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(filepath.Clean(out))
		if _, err := os.Stat(parent); err != nil {
			return outState{}, failed("--out: %w", err).with("make the directory %s first", parent)
		}
		return outState{}, nil
	case err != nil:
		return outState{}, failed("--out: %w", err)
	case !info.IsDir():
		return outState{}, failed("--out %s is no directory", out).with("name one that is not there yet; a link is not followed")
	}
	s := outState{there: true, files: map[string][]byte{}}
	entries, err := os.ReadDir(out)
	if err != nil {
		return s, failed("--out: %w", err)
	}
	if len(entries) == 0 {
		return s, nil
	}
	b, err := os.ReadFile(filepath.Join(out, reportName))
	var report struct {
		Format  string   `json:"format"`
		Written []string `json:"written"`
	}
	if err != nil || json.Unmarshal(b, &report) != nil || report.Format != reportFormat {
		return s, foreignOut(out, entries[0].Name())
	}
	for _, e := range entries {
		if !slices.Contains(report.Written, e.Name()) || !e.Type().IsRegular() {
			return s, foreignOut(out, e.Name())
		}
		if s.files[e.Name()], err = os.ReadFile(filepath.Join(out, e.Name())); err != nil {
			return s, failed("--out: %w", err)
		}
	}
	return s, nil
}

func foreignOut(out, name string) error {
	return failed("--out %s holds %q, which convert has not written", out, name).with("name another directory, or move away what is not convert's")
}

// within says whether one of two paths stands in the other, links followed.
func within(a, b string) bool {
	real := func(p string) string {
		p, _ = filepath.Abs(p)
		for rest := ""; ; {
			if r, err := filepath.EvalSymlinks(p); err == nil {
				return filepath.Join(r, rest) + "/"
			}
			if filepath.Dir(p) == p {
				return filepath.Join(p, rest) + "/"
			}
			p, rest = filepath.Dir(p), filepath.Join(filepath.Base(p), rest)
		}
	}
	a, b = real(a), real(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// same says whether the directory holds just these files already.
func (s outState) same(files map[string][]byte) bool {
	return s.there && maps.EqualFunc(s.files, files, bytes.Equal)
}

// stagedOut is the directory as it will be, complete, beside the place where it will be.
type stagedOut struct{ temp, out string }

// stageOut writes the files. Nothing is seen at out before commit.
func stageOut(out string, files map[string][]byte) (*stagedOut, error) {
	out = filepath.Clean(out)
	temp, err := os.MkdirTemp(filepath.Dir(out), ".rehome-convert-*")
	if err != nil {
		return nil, failed("--out: %w", err)
	}
	s := &stagedOut{temp, out}
	for name, b := range files {
		if err := writeSynced(filepath.Join(temp, name), b); err != nil {
			s.remove()
			return nil, failed("--out: %w", err)
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		s.remove()
		return nil, failed("--out: %w", err)
	}
	return s, nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// commit puts the directory in its place, in one step where one stands there already.
func (s *stagedOut) commit() error {
	if err := swap(s.temp, s.out); err != nil {
		return failed("--out: %w", err)
	}
	if d, err := os.Open(filepath.Dir(s.out)); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return nil
}

// remove takes away what is beside the place: what was not committed, or what stood
// there before.
func (s *stagedOut) remove() { _ = os.RemoveAll(s.temp) }
