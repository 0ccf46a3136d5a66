//go:build linux

package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const canary = "c4naryS3cretValue99"

// TestMain reads a directory as somebody else where it is told to.
func TestMain(m *testing.M) {
	if root := os.Getenv("CONFIG_TEST_ROOT"); root != "" {
		s := &scope.Scope{Root: root, Proc: "/proc", Gaps: &scope.Gaps{}, Request: inventory.Request{Dirs: []string{"/etc/bank"}, Key: []byte("k"), KeyID: "a"}}
		f := &inventory.Facts{}
		New().Finish(context.Background(), s, f)
		f.Gaps = s.Gaps.List()
		if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// world is a machine of files below a root.
type world struct {
	t         *testing.T
	root      string
	collector *Collector
	scope     *scope.Scope
	facts     *inventory.Facts
}

func newWorld(t *testing.T, files map[string]string) *world {
	w := &world{t: t, root: t.TempDir(), collector: New(), facts: &inventory.Facts{}}
	w.scope = &scope.Scope{Root: w.root, Proc: "/proc", Gaps: &scope.Gaps{}, Request: inventory.Request{Key: []byte("a key"), KeyID: "id"}}
	for name, text := range files {
		w.write(name, text)
	}
	return w
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	name = filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func (w *world) link(name, to string) {
	w.t.Helper()
	if err := os.Symlink(to, filepath.Join(w.root, name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) finish(dirs ...string) *inventory.Facts {
	w.t.Helper()
	w.scope.Request.Dirs = dirs
	w.collector.Sample(w.t.Context(), w.scope)
	w.collector.Finish(w.t.Context(), w.scope, w.facts)
	return w.facts
}

func (w *world) gaps() string {
	var out []string
	for _, g := range w.scope.Gaps.List() {
		out = append(out, string(g.Subject)+" "+g.String())
	}
	return strings.Join(out, "\n")
}

// entry finds an entry of the only tree.
func (w *world) entry(name string) inventory.TreeEntry {
	w.t.Helper()
	for _, t := range w.facts.Trees {
		for _, e := range t.Entries {
			if e.Path == name {
				return e
			}
		}
	}
	w.t.Fatalf("there is no entry %s", name)
	return inventory.TreeEntry{}
}

func TestTree(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/passwd": "root:x:0:0:r:/root:/bin/sh\n", "/etc/group": "root:x:0:\n",
		"/etc/bank/a.ini": "[db]\nhost = x\n", "/etc/bank/sub/b.yaml": "a: {b: 1}\n", "/etc/bank/raw": "just text", "/opt/shared.conf": "a 1\n"})
	w.link("/etc/bank/in", "sub/b.yaml")
	w.link("/etc/bank/out", "/opt/shared.conf")
	w.link("/etc/bank/gone", "nowhere")
	w.link("/etc/bank/loop", "loop")
	w.link("/etc/bank/up", "..")
	os.Chmod(filepath.Join(w.root, "/etc/bank/a.ini"), 0o4640)
	os.Chmod(filepath.Join(w.root, "/etc/bank/a.ini"), 0o640|os.ModeSetuid)
	f := w.finish("/etc/bank", "/etc/bank/sub", "/nowhere")
	var got []string
	for _, tree := range f.Trees {
		got = append(got, fmt.Sprintf("%s %s missing=%t", tree.Path, tree.KeyID, tree.Missing))
		for _, e := range tree.Entries {
			got = append(got, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %d %s digest=%t keys=%d %s", e.Path, e.Mode, e.Owner, e.Size, e.Link, e.Digest != "", len(e.Keys), e.Unreadable)), " "))
		}
	}
	want := []string{"/etc/bank id missing=false", ". drwxr-xr-x root:root 0 digest=false keys=0", "a.ini -rwSr----- root:root 14 digest=true keys=1",
		"gone lrwxrwxrwx root:root 7 nowhere digest=false keys=0 leads nowhere", "in lrwxrwxrwx root:root 10 sub/b.yaml digest=false keys=0",
		"loop lrwxrwxrwx root:root 4 loop digest=false keys=0 its links lead in a circle", "out lrwxrwxrwx root:root 16 /opt/shared.conf digest=true keys=0",
		"raw -rw-r--r-- root:root 9 digest=true keys=0", "sub drwxr-xr-x root:root 0 digest=false keys=0", "sub/b.yaml -rw-r--r-- root:root 10 digest=true keys=1",
		"up lrwxrwxrwx root:root 2 .. digest=false keys=0", "/nowhere id missing=true"}
	if os.Getuid() != 0 {
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "root:root", w.entry("raw").Owner)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if g := w.gaps(); g != "" {
		t.Errorf("gaps: %s", g)
	}
}

func TestDigestsAreKeyed(t *testing.T) {
	read := func(key, text string) inventory.TreeEntry {
		w := newWorld(t, map[string]string{"/etc/bank/a.ini": text})
		w.scope.Request.Key = []byte(key)
		w.finish("/etc/bank")
		return w.entry("a.ini")
	}
	one := read("k", "[a]\nb = 1\nc = 1\n")
	if again := read("k", "[a]\nb = 1\nc = 1\n"); again.Digest != one.Digest || again.Keys["a.b"] != one.Keys["a.b"] {
		t.Error("the same content under the same key has another digest")
	}
	if one.Keys["a.b"] == one.Keys["a.c"] {
		t.Error("equal values of different settings look alike")
	}
	if other := read("K", "[a]\nb = 1\nc = 1\n"); other.Digest == one.Digest || other.Keys["a.b"] == one.Keys["a.b"] {
		t.Error("the digest does not depend on the key")
	}
	changed := read("k", "[a]\nb = 2\nc = 1\n")
	if changed.Digest == one.Digest || changed.Keys["a.b"] == one.Keys["a.b"] || changed.Keys["a.c"] != one.Keys["a.c"] {
		t.Error("the digests do not name the setting that differs")
	}
	if none := read("", "[a]\nb = 1\n"); none.Digest != "" || none.Keys != nil {
		t.Errorf("there is a digest without a key: %+v", none)
	}
}

func TestWhereConfigurationIsLookedFor(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/x": "1", "/etc/default/bank": "A=1\n", "/etc/default/bank.d/1": "B=1\n", "/opt/bank/app.conf": "a 1\n", "/etc/nginx/mime": "x", "/etc/resolv.conf": "nameserver 192.0.2.1\n",
		"/usr/share/x.conf": "y", "/opt/bank/packaged.conf": "z", "/opt/bank/edited.conf": "z", "/srv/conf.d/a": "1"})
	w.facts.Unit = &inventory.Unit{Name: "bank@1.service", EnvironmentFiles: []string{"/etc/default/bank (ignore_errors=no)", "/etc/default/bank", "-/etc/default/none", "/etc/default/must", "/etc/default/bank.d/*"}}
	w.facts.Files = []inventory.File{{Path: "/opt/bank/app.conf", Class: inventory.FileConfig}, {Path: "/etc/resolv.conf", Class: inventory.FileConfig}, {Path: "/usr/share/x.conf", Class: inventory.FileConfig},
		{Path: "/opt/bank/packaged.conf", Class: inventory.FileConfig, Package: "p 1"}, {Path: "/opt/bank/edited.conf", Class: inventory.FileConfig, Package: "p 1", Edited: true},
		{Path: "/etc/bank/x", Class: inventory.FileConfig}, {Path: "/srv/big.conf", Class: inventory.FileConfig, Size: 2 << 20}, {Path: "/etc/nginx/mime", Class: inventory.FileProgram}}
	w.link("/opt/bank/app.d", "x")
	w.link("/etc/bank/more", "/srv/conf.d")
	var got []string
	for _, tree := range w.finish("/etc/bank").Trees {
		got = append(got, fmt.Sprint(tree.Path, tree.Missing))
	}
	want := []string{"/etc/bankfalse", "/etc/default/bankfalse", "/etc/default/bank.d/1false", "/opt/bank/app.conffalse", "/opt/bank/edited.conffalse", "/srv/conf.dfalse"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/a": "1"})
	dir := filepath.Join(w.root, "/etc/bank")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // the name of a socket must be short
	l, err := net.Listen("unix", "sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	device := syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o600, 1<<8|3)
	os.WriteFile(filepath.Join(dir, "by\xffte\n"), []byte("x"), 0o600)
	w.finish("/etc/bank")
	if e := w.entry("pipe"); e.Unreadable != "is no file: a pipe" || e.Mode != "prw-------" {
		t.Errorf("%+v", e)
	}
	if e := w.entry("sock"); e.Unreadable != "is no file: a socket" || e.Mode[0] != 's' {
		t.Errorf("%+v", e)
	}
	if device == nil {
		if e := w.entry("null"); e.Unreadable != "is no file: a device" || e.Mode[0] != 'c' {
			t.Errorf("%+v", e)
		}
	}
	if e := w.entry(`by\xffte\x0a`); e.Digest == "" {
		t.Errorf("%+v", e)
	}
}

func TestAFileThatChangesIsReadAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int
		want  string
	}{{"once", 1, ""}, {"always", 9, "it changed while it was read"}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"/etc/bank/a.ini": "a = 1\n"})
			n, old := 0, time.Now().Add(-time.Hour)
			set := func(name string) {
				if err := os.Chtimes(name, old, old); err != nil { // its time tells nothing
					t.Error(err)
				}
			}
			set(filepath.Join(w.root, "/etc/bank/a.ini"))
			w.collector.again = func(name string) {
				if filepath.Base(name) == "a.ini" && n < tt.times {
					n++
					set(w.write("/etc/bank/a.ini", strings.Repeat("a = 1\n", n+1)))
				}
			}
			w.finish("/etc/bank")
			e := w.entry("a.ini")
			if e.Unreadable != tt.want || (e.Digest == "") != (tt.want != "") {
				t.Errorf("%+v", e)
			}
			if gap := strings.Contains(w.gaps(), "secrets /etc/bank/a.ini: "+errChanged.Error()); gap != (tt.want != "") {
				t.Errorf("gaps %s", w.gaps())
			}
		})
	}
}

