package readiness

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the assessments anew")

// TestAssessments judges whole applications. The files are meant to be read: what
// differs after a change is what its review is about.
func TestAssessments(t *testing.T) {
	t.Parallel()
	for name, application := range applications {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(Judge(application())); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "assessment", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs; if it should: go test ./internal/readiness -run TestAssessments -update\n%s", file, firstDifference(want, got.Bytes()))
			}
		})
	}
}

func firstDifference(want, got []byte) string {
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range min(len(w), len(g)) {
		if !bytes.Equal(w[i], g[i]) {
			return "want " + string(w[i]) + "\ngot  " + string(g[i])
		}
	}
	return "one is longer"
}
