package render

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Change is what becomes of one file of the directory.
type Change struct {
	Path    string `json:"path"`
	Change  string `json:"change"` // new, changed, removed or same
	Added   int    `json:"added,omitempty"`
	Removed int    `json:"removed,omitempty"`
}

// ErrForeign is that a directory holds what was not written here.
var ErrForeign = errors.New("holds what rehome render did not write")

// Compare says what writing files to dir would change there. A directory that is
// not there is empty; one with a file, link or directory that is not of this
// migration's earlier results is refused with ErrForeign.
func Compare(migration, dir string, files []File) ([]Change, error) {
	have, err := read(migration, dir)
	if err != nil {
		return nil, err
	}
	out := []Change{}
	for _, f := range files {
		old, there := have[f.Path]
		delete(have, f.Path)
		switch {
		case !there:
			out = append(out, Change{Path: f.Path, Change: "new", Added: len(lines(f.Content))})
		case bytes.Equal(old, f.Content):
			out = append(out, Change{Path: f.Path, Change: "same"})
		default:
			added, removed := differ(lines(old), lines(f.Content))
			out = append(out, Change{f.Path, "changed", added, removed})
		}
	}
	for path, old := range have {
		out = append(out, Change{Path: path, Change: "removed", Removed: len(lines(old))})
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// read gives the files of an earlier result by their paths.
func read(migration, dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && name == dir {
				return filepath.SkipAll
			}
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case e.IsDir() && slices.Contains([]string{".", "base", "overlays", "overlays/staging", "overlays/production"}, rel):
			return nil
		case !e.Type().IsRegular() || !strings.HasSuffix(rel, ".yaml"):
			return fmt.Errorf("%s %w: %s", dir, ErrForeign, rel)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(data, []byte("# "+Marker+migration+": ")) {
			return fmt.Errorf("%s %w: %s", dir, ErrForeign, rel)
		}
		out[rel] = data
		return nil
	})
	return out, err
}

// Write makes dir hold exactly the files. They are written beside it first, so that
// at no time there is half of them; what was there before is replaced as a whole.
func Write(migration, dir string, files []File) ([]Change, error) {
	changes, err := Compare(migration, dir, files)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(fresh)
	for _, f := range files {
		if err := writeFile(fresh, f); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return nil, err
	}
	return changes, swap(fresh, dir)
}

func writeFile(dir string, f File) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, f.Content, 0o644)
}

// swap puts a directory in the place of another, and takes it back where it cannot.
func swap(fresh, dir string) error {
	err := os.Rename(fresh, dir) // where there is none yet, or an empty one
	if err == nil {
		return nil
	}
	if _, there := os.Lstat(dir); there != nil {
		return err
	}
	old := fresh + ".old"
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

func lines(data []byte) []string { return slices.Collect(strings.Lines(string(data))) }

// differ counts the lines of b that are not in a, and of a that are not in b, by the
// longest run of lines that both have in order.
func differ(a, b []string) (added, removed int) {
	row := make([]int, len(b)+1)
	for _, x := range a {
		corner := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = corner + 1
			} else {
				row[j+1] = max(row[j+1], row[j])
			}
			corner = above
		}
	}
	same := row[len(b)]
	return len(b) - same, len(a) - same
}
