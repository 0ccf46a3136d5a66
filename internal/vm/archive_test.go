package vm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

func TestFilesThroughTar(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	root := oddRoot(t)
	if err := errors.Join(os.Link(filepath.Join(root, "bank.conf"), filepath.Join(root, "twin")), os.Symlink(root, root+".link")); err != nil {
		t.Fatal(err)
	}
	fleet := New(settingsFor(t, server))
	got, err := fleet.ReadFiles(t.Context(), reachOf(t, server.URL()), []string{root, filepath.Join(root+".link", "bank.conf"), root + ".link"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]tree.Entry{
		"":          {Kind: tree.Dir},
		"bank.conf": {Kind: tree.File, Mode: 0o640, Size: int64(len("password=" + held + "\n"))},
		"twin":      {Kind: tree.File, Mode: 0o640, Size: int64(len("password=" + held + "\n"))},
		"link":      {Kind: tree.Link, Target: "bank.conf"},
		"fifo":      {Kind: tree.FIFO},
		"empty":     {Kind: tree.File},
	} {
		e, ok := got.At(strings.TrimPrefix(filepath.Join(root, name), "/"))
		if !ok || e.Kind != want.Kind || e.Target != want.Target || e.Size != want.Size || want.Mode != 0 && e.Mode != want.Mode {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e, ok := got.At(strings.TrimPrefix(root, "/") + ".link/bank.conf"); !ok || e.Kind != tree.File || string(e.Content) != "password="+held+"\n" {
		t.Errorf("over a link: %+v", e)
	}
	if e, ok := got.At(strings.TrimPrefix(root, "/") + ".link"); !ok || e.Kind != tree.Link {
		t.Errorf("a link: %+v", e)
	}
	_, err = fleet.ReadFiles(t.Context(), reachOf(t, server.URL()), []string{root, root + ".gone"})
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), held) {
		t.Errorf("a path that is not there: %v", err)
	}
	if _, err := fleet.ReadFiles(t.Context(), reachOf(t, server.URL()), []string{"etc"}); err == nil {
		t.Error("a path that is not absolute was read")
	}
}