func TestTheBoundsHold(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/two.ini": strings.Repeat("# "+strings.Repeat("padding ", 60)+"\nkey = value\n", 2<<20/494) + "password = " + canary + "\n"})
	many := filepath.Dir(w.write("/etc/bank/many/0000", ""))
	for i := 1; i < 5000; i++ {
		if err := os.Link(filepath.Join(many, "0000"), filepath.Join(many, fmt.Sprintf("%04d", i))); err != nil {
			t.Fatal(err)
		}
	}
	f := w.finish("/etc/bank")
	if n := len(f.Trees[0].Entries); n != 5003 || f.Trees[0].Truncated != 0 || w.gaps() != "" {
		t.Errorf("%d entries, %d left out, gaps %s", n, f.Trees[0].Truncated, w.gaps())
	}
	if len(f.Secrets) != 1 || f.Secrets[0].Key != "password" {
		t.Errorf("%+v at the end of a file of 2 MiB", f.Secrets)
	}

	w = newWorld(t, map[string]string{"/etc/bank/z": "last"})
	r := &reading{ctx: t.Context(), scope: w.scope, facts: w.facts, again: func(string) {}, bytes: mostBytes, entries: 10}
	for i := range 20 {
		w.write(fmt.Sprintf("/etc/bank/%02d", i), "x")
	}
	tree, _ := r.tree("/etc/bank")
	if len(tree.Entries) != 10 || tree.Truncated != 12 || !strings.Contains(w.gaps(), "secrets /etc/bank: has too many entries") {
		t.Errorf("%d entries, %d left out, gaps %s", len(tree.Entries), tree.Truncated, w.gaps())
	}

	r = &reading{ctx: t.Context(), scope: w.scope, facts: w.facts, again: func(string) {}, bytes: 3, entries: 100}
	if _, err := r.read(w.write("/etc/bank/more", "four")); !errors.Is(err, errMuch) {
		t.Errorf("%v: more was read than allowed", err)
	}
	if _, err := r.read(w.write("/etc/bank/few", "abc")); err != nil || r.bytes != 0 {
		t.Errorf("%v, %d bytes left", err, r.bytes)
	}
}

