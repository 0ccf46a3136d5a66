// Package corpus holds labelled texts: configuration and programs with secrets in
// them, and with what looks like secrets and is none. Every line has its label, so
// that what a scanner says can be counted. All of it is made up: no value was ever
// one.
//
// It must not know how secrets are found.
package corpus

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Label says what a line is.
type Label byte

// The labels, as they stand before each line. A Part belongs to the secret of the
// Secret line above it: whoever finds it has found that one. Context is a line that
// looks like nothing, and still must not be told.
const (
	Secret   Label = '!'
	Innocent Label = ' '
	Part     Label = '?'
	Context  Label = '.'
)

// File is a labelled text. Labels has one entry a line.
type File struct {
	Path   string
	Data   []byte
	Labels []Label
}

//go:embed heldout templates
var files embed.FS

// HeldOut are texts in another style, written before the rules that are measured with
// them were seen to work on them.
func HeldOut() []File { return read("heldout") }

func read(dir string) []File {
	var out []File
	for _, name := range list(dir) {
		data, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		parsed, err := Parse(data)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		out = append(out, parsed...)
	}
	return out
}

func list(dir string) []string {
	names, err := fs.Glob(files, dir+"/*.corpus")
	if err != nil {
		panic(err)
	}
	return names
}

// Parse reads files one after the other, each behind a line "-- path --", each of
// its lines behind its label.
func Parse(data []byte) ([]File, error) {
	var out []File
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if path, is := bytes.CutPrefix(line, []byte("-- ")); is && bytes.HasSuffix(path, []byte(" --")) {
			out = append(out, File{Path: string(bytes.TrimSuffix(path, []byte(" --")))})
			continue
		}
		if len(line) == 0 {
			line = []byte(".")
		}
		if len(out) == 0 || !strings.ContainsRune("! ?.", rune(line[0])) {
			return nil, fmt.Errorf("line %d has no label", number)
		}
		f := &out[len(out)-1]
		f.Labels = append(f.Labels, Label(line[0]))
		f.Data = append(append(f.Data, line[1:]...), '\n')
	}
	return out, nil
}

// Count is what was found of what is there, by line.
type Count struct {
	Secrets, Innocents int // lines of each label
	Found, Missed      int // of the secrets
	Wrong              int // other lines that were told
	Notes              []string
}

// Recall is the part of the secrets that was found.
func (c *Count) Recall() float64 { return float64(c.Found) / float64(max(c.Found+c.Missed, 1)) }

// Precision is the part of what was told that is secret.
func (c *Count) Precision() float64 { return float64(c.Found) / float64(max(c.Found+c.Wrong, 1)) }

// Add counts one file of which the given lines were told, from 1.
func (c *Count) Add(f File, told []int) {
	lines := map[int]bool{}
	for _, n := range told {
		lines[n] = true
	}
	texts := strings.Split(string(f.Data), "\n")
	for i := 0; i < len(f.Labels); i++ {
		n := i + 1
		switch f.Labels[i] {
		case Secret:
			c.Secrets++
			hit := lines[n]
			for i+1 < len(f.Labels) && f.Labels[i+1] == Part {
				i++
				hit = hit || lines[i+1]
			}
			if hit {
				c.Found++
			} else {
				c.Missed++
				c.Notes = append(c.Notes, fmt.Sprintf("missed %s:%d: %s", f.Path, n, texts[n-1]))
			}
		default:
			if f.Labels[i] == Innocent {
				c.Innocents++
			}
			if lines[n] {
				c.Wrong++
				c.Notes = append(c.Notes, fmt.Sprintf("wrong %s:%d: %s", f.Path, n, texts[n-1]))
			}
		}
	}
}
