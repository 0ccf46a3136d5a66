package archive_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/archive"
	"rehome.dev/rehome/internal/archive/archivetest"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

var update = flag.Bool("update", false, "write the golden page")

func TestConformance(t *testing.T) {
	archivetest.Run(t, func(t *testing.T) (engine.Archive, func(string) ([]byte, error)) {
		outside := t.TempDir()
		root := filepath.Join(outside, "rehome", "archive")
		t.Cleanup(func() { confined(t, outside, root) })
		return archive.Directory{Root: root}, func(path string) ([]byte, error) {
			if rel, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(rel) {
				t.Errorf("%s is not below %s", path, root)
			}
			return os.ReadFile(path)
		}
	})
}

// confined makes sure that all is below root, private, whole and of the
// documented depth.
func confined(t *testing.T, outside, root string) {
	err := filepath.WalkDir(outside, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == outside || strings.HasPrefix(root, path) {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || !filepath.IsLocal(rel) {
			t.Errorf("%s is outside of %s", path, root)
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700 | fs.ModeDir
		}
		if st.Mode() != want {
			t.Errorf("%s is of mode %v, want %v", rel, st.Mode(), want)
		}
		if strings.HasPrefix(d.Name(), ".") {
			t.Errorf("%s is left behind, or hidden", rel)
		}
		parts := strings.Split(rel, "/")
		if len(parts) > 5 || len(parts) > 1 && parts[1] != "incidents" || len(parts) > 3 && parts[3] != "logs" {
			t.Errorf("%s is not where the archive's layout has it", rel)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheFilesOfAnIncident(t *testing.T) {
	inc := archivetest.Incident()
	inc.Cause = append(inc.Cause, migration.Reason{
		Code: migration.CodeNewErrors, Text: "\n# All is well\n\n<script>alert(1)</script> `rm -rf` [x](http://a) a_b *c* | d",
	})
	inc.RCA = &migration.RCA{By: "vimes", At: inc.At, SHA256: "c0ffee", Bytes: 7, Summary: "# the pool was too small", File: "rca.md"}
	root := t.TempDir()
	path, err := archive.Directory{Root: root}.Incident(t.Context(), "royal-bank-api", inc)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "royal-bank-api", "incidents", "royal-bank-api-1.md"); path != want {
		t.Errorf("the page is at %s, want %s", path, want)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "incident.md")
	if *update {
		if err := os.WriteFile(golden, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(want) {
		t.Errorf("the page is\n%s\nwant (go test -update writes it)\n%s", page, want)
	}
	b, err := os.ReadFile(strings.TrimSuffix(path, ".md") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var back migration.Incident
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, inc) {
		t.Errorf("the JSON reads back as %+v, %v", back, err)
	}
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := archive.Directory{Root: file}
	if _, err := d.Incident(t.Context(), "royal-bank-api", archivetest.Incident()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("incident: %v, want the path named", err)
	}
	if _, err := d.Logs(t.Context(), "royal-bank-api", "1", "a", nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("logs: %v, want the path named", err)
	}
}
