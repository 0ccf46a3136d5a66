package tree_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/tree"
)

func file(path, holds string) tree.Entry {
	return tree.Entry{Path: path, Kind: tree.File, Mode: 0o644, Size: int64(len(holds)), SHA256: fmt.Sprintf("%x", holds)}
}

func dir(path string) tree.Entry { return tree.Entry{Path: path, Kind: tree.Dir, Mode: 0o755} }

func link(path, target string) tree.Entry {
	return tree.Entry{Path: path, Kind: tree.Link, Mode: 0o777, Target: target}
}

func of(entries ...tree.Entry) tree.Tree {
	t := tree.Tree{Root: "/etc/bank", Entries: append([]tree.Entry{dir(".")}, entries...)}
	tree.Sort(t.Entries)
	return t
}

func with(e tree.Entry, change func(*tree.Entry)) tree.Entry {
	change(&e)
	return e
}

func words(ds []tree.Difference) string {
	var out []string
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s", d.Path, d.What))
	}
	return strings.Join(out, ", ")
}

func TestCompare(t *testing.T) {
	all := tree.CompareOptions{Links: true, Modes: true, Owners: true, EmptyDirs: true}
	for _, c := range []struct {
		name      string
		want, got tree.Tree
		o         tree.CompareOptions
		differ    string
	}{
		{"the same", of(file("a", "1"), link("b", "a")), of(file("a", "1"), link("b", "a")), all, ""},
		{"nothing", of(), of(), all, ""},
		{"missing", of(file("a", "1"), file("b", "2")), of(file("b", "2")), all, "a missing"},
		{"extra", of(file("b", "2")), of(file("a", "1"), file("b", "2"), file("c", "")), all, "a extra, c extra"},
		{"extra allowed", of(file("b", "2")), of(file("a", "1"), file("b", "2")), tree.CompareOptions{AllowExtra: true}, ""},
		{"content", of(file("a", "1")), of(file("a", "2")), tree.CompareOptions{}, "a content"},
		{"size", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.Size = 2 })), tree.CompareOptions{}, "a content"},
		{"kind", of(file("a", "1")), of(dir("a")), all, "a kind"},
		{"not hashed", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.SHA256 = "" })), tree.CompareOptions{}, "a unhashed"},
		{"not hashed on both sides", of(with(file("a", "1"), func(e *tree.Entry) { e.SHA256 = "" })), of(with(file("a", "1"), func(e *tree.Entry) { e.SHA256 = "" })), tree.CompareOptions{}, "a unhashed"},
		{"not read on both sides", of(tree.Entry{Path: "a", Kind: tree.File, Err: "x"}), of(tree.Entry{Path: "a", Kind: tree.File, Err: "x"}), tree.CompareOptions{}, "a unread"},
		{"a directory that was not read", of(tree.Entry{Path: "a", Kind: tree.Dir, Err: "x"}), of(), tree.CompareOptions{}, "a missing"},
		{"mode", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.Mode = 0o600 })), all, "a mode"},
		{"mode does not count", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.Mode = 0o600 })), tree.CompareOptions{}, ""},
		{"owner", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.GID = 7 })), all, "a owner"},
		{"owner does not count", of(file("a", "1")), of(with(file("a", "1"), func(e *tree.Entry) { e.GID = 7 })), tree.CompareOptions{}, ""},
		{"the root's own mode and owner", of(), tree.Tree{Entries: []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o777, UID: 9}}}, all, ""},
		{"target", of(link("a", "x")), of(link("a", "y")), all, "a target"},
		{"a link's mode", of(link("a", "x")), of(with(link("a", "x"), func(e *tree.Entry) { e.Mode = 0o755 })), all, ""},
		{"a link and a file are the same to who opens it", of(file("a", "1"), link("b", "a")), of(file("a", "1"), file("b", "1")), tree.CompareOptions{}, ""},
		{"a link and a file are not the same", of(file("a", "1"), link("b", "a")), of(file("a", "1"), file("b", "1")), all, "b kind"},
		{"an empty directory does not count", of(dir("d")), of(), tree.CompareOptions{}, ""},
		{"an empty directory", of(dir("d")), of(), all, "d missing"},
		{"a directory that holds something", of(dir("d"), file("d/a", "1")), of(file("a", "1")), tree.CompareOptions{}, "a extra, d missing, d/a missing"},
		{"skipped", of(file("a", "1"), dir("d"), file("d/x", "1"), file("d2", "2")), of(), tree.CompareOptions{Skip: []string{"a", "d"}}, "d2 missing"},
		{"order beside a directory", of(dir("a"), file("a/b", "1"), file("a-b", "2")), of(dir("a"), file("a/b", "1"), file("a-b", "2"), file("-", "3")), all, "- extra"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tree.Compare(c.want, c.got, c.o)
			if words(got) != c.differ {
				t.Errorf("got %v, want %s", got, c.differ)
			}
			a, b := tree.Digest(c.want, c.o), tree.Digest(c.got, c.o)
			if !c.o.AllowExtra && a != "" && b != "" && (a == b) != (len(got) == 0) {
				t.Errorf("digests %s and %s", a, b)
			}
			if unknown := strings.Contains(c.differ, "unread") || strings.Contains(c.differ, "unhashed"); unknown && a != "" && b != "" {
				t.Errorf("digests of what is not known: %s and %s", a, b)
			}
		})
	}
}

