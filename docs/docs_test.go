// Package docs checks the documents as a reader meets them: links lead somewhere,
// a test that is named as a proof exists, and what a console block of the README
// shows is what happens.
//
// It must not know anything but the files and the program.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const root = ".."

// documents are all Markdown files of the repository, but for test data.
func documents(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "testdata", "out", "bin"}, d.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	link    = regexp.MustCompile(`\[([^\]\n]*)\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	proof   = regexp.MustCompile("^`?((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)(?:/[^`]*)?`?$")
)

func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, file := range documents(t) {
		for _, problem := range brokenLinks(file, read(t, file), func() { checked++ }) {
			t.Error(problem)
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found: the documents are not read as they should be", checked)
	}
}

// brokenLinks says which links of a document lead to no file, to no heading of it,
// or call a test by a name that the file does not have.
func brokenLinks(file, text string, checked func()) []string {
	var broken []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		label, target := m[1], m[2]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		checked()
		path, anchor, _ := strings.Cut(target, "#")
		full := file
		if path != "" {
			full = filepath.Join(filepath.Dir(file), path)
		}
		info, err := os.Stat(full)
		if err != nil {
			broken = append(broken, file+": "+target+" does not exist")
			continue
		}
		if info.IsDir() {
			continue
		}
		there, err := os.ReadFile(full)
		if err != nil {
			broken = append(broken, err.Error())
			continue
		}
		if anchor != "" && !slices.Contains(anchors(string(there)), anchor) {
			broken = append(broken, file+": "+target+": there is no such heading")
		}
		if name := proof.FindStringSubmatch(label); name != nil && !strings.Contains(string(there), "func "+name[1]+"(") {
			broken = append(broken, file+": "+path+" has no "+name[1])
		}
	}
	return broken
}

// anchors are the ids that a forge gives to the headings of a document.
func anchors(text string) []string {
	var ids []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		ids = append(ids, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return ids
}

func TestBrokenLinksAreFound(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.md")
	if err := os.WriteFile(file, []byte("# One heading\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a_test.go"), []byte("func TestThat(t *testing.T) {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		text   string
		broken bool
	}{
		{"[x](a.md)", false},
		{"[x](b.md)", true},
		{"[x](a.md#one-heading)", false},
		{"[x](a.md#another)", true},
		{"[x](https://example.org/b.md)", false},
		{"[TestThat](a_test.go)", false},
		{"[`TestThat/one case`](a_test.go)", false},
		{"[TestOther](a_test.go)", true},
		{"```\n[x](b.md)\n```", false},
	} {
		if got := brokenLinks(file, tc.text, func() {}); (len(got) > 0) != tc.broken {
			t.Errorf("%s: %q", tc.text, got)
		}
	}
}
