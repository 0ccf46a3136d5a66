package convert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/tree"
)

// grow makes a tree of files: "path" or "path mode user:group" to content; "a -> b" is
// a link, "a/" an empty directory.
func grow(files map[string]string) tree.Tree {
	t := tree.Tree{Root: "/etc/bank", Entries: []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o755}}}
	have := map[string]bool{".": true}
	var dirs func(string)
	dirs = func(p string) {
		if have[p] {
			return
		}
		dirs(path.Dir(p))
		have[p] = true
		t.Entries = append(t.Entries, tree.Entry{Path: p, Kind: tree.Dir, Mode: 0o755})
	}
	for _, line := range slices.Sorted(maps.Keys(files)) {
		name, target, link := strings.Cut(line, " -> ")
		e := tree.Entry{Path: name, Kind: tree.File, Mode: 0o644}
		switch {
		case link:
			e.Kind, e.Target, e.Mode = tree.Link, target, 0o777
		case strings.HasSuffix(name, "/"):
			dirs(strings.TrimSuffix(name, "/"))
			continue
		default:
			setAttributes(&e)
			b := []byte(files[line])
			sum := sha256.Sum256(b)
			e.Size, e.SHA256, e.Content = int64(len(b)), hex.EncodeToString(sum[:]), b
			if e.Content == nil {
				e.Content = tree.Content{}
			}
		}
		dirs(path.Dir(e.Path))
		t.Entries = append(t.Entries, e)
	}
	tree.Sort(t.Entries)
	return t
}

// setAttributes takes " MODE" and " MODE USER:GROUP" from the end of a path that has
// them behind a tab.
func setAttributes(e *tree.Entry) {
	name, rest, ok := strings.Cut(e.Path, "\t")
	if !ok {
		return
	}
	e.Path = name
	mode, who, owned := strings.Cut(rest, " ")
	fmt.Sscanf(mode, "%o", &e.Mode)
	if owned {
		e.UID, e.GID = 998, 998
		e.User, e.Group, _ = strings.Cut(who, ":")
	}
}

// mounted is what a pod finds: what the kubelet makes of the objects and of the items
// of the mounts, by the rules of Kubernetes.
func mounted(t *testing.T, p Plan) tree.Tree {
	t.Helper()
	byName := map[string]Object{}
	for _, o := range p.Objects {
		total := 0
		for key, v := range o.Data {
			total += len(v)
			if key == "" || len(key) > 253 || strings.HasPrefix(key, "..") || key == "." || strings.ContainsFunc(key, func(r rune) bool { return r > 127 || !keyByte(byte(r)) }) {
				t.Errorf("%q is no key", key)
			}
		}
		if total > 1<<20 {
			t.Errorf("%s holds %d bytes", o.Name, total)
		}
		if _, twice := byName[o.Name]; twice {
			t.Errorf("%s is there twice", o.Name)
		}
		byName[o.Name] = o
	}
	out := tree.Tree{Root: "/etc/bank", Entries: []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o755}}}
	have := map[string]bool{".": true}
	for _, m := range p.Mounts {
		o, ok := byName[m.Name]
		if !ok || o.Kind != m.Kind {
			t.Fatalf("no %s %s", m.Kind, m.Name)
		}
		if m.Env {
			continue
		}
		for _, i := range m.Items {
			content, ok := o.Data[i.Key]
			switch {
			case !ok:
				t.Fatalf("%s has no key %s: the pod would not start", m.Name, i.Key)
			case path.IsAbs(i.Path) || path.Clean(i.Path) != i.Path || strings.HasPrefix(i.Path, ".."):
				t.Fatalf("%q is no path of an item", i.Path)
			case have[i.Path]:
				t.Fatalf("%q is there twice: one of them is lost", i.Path)
			case i.Mode > 0o777:
				t.Fatalf("%o is no mode of an item", i.Mode)
			}
			for d := path.Dir(i.Path); !have[d]; d = path.Dir(d) {
				have[d] = true
				out.Entries = append(out.Entries, tree.Entry{Path: d, Kind: tree.Dir, Mode: 0o755})
			}
			have[i.Path] = true
			mode := i.Mode
			if p.FSGroup {
				mode |= 0o440
			}
			sum := sha256.Sum256(content)
			out.Entries = append(out.Entries, tree.Entry{Path: i.Path, Kind: tree.File, Mode: mode, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Content: content})
		}
	}
	tree.Sort(out.Entries)
	return out
}

// same demands that the pod finds what the machine has, links followed.
func same(t *testing.T, want tree.Tree, p Plan) {
	t.Helper()
	if !p.Whole() {
		t.Fatalf("not whole: %+v %+v", p.Problems, p.Questions)
	}
	got := mounted(t, p)
	for _, d := range tree.Compare(want, got, tree.CompareOptions{}) {
		t.Error(d)
	}
	for _, e := range got.Entries {
		if e.Kind == tree.File && !p.FSGroup && e.Mode&0o004 == 0 {
			t.Errorf("%s is %o, and nobody but root can read it", e.Path, e.Mode)
		}
	}
}

func options() Options {
	return Options{Name: "bank", Namespace: "royal", Mount: "/etc/bank", NameCost: 1}
}

func file(t *testing.T, p Plan, at string) File {
	t.Helper()
	i := slices.IndexFunc(p.Files, func(f File) bool { return f.Path == at })
	if i < 0 {
		t.Fatalf("no file %q in %+v", at, p.Files)
	}
	return p.Files[i]
}

func codes(f File) []string {
	var out []string
	for _, r := range f.Reasons {
		out = append(out, r.Code)
	}
	return out
}

func warned(p Plan, code string) (Warning, bool) {
	i := slices.IndexFunc(p.Warnings, func(w Warning) bool { return w.Code == code })
	if i < 0 {
		return Warning{}, false
	}
	return p.Warnings[i], true
}

func problem(p Plan, at string) Problem {
	i := slices.IndexFunc(p.Problems, func(x Problem) bool { return x.Path == at })
	return p.Problems[cmp.Or(max(i, 0), 0)]
}