func seen(t tree.Tree) string {
	var out []string
	for _, e := range tree.Seen(t).Entries[1:] {
		out = append(out, e.Path+" "+string(e.Kind))
	}
	return strings.Join(out, ", ")
}

func TestSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		tree tree.Tree
		want string
	}{
		{"a volume of Kubernetes", of(dir("..2026_11_22"), file("..2026_11_22/app.conf", "1"), dir("..2026_11_22/conf.d"), file("..2026_11_22/conf.d/x", "2"),
			link("..data", "..2026_11_22"), link("app.conf", "..data/app.conf"), link("conf.d", "..data/conf.d")),
			"app.conf file, conf.d dir, conf.d/x file"},
		{"a whole path inside", of(file("a", "1"), link("b", "/etc/bank/a"), link("c", "/etc/bank")), "a file, b file, c link"},
		{"outside", of(link("a", "/etc/passwd"), link("b", "../x"), link("c", "/etc/bank2/a"), link("d", "gone")), "a link, b link, c link, d link"},
		{"a circle", of(link("a", "b"), link("b", "a"), link("c", "c")), "a link, b link, c link"},
		{"up and down", of(dir("d"), link("d/a", "../f"), file("f", "1")), "d dir, d/a file, f file"},
		{"a directory in itself", of(dir("d"), link("d/self", "."), link("d/up", ".."), file("d/f", "1")), "d dir, d/f file, d/self link, d/up link"},
		{"through a file", of(file("f", "1"), link("a", "f/x"), link("b", "f/")), "a link, b link, f file"},
		{"two names of one directory", of(dir("d"), file("d/f", "1"), link("e", "d")), "d dir, d/f file, e dir, e/f file"},
		{"dots below the root are names", of(dir("d"), file("d/..x", "1"), file(".hidden", "2")), ".hidden file, d dir, d/..x file"},
	} {
		if got := seen(c.tree); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Links that lead to directories with links can make a tree of any size out of a
// few names.
func TestSeenIsBounded(t *testing.T) {
	var entries []tree.Entry
	for i := range 30 {
		entries = append(entries, dir(fmt.Sprintf("d%02d", i)), link(fmt.Sprintf("d%02d/a", i), fmt.Sprintf("../d%02d", i+1)), link(fmt.Sprintf("d%02d/b", i), fmt.Sprintf("../d%02d", i+1)))
	}
	big := of(append(entries, dir("d30"))...)
	if n := len(tree.Seen(big).Entries); n > 200_000 {
		t.Errorf("%d entries", n)
	}
}

func TestContentNeverShows(t *testing.T) {
	const canary = "hunter2-canary"
	e := tree.Entry{Path: "a", Kind: tree.File, Content: tree.Content(canary)}
	x := tree.Tree{Entries: []tree.Entry{e}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{e, x, e.Content, &e} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, canary) || strings.Contains(s, "68756e") || strings.Contains(s, "104") {
				t.Errorf("%s: %s", verb, s)
			}
		}
	}
	held := e.Content
	x.Forget()
	if slices.Contains(held, 'h') || x.Entries[0].Content != nil {
		t.Error("it was not forgotten")
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{"conf.d/ä.conf": "conf.d/ä.conf", "a b": `"a b"`, "a\nb": `"a\nb"`, "\xff": `"\xff"`, "": `""`, `a"b`: `"a\"b"`, "\x1b[2J": `"\x1b[2J"`} {
		if got := tree.Name(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
