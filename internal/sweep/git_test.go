package sweep

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository is a new one, and how to run git in it and write files.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "vimes", "GIT_AUTHOR_EMAIL": "vimes@watch.am",
		"GIT_COMMITTER_NAME": "vimes", "GIT_COMMITTER_EMAIL": "vimes@watch.am", "GIT_DIR": "", "GIT_INDEX_FILE": "",
	} {
		t.Setenv(name, value)
	}
	os.Unsetenv("GIT_DIR") // Setenv puts them back afterwards
	os.Unsetenv("GIT_INDEX_FILE")
	r := repository{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits everything and gives its name.
func (r repository) commit() string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", "x")
	return r.git("rev-parse", "HEAD")
}

// of is what a range gives, with the commits by the names that they have here.
func (r repository) of(dir, revisions string, names map[string]string) string {
	r.t.Helper()
	res, err := Range(r.t.Context(), filepath.Join(r.dir, dir), revisions, Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	for i, f := range res.Findings {
		res.Findings[i].File = names[f.Commit] + " " + f.File
	}
	return shown(r.t, "", res)
}

func TestRange(t *testing.T) {
	r := newRepository(t)
	secret := func(key string) string { return key + " = " + canary + "\n" }
	r.write("old.ini", secret("old_password")+"[web]\nport = 80\n")
	r.write("gone.ini", secret("gone_password"))
	names := map[string]string{r.commit(): "first"}
	r.git("tag", "base")

	r.write("old.ini", secret("old_password")+"[web]\nport = 80\n"+secret("new_password")+"[x]\n"+secret("other_password"))
	r.write("deep/sp ace\n"+"nl.ini", "x = 1\n"+secret("password"))
	names[r.commit()] = "adds"

	r.write("old.ini", secret("old_password")+"[web]\nport = 80\n[x]\n"+secret("other_password"))
	os.Remove(filepath.Join(r.dir, "gone.ini"))
	names[r.commit()] = "removes"

	r.git("mv", "old.ini", "renamed.ini")
	names[r.commit()] = "renames"

	want := "adds deep/sp ace\nnl.ini:2 password\nadds old.ini:4 web.new_password\nadds old.ini:6 x.other_password\n"
	if got := r.of("", "base..HEAD", names); got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
	all := "first gone.ini:1 gone_password\nfirst old.ini:1 old_password\n" + want
	if got := r.of("", "HEAD", names); got != all {
		t.Errorf("of all there is got\n%swanted\n%s", got, all)
	}
	if got := r.of("", "HEAD~2..HEAD", names); got != "" {
		t.Errorf("what is only taken away or renamed gives\n%s", got)
	}
	if got, want := r.of("deep", "base..HEAD", names), "adds deep/sp ace\nnl.ini:2 password\n"; got != want {
		t.Errorf("below a directory got\n%swanted\n%s", got, want)
	}
}

// Of a merge only what no parent has is its own.
func TestMerge(t *testing.T) {
	r := newRepository(t)
	r.write("a.ini", "a = 1\n")
	names := map[string]string{r.commit(): "first"}
	r.git("checkout", "-q", "-b", "side")
	r.write("side.ini", "side_password = "+canary+"\n")
	names[r.commit()] = "side"
	r.git("checkout", "-q", "main")
	r.write("a.ini", "a = 1\nmain_password = "+canary+"\n")
	names[r.commit()] = "main"
	r.git("merge", "-q", "--no-commit", "side")
	r.write("side.ini", "side_password = "+canary+"\nevil_password = "+canary+"\n")
	names[r.commit()] = "merge"
	want := "side side.ini:1 side_password\nmain a.ini:2 main_password\nmerge side.ini:2 evil_password\n"
	got := r.of("", "HEAD", names)
	lines := strings.SplitAfter(got, "\n")
	slices.Sort(lines)
	sorted := strings.SplitAfter(want, "\n")
	slices.Sort(sorted)
	if !slices.Equal(lines, sorted) {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

// What looks like a patch, a header or a list of changes within a file is its content.
func TestContentIsNotReadAsDiff(t *testing.T) {
	r := newRepository(t)
	names := map[string]string{r.commit(): "empty"}
	r.write("a.patch", "diff --git a/x b/x\nindex 0000..1111\n@@ -0,0 +1,9999 @@\n")
	names[r.commit()] = "patch"
	head := r.git("rev-parse", "HEAD")
	r.write("a.patch", "diff --git a/x b/x\nindex 0000..1111\n@@ -0,0 +1,9999 @@\n"+head+"\x00:000000 100644\n@@ -1 +1 @@\n\\ No newline\n")
	r.write("b.ini", "b_password = "+canary) // without a newline at its end
	names[r.commit()] = "more"
	r.write("b.ini", "b_password = "+canary+"\nc_password = "+canary)
	names[r.commit()] = "last"
	if got, want := r.of("", "HEAD", names), "more b.ini:1 b_password\nlast b.ini:1 b_password\nlast b.ini:2 c_password\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

// What the user or the repository has configured for people changes nothing.
func TestConfiguredDiff(t *testing.T) {
	r := newRepository(t)
	r.commit()
	for key, value := range map[string]string{
		"diff.noprefix": "true", "diff.mnemonicPrefix": "true", "color.ui": "always", "diff.external": "false", "diff.x.textconv": "false",
		"diff.context": "7", "diff.interHunkContext": "9", "diff.renames": "copies", "diff.submodule": "log", "diff.relative": "true", "core.quotePath": "true", "diff.orderFile": "/dev/null",
	} {
		r.git("config", key, value)
	}
	r.write(".gitattributes", "*.ini diff=x\n*.conf -diff\n*.bin binary\n")
	r.write("a.ini", "x = 1\n")
	r.write("a.conf", "one_password = "+canary+"\n")
	r.commit()
	r.write("a.ini", "x = 1\na_password = "+canary+"\n")
	r.write("a.conf", "one_password = "+canary+"\ntwo_password = "+canary+"\n")
	last := r.commit()
	if got, want := r.of("", "HEAD~1..HEAD", map[string]string{last: "last"}), "last a.conf:2 two_password\nlast a.ini:2 a_password\n"; got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

// A link's target, a submodule and a changed mode are no new text; a file that was a
// link is.
func TestChangesOfKind(t *testing.T) {
	r := newRepository(t)
	r.write("run.sh", "export PASSWORD="+canary+"\n")
	if err := os.Symlink("run.sh", filepath.Join(r.dir, "was-link.sh")); err != nil {
		t.Fatal(err)
	}
	first := r.commit()
	if err := os.Chmod(filepath.Join(r.dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(r.dir, "was-link.sh"))
	r.write("was-link.sh", "export PASSWORD="+canary+"\n")
	if err := os.Symlink("password="+canary, filepath.Join(r.dir, "link.ini")); err != nil {
		t.Fatal(err)
	}
	r.git("update-index", "--add", "--cacheinfo", "160000,"+first+",module")
	second := r.commit()
	if got, want := r.of("", "HEAD~1..HEAD", map[string]string{second: "second"}), "second was-link.sh:1 PASSWORD\n"; got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

func TestStaged(t *testing.T) {
	r := newRepository(t)
	staged := func() string {
		res, err := Staged(t.Context(), r.dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return shown(t, "", res)
	}
	r.write("a.ini", "a_password = "+canary+"\n")
	if got := staged(); got != "" {
		t.Errorf("what is not staged gives %s", got)
	}
	r.git("add", "a.ini")
	if got := staged(); got != "a.ini:1 a_password\n" { // before the first commit
		t.Errorf("got %s", got)
	}
	r.commit()
	r.write("a.ini", "x = 1\na_password = "+canary+"\nb_password = "+canary+"\n")
	r.git("add", "a.ini")
	r.write("a.ini", "x = 1\n") // the index counts, not what lies there
	if got := staged(); got != "a.ini:3 b_password\n" {
		t.Errorf("got %s", got)
	}
}

// What goes over several lines is new when one of them is, though its first is not.
func TestNewLineWithinAValue(t *testing.T) {
	r := newRepository(t)
	key := func(body string) string {
		return "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat(body, 60) + "\n" + strings.Repeat(body, 60) + "\n-----END RSA PRIVATE KEY-----\n"
	}
	yaml := func(value string) string {
		return "db:\n  password: |\n    " + value + "\n\n    " + value + "\n  port: 5432\n"
	}
	r.write("a.pem", key("a"))
	r.write("b.yaml", yaml("Zq3vN8k"))
	r.commit()
	r.write("a.pem", key("b"))
	r.write("b.yaml", yaml("Xw1Tb6Y"))
	second := r.commit()
	r.write("a.pem", key("b")+"# not a part of it\n")
	r.write("b.yaml", yaml("Xw1Tb6Y")+"  host: db\n")
	r.commit()
	want := "second a.pem:1 private key\nsecond b.yaml:2 db.password\n"
	if got := r.of("", "HEAD~2..HEAD", map[string]string{second: "second"}); got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

// An object larger than what is held at once is streamed.
func TestLongBlob(t *testing.T) {
	r := newRepository(t)
	r.write("z.ini", "z_password = "+canary+"\n")
	r.write("long.log", strings.Repeat(strings.Repeat("-", 99)+"\n", wholeLimit/100+10)+"# "+token+"\n")
	first := r.commit()
	got := r.of("", "HEAD", map[string]string{first: "first"})
	if want := "first long.log:83897 line\nfirst z.ini:1 z_password\n"; got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
}

func TestRangesThatAreNone(t *testing.T) {
	r := newRepository(t)
	r.commit()
	for revisions, want := range map[string]string{
		"": "no range", "--all": "no range", "-n1": "no range", "nowhere..HEAD": "nowhere", "HEAD --all": "HEAD --all",
	} {
		_, err := Range(t.Context(), r.dir, revisions, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, wanted %q", revisions, err, want)
		}
	}
	var said *GitError
	if _, err := Staged(t.Context(), t.TempDir(), Options{}); !errors.As(err, &said) || !strings.Contains(said.Said, "not a git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
	if res, err := Range(t.Context(), r.dir, "HEAD..HEAD", Options{}); err != nil || res.Commits != 0 {
		t.Errorf("an empty range: %+v, %v", res, err)
	}
}

// An object that the repository does not have is an error, never a clean result.
func TestMissingObject(t *testing.T) {
	r := newRepository(t)
	r.write("a.ini", "x = 1\n")
	r.commit()
	r.write("a.ini", "a_password = "+canary+"\n")
	r.commit()
	id := r.git("rev-parse", "HEAD:a.ini")
	if err := os.Remove(filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	if res, err := Range(t.Context(), r.dir, "HEAD", Options{}); err == nil {
		t.Errorf("got %+v", res)
	}
}

func TestSpans(t *testing.T) {
	s := spans{{2, 3}, {7, 9}}
	for _, tc := range []struct {
		first, last int
		want        bool
	}{{1, 1, false}, {1, 2, true}, {3, 3, true}, {4, 6, false}, {4, 7, true}, {9, 20, true}, {10, 20, false}, {0, 0, true}} {
		if got := s.touch(tc.first, tc.last); got != tc.want {
			t.Errorf("%d to %d touches %v: %v", tc.first, tc.last, s, got)
		}
	}
	if (spans)(nil).touch(0, 0) {
		t.Error("a file without new lines is new as a whole")
	}
	if got := s.both(spans{{1, 2}, {3, 7}, {9, 9}}); !slices.Equal(got, spans{{2, 2}, {3, 3}, {7, 7}, {9, 9}}) {
		t.Errorf("both are %v", got)
	}
}

func FuzzChanges(f *testing.F) {
	f.Add(":000000 100644 0000 422c A\x00f\x00\x00diff --git a/f b/f\nindex 0000..422c\n@@ -0,0 +1,2 @@\na\nb\n")
	f.Add(":100644 100644 0000 422c R086\x00f\x00g\x00\x00@@ -1 +1 @@ x\n")
	f.Fuzz(func(t *testing.T, text string) {
		in := bufio.NewReader(strings.NewReader(text))
		changes, err := readChanges(in, func() bool { return false })
		if err != nil && changes != nil {
			t.Fatal("changes beside an error")
		}
		if _, rest := in.Peek(1); err == nil && !errors.Is(rest, io.EOF) {
			t.Fatal("something is left")
		}
	})
}
