package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rehome.dev/rehome/internal/scan"
)

// The canaries are planted as values; nothing that a sweep gives may hold one.
const (
	canary = "Canary7Zq3vN8kXw1Tb6Yr0"
	token  = "ghp_" + "Zq3vN8kXw1Tb6Yr0Lm5Jc9Hd2Fg7Sa4Pe8Ru"
)

// put writes files below a new directory, and gives it.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// told is a result in lines, with paths from dir, and without the rule. It fails where
// a value stands in it.
func shown(t *testing.T, dir string, r Result) string {
	t.Helper()
	var b strings.Builder
	rel := func(path string) string {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
		return path
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s:%d %s", rel(f.File), f.Line, f.KeyPath)
		if f.Doubtful {
			b.WriteString("?")
		}
		b.WriteString("\n")
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "skipped %s: %s\n", rel(s.File), s.Reason)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "fault %s: %s\n", rel(f.File), f.Reason)
	}
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{b.String(), string(all), fmt.Sprintf("%+v", r)} {
		if strings.Contains(text, canary) || strings.Contains(text, token) {
			t.Errorf("a value is in the result")
		}
	}
	return b.String()
}

func sweepFiles(t *testing.T, o Options, paths ...string) Result {
	t.Helper()
	r, err := Files(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTree(t *testing.T) {
	dir := put(t, map[string]string{
		"b/app.properties": "name=bank\ndb.password=" + canary + "\n",
		"a.yaml":           "db:\n  password: " + canary + "\n",
		"notes.md":         "The token was " + token + ".\n",
		"clean.ini":        "[web]\nport = 80\npassword = ${PASSWORD}\n",
		".hidden/.env":     "SECRET_KEY=" + canary + "\n",
		".git/config":      "password = " + canary + "\n",
		"image.bin":        "\x7fELF\x00\x00" + canary,
		"empty":            "",
	})
	got := shown(t, dir, sweepFiles(t, Options{}, dir))
	want := `.hidden/.env:1 SECRET_KEY
a.yaml:2 db.password
b/app.properties:2 db.password
notes.md:1 line
skipped .git: git's own files
skipped image.bin: binary
`
	if got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

func TestCounts(t *testing.T) {
	dir := put(t, map[string]string{"a.ini": "a=1\n", "b.ini": "b=2\n", "c.bin": "\x00"})
	var last Progress
	r := sweepFiles(t, Options{Progress: func(p Progress) { last = p }}, dir)
	if r.Files != 2 || r.Bytes != 8 || last.Bytes != 9 {
		t.Errorf("%d files, %d bytes, and was told %+v", r.Files, r.Bytes, last)
	}
}

// The order is that of the arguments and of names, however many look at once; what is
// named twice is looked at once.
func TestOrder(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("d%d/f%03d.ini", i%3, i)] = "password = " + canary + strings.Repeat("\n# a comment", i*7%500) + "\n"
	}
	dir := put(t, files)
	first := shown(t, dir, sweepFiles(t, Options{}, filepath.Join(dir, "d1"), dir))
	if strings.Count(first, "\n") != 200 || !strings.HasPrefix(first, "d1/f001.ini:1 password\nd1/f004.ini") {
		t.Errorf("%d lines, beginning with %.60s", strings.Count(first, "\n"), first)
	}
	for range 5 {
		if again := shown(t, dir, sweepFiles(t, Options{}, filepath.Join(dir, "d1"), dir)); again != first {
			t.Fatal("the order is another one each time")
		}
	}
}

func TestLinks(t *testing.T) {
	outside := put(t, map[string]string{"secret.ini": "password = " + canary + "\n"})
	dir := put(t, map[string]string{"in/app.ini": "password = " + canary + "\n"})
	for link, to := range map[string]string{
		"out": outside, "out.ini": filepath.Join(outside, "secret.ini"), "loop": "loop", "round": "in/back", "in/back": "../round",
		"up": "..", "self": ".", "dead": "nowhere", "alias": "in/app.ini", "tree": "in",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got := shown(t, dir, sweepFiles(t, Options{}, dir))
	want := `in/app.ini:1 password
skipped dead: a link that leads nowhere
skipped in/back: a link that leads in a circle, or where nobody may look
skipped loop: a link that leads in a circle, or where nobody may look
skipped out: a link that leads out of the directory
skipped out.ini: a link that leads out of the directory
skipped round: a link that leads in a circle, or where nobody may look
skipped up: a link that leads out of the directory
`
	if got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
	// A link that is named itself is followed: somebody wants it.
	if got := shown(t, dir, sweepFiles(t, Options{}, filepath.Join(dir, "out"))); got != "out/secret.ini:1 password\n" {
		t.Errorf("of a named link got %s", got)
	}
}

// Whoever writes to a pipe or device decides how long an open one is waited for.
func TestSpecialFilesAreNotOpened(t *testing.T) {
	dir := put(t, map[string]string{"a.ini": "password = " + canary + "\n"})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	got := shown(t, dir, sweepFiles(t, Options{}, dir, pipe, "/dev/null"))
	want := "a.ini:1 password\nskipped pipe: a named pipe\nfault pipe: look at it: it is a named pipe, which is never opened\nfault /dev/null: look at it: it is a device, which is never opened\n"
	if got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

func TestFaultsAreNamedAndTheRestIsLookedAt(t *testing.T) {
	dir := put(t, map[string]string{"z.ini": "password = " + canary + "\n"})
	r := sweepFiles(t, Options{}, filepath.Join(dir, "missing"), filepath.Join(dir, "z.ini"))
	if got := shown(t, dir, r); got != "z.ini:1 password\nfault missing: look at it: no such file or directory\n" {
		t.Errorf("got %s", got)
	}
	if !errors.Is(r.Faults[0], fs.ErrNotExist) {
		t.Errorf("%v is not about a missing file", r.Faults[0])
	}
}

// A file that is exchanged between being seen and being opened is not read.
func TestExchangedFile(t *testing.T) {
	dir := put(t, map[string]string{"a.ini": "x = 1\n", "b.ini": "password = " + canary + "\n"})
	a, b := filepath.Join(dir, "a.ini"), filepath.Join(dir, "b.ini")
	was, err := os.Lstat(a)
	if err != nil {
		t.Fatal(err)
	}
	for name, exchange := range map[string]func() error{
		"a link": func() error { return os.Symlink(b, a) },
		"a pipe": func() error { return syscall.Mkfifo(a, 0o600) },
		"another file": func() error {
			return os.WriteFile(a, []byte("password = "+canary), 0o600)
		},
	} {
		if err := os.Rename(a, a+".was"); err != nil {
			t.Fatal(err)
		}
		if err := exchange(); err != nil {
			t.Fatal(err)
		}
		if in, err := openPlain(os.OpenFile, a, was); err == nil || !strings.Contains(err.Error(), "another file") {
			t.Errorf("%s: %v, %v", name, in, err)
		}
		if err := os.Rename(a+".was", a); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStandardInput(t *testing.T) {
	o := Options{Stdin: strings.NewReader("db:\n  password: " + canary + "\n"), StdinName: "rendered.yaml"}
	if got := shown(t, "", sweepFiles(t, o, "-", "-")); got != "rendered.yaml:2 db.password\nfault -: look at it: no such file or directory\n" {
		t.Errorf("got %s", got)
	}
}

// A text longer than what is held at once is streamed, with the lines of the whole.
func TestLongText(t *testing.T) {
	line := "nothing = to see here, and that many times\n"
	n := wholeLimit/len(line) + 5
	text := strings.Repeat(line, n) + "# " + token + "\n"
	dir := put(t, map[string]string{"long.ini": text})
	r := sweepFiles(t, Options{}, dir)
	if got, want := shown(t, dir, r), fmt.Sprintf("long.ini:%d line\n", n+1); got != want {
		t.Errorf("got %s, wanted %s", got, want)
	}
	if r.Bytes != int64(len(text)) {
		t.Errorf("%d bytes of %d", r.Bytes, len(text))
	}
}

func TestColumnsAreCharacters(t *testing.T) {
	data := []byte("a = b\nfrüher = war es " + canary + "\nzuletzt = é" + canary)
	at := func(line int) int { return 1 + bytes.Index(bytes.Split(data, []byte("\n"))[line-1], []byte(canary)) }
	places := []scan.Place{{Line: 0}, {Line: 1, Column: 5}, {Line: 2, Column: at(2)}, {Line: 2, Column: 500}, {Line: 3, Column: at(3)}, {Line: 9, Column: 3}}
	inCharacters(data, places)
	for i, want := range []int{0, 5, 17, 500, 12, 3} {
		if places[i].Column != want {
			t.Errorf("place %d is in column %d, wanted %d", i, places[i].Column, want)
		}
	}
}

// What the first detector knows of a line is not told again by the second, unless the
// first only doubts.
func TestMerged(t *testing.T) {
	own := func() []scan.Place {
		return []scan.Place{{Line: 1, Key: "sure"}, {Line: 2, Key: "doubt", Doubtful: true}, {Line: 3, Key: "doubt too", Doubtful: true}, {Line: 5, Key: "other"}}
	}
	got := merged(own(), []scan.Place{{Line: 1, Key: "v1"}, {Line: 2, Key: "v2"}, {Line: 3, Key: "v3", Doubtful: true}, {Line: 4, Key: "v4"}, {Line: 4, Column: 2, Key: "v5"}})
	var keys []string
	for _, p := range got {
		keys = append(keys, p.Key)
	}
	if text := strings.Join(keys, " "); text != "sure v2 doubt too v4 v5 other" {
		t.Errorf("got %s", text)
	}
}

// A key that holds a token is not shown, whoever found the place.
func TestKeysHoldNoToken(t *testing.T) {
	places, err := withoutValues([]scan.Place{{Line: 1, Key: "db.password"}, {Line: 2, Key: token}, {Line: 3, Key: "keys.AKIA" + "X7NQ2WZTKB3JHG5D"}})
	if err != nil || places[0].Key != "db.password" || places[1].Key != notShown || places[2].Key != notShown {
		t.Errorf("got %+v, %v", places, err)
	}
}

func TestStoppedSweep(t *testing.T) {
	dir := put(t, map[string]string{"a.ini": "password = " + canary + "\n"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Files(ctx, []string{dir}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A file on which a detector panics is named, and what it panicked with is not said.
func TestFailingDetector(t *testing.T) {
	p := newPool(t.Context(), nil)
	judge := p.judge
	p.judge = func(ctx context.Context, path string, r io.Reader) (seen, error) {
		if path == "bad.ini" {
			panic(canary)
		}
		return judge(ctx, path, r)
	}
	for _, name := range []string{"a.ini", "bad.ini", "c.ini"} {
		p.add(job{name: name, format: name, open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("password = " + canary)), nil }})
	}
	if got := shown(t, "", p.end()); got != "a.ini:1 password\nc.ini:1 password\nfault bad.ini: a detector failed on it: this is a mistake of the program\n" {
		t.Errorf("got %s", got)
	}
}

func TestExclude(t *testing.T) {
	dir := put(t, map[string]string{
		"a.lock": "password = " + canary, "x/b.lock": "password = " + canary, "x/keep.ini": "password = " + canary,
		"charts/one/tests/t.ini": "password = " + canary, "charts/tests/t.ini": "password = " + canary, "tests/t.ini": "password = " + canary,
		"x/drop/deep/d.ini": "password = " + canary,
	})
	r := sweepFiles(t, Options{Exclude: []string{"*.lock", "charts/**/tests", "drop"}}, dir)
	want := "tests/t.ini:1 password\nx/keep.ini:1 password\nskipped a.lock: excluded\nskipped charts/one/tests: excluded\nskipped charts/tests: excluded\nskipped x/b.lock: excluded\nskipped x/drop: excluded\n"
	if got := shown(t, dir, r); got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

func TestGlobs(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.pem", "a/b/c.pem", true}, {"*.pem", "a.pem/b", true}, {"*.pem", "a.pemx", false},
		{"/a.ini", "a.ini", true}, {"/a.ini", "b/a.ini", false}, {"a/*.ini", "a/x.ini", true}, {"a/*.ini", "a/b/x.ini", false}, {"a/*.ini", "b/a/x.ini", false},
		{"a/**/x", "a/x", true}, {"a/**/x", "a/b/c/x/y", true}, {"**/x", "x", true}, {"a/**", "a/b/c", true}, {"a/", "a/b", true}, {"./a/b", "a/b", true},
		{"f[0-9].ini", "f3.ini", true}, {"f[!0-9].ini", "f3.ini", false}, {"f[!0-9].ini", "fx.ini", true}, {"f?.ini", "fx.ini", true}, {"f?.ini", "f.ini", false},
		{"a+b(c)", "a+b(c)", true}, {"[", "[", true}, {"a b", "a b", true}, {"*", "a\nb", true},
	} {
		g, err := parseGlobs([]string{tc.pattern})
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		if got := g.match(tc.path); got != tc.want {
			t.Errorf("%s fits %q: %v", tc.pattern, tc.path, got)
		}
	}
	for _, bad := range []string{"/", "", "[z-a]"} {
		if _, err := parseGlobs([]string{bad}); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a/**/[x", "a/b")
	f.Add("***]", "\n")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if g, err := parseGlobs([]string{pattern}); err == nil {
			g.match(path)
		}
	})
}
