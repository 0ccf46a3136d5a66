package scan

import (
	"testing"

	"rehome.dev/rehome/internal/scan/corpus"
)

// counted is what Locate finds of labelled files. What is doubtful does not count.
func counted(files []corpus.File) *corpus.Count {
	count := &corpus.Count{}
	for _, f := range files {
		var told []int
		for _, p := range Locate(f.Path, f.Data) {
			if !p.Doubtful {
				told = append(told, p.Line)
			}
		}
		count.Add(f, told)
	}
	return count
}

func report(t *testing.T, name string, c *corpus.Count) {
	t.Helper()
	t.Logf("%s: %d secrets, %d innocents: recall %.3f, precision %.3f", name, c.Secrets, c.Innocents, c.Recall(), c.Precision())
	for _, n := range c.Notes {
		t.Log(n)
	}
}

func TestHeldOut(t *testing.T) {
	report(t, "held out", counted(corpus.HeldOut()))
}

func TestGenerated(t *testing.T) {
	files, _ := corpus.Generated(1, 6)
	report(t, "generated", counted(files))
}
