package render

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func rendered(t *testing.T, shape string) []File {
	t.Helper()
	r, err := Render(shapes()[shape])
	if err != nil {
		t.Fatal(err)
	}
	return r.Files
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	have, err := read("royal-bank", dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for n := range have {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func TestWriteReplacesTheWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "deploy")
	first := rendered(t, "cronjobs")
	if _, err := Write("royal-bank", dir, first); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != len(first) {
		t.Errorf("%v", got)
	}
	second := rendered(t, "web")
	shown, err := Compare("royal-bank", dir, second)
	if err != nil {
		t.Fatal(err)
	}
	done, err := Write("royal-bank", dir, second)
	if err != nil || !slices.Equal(shown, done) {
		t.Errorf("shown %v, done %v, %v", shown, done, err)
	}
	if got := names(t, dir); len(got) != len(second) {
		t.Errorf("what is not written any more stays: %v", got)
	}
	again, err := Write("royal-bank", dir, second)
	if err != nil || slices.ContainsFunc(again, func(c Change) bool { return c.Change != "same" }) {
		t.Errorf("the same again: %v, %v", again, err)
	}
	beside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(beside) != 1 {
		t.Errorf("left beside it: %v, %v", beside, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
}

// Whatever was not written here stops it, and stays as it is.
func TestForeignFilesAreRefused(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"a note": func(d string) error { return os.WriteFile(filepath.Join(d, "README.md"), []byte("x"), 0o600) },
		"a manifest": func(d string) error {
			return os.WriteFile(filepath.Join(d, "base", "a.yaml"), []byte("kind: A\n"), 0o600)
		},
		"another migration's": func(d string) error {
			return os.WriteFile(filepath.Join(d, "a.yaml"), []byte("# "+Marker+"royal-bank-2: x\n"), 0o600)
		},
		"a directory":  func(d string) error { return os.Mkdir(filepath.Join(d, "overlays", "test"), 0o700) },
		"a repository": func(d string) error { return os.Mkdir(filepath.Join(d, ".git"), 0o700) },
		"a link":       func(d string) error { return os.Symlink("/etc/passwd", filepath.Join(d, "base", "b.yaml")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deploy")
			if _, err := Write("royal-bank", dir, rendered(t, "web")); err != nil {
				t.Fatal(err)
			}
			if err := make(dir); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(filepath.Join(dir, "base", "deployment-royal-bank-api.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Write("royal-bank", dir, rendered(t, "mesh")); !errors.Is(err, ErrForeign) {
				t.Errorf("error %v", err)
			}
			after, err := os.ReadFile(filepath.Join(dir, "base", "deployment-royal-bank-api.yaml"))
			if err != nil || string(before) != string(after) {
				t.Errorf("it was changed: %v", err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "deploy")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write("royal-bank", file, rendered(t, "web")); !errors.Is(err, ErrForeign) {
		t.Errorf("a file in its place: %v", err)
	}
}

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		a, b           string
		added, removed int
	}{{"", "", 0, 0}, {"abc", "abc", 0, 0}, {"abc", "axc", 1, 1}, {"abc", "ac", 0, 1}, {"", "ab", 2, 0}, {"abcd", "dabc", 1, 1}} {
		if added, removed := differ(strings.Split(c.a, ""), strings.Split(c.b, "")); added != c.added || removed != c.removed {
			t.Errorf("%s to %s: +%d -%d", c.a, c.b, added, removed)
		}
	}
}