func TestNoTimeLeftIsAGap(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.scope.Request.Dirs = []string{"/etc/bank"}
	w.collector.Finish(ctx, w.scope, w.facts)
	if !strings.Contains(w.gaps(), "trees /etc/bank") {
		t.Errorf("gaps %s", w.gaps())
	}
}

// Reading leaves no trace, so that whoever looks at access times sees what the
// application itself has read.
func TestTheAccessTimeStays(t *testing.T) {
	w := newWorld(t, map[string]string{})
	name := w.write("/etc/bank/a.ini", "a = 1\n")
	old := time.Now().Add(-72 * time.Hour).Truncate(time.Second)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	w.finish("/etc/bank")
	var s syscall.Stat_t
	if err := syscall.Stat(name, &s); err != nil {
		t.Fatal(err)
	}
	if at := time.Unix(s.Atim.Unix()); !at.Equal(old) {
		t.Errorf("last read %s, want %s", at, old)
	}
}

// As nobody, with files that only root may read.
func TestNoPermissionIsAGap(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/open.ini": "a = 1\n", "/etc/bank/closed.ini": "password = " + canary + "\n", "/etc/bank/dir/x": "1"})
	os.Chmod(filepath.Join(w.root, "/etc/bank/closed.ini"), 0)
	os.Chmod(filepath.Join(w.root, "/etc/bank/dir"), 0)
	t.Cleanup(func() { os.Chmod(filepath.Join(w.root, "/etc/bank/dir"), 0o755) })
	for dir := w.root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(w.root, "self")
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Env = "/", []string{"CONFIG_TEST_ROOT=" + w.root}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, w.facts); err != nil {
		t.Fatal(err)
	}
	if e := w.entry("open.ini"); e.Digest == "" {
		t.Errorf("%+v", e)
	}
	for _, name := range []string{"closed.ini", "dir"} {
		if e := w.entry(name); e.Unreadable != "permission denied" {
			t.Errorf("%+v", e)
		}
		for _, s := range ofFiles {
			if !slices.ContainsFunc(w.facts.Gaps, func(g inventory.Gap) bool { return g.Subject == s && g.What == "/etc/bank/"+name }) {
				t.Errorf("%s: no gap in %s: %v", name, s, w.facts.Gaps)
			}
		}
	}
}
