package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// canary is the secret of these tests: nothing may ever show it.
const canary = "cAn4ry-7Zq1xVb9-nobody-may-see"

// packed is a layer of exactly these headers.
func packed(t testing.TB, entries ...tarEntry) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := e.header
		h.Size = cmp.Or(h.Size, int64(len(e.content)))
		h.Mode = cmp.Or(h.Mode, 0o644)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(out.Bytes(), types.OCIUncompressedLayer)
}

type tarEntry struct {
	header  tar.Header
	content string
}

func file(name, content string) tarEntry { return tarEntry{tar.Header{Name: name}, content} }
func dir(name string) tarEntry {
	return tarEntry{tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}
func link(name, to string) tarEntry {
	return tarEntry{tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}, ""}
}
func hard(name, to string) tarEntry {
	return tarEntry{tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeLink}, ""}
}

// imageOf is an image of layers, each of entries.
func imageOf(t testing.TB, config v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	f = f.DeepCopy()
	f.OS, f.Architecture, f.Config = "linux", runtime.GOARCH, config
	if img, err = mutate.ConfigFile(img, f); err != nil {
		t.Fatal(err)
	}
	return img
}

// baseEntries are a little base as Debian lays it out: /lib is a link.
func baseEntries(more ...tarEntry) []tarEntry {
	return append([]tarEntry{dir("usr"), dir("usr/lib"), dir("usr/bin"), link("lib", "usr/lib"), link("lib64", "usr/lib64"), dir("usr/lib64"),
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, ""}, dir("etc"), file("etc/passwd", "root:x:0:0::/:\nbank:x:998:997::/:\ntoor:x:0:0::/:\n"),
		file("usr/bin/python3", "#!"), dir("opt")}, more...)
}

// disk is a machine's disk in a directory: content by path; "->x" is a link, and
// "@x" a copy of this machine's file x.
func disk(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		put(t, root, name, files[name])
	}
	return root
}

func put(t testing.TB, root, name, content string) {
	t.Helper()
	at := filepath.Join(root, name)
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(content, "->"):
		err = os.Symlink(content[2:], at)
	case strings.HasPrefix(content, "@"):
		err = copyFile(at, content[1:])
	default:
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		err = os.WriteFile(at, []byte(content), mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyFile leaves the copying to the kernel, which is quicker than the race detector.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Close())
}

// realProgram is a program of this machine with the libraries that it needs, found
// as its loader finds them.
func realProgram(t testing.TB, program string) (libraries []string) {
	t.Helper()
	dirs := []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"}
	todo, seen := []string{program}, map[string]bool{}
	for len(todo) > 0 {
		f, err := elf.Open(todo[0])
		if err != nil {
			t.Fatal(err)
		}
		todo = todo[1:]
		names, err := f.ImportedLibraries()
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			for _, dir := range dirs {
				p := path.Join(dir, name)
				if real, err := filepath.EvalSymlinks(p); err == nil && !seen[name] {
					seen[name] = true
					libraries = append(libraries, p)
					todo = append(todo, real)
				}
			}
		}
	}
	if len(libraries) < 2 {
		t.Fatalf("%s needs only %v: it is no use for these tests", program, libraries)
	}
	return libraries
}

// application is a real program below /opt on a disk, with its facts.
func application(t testing.TB) (map[string]string, inventory.Facts) {
	t.Helper()
	const real = "/bin/ls"
	files := map[string]string{
		"opt/bank/bin/bank": "@" + real, "opt/bank/share/rates.csv": "gold,1\n", "opt/bank/share/help.txt": "help\n", "opt/bank/current": "->share",
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nbank:x:998:997::/:\n", "etc/bank/bank.conf": "password = " + canary + "\n",
		"var/log/bank/bank.log": "began\n", "var/lib/bank/ledger.db": "data\n",
		"usr/bin/python3": "#!python", "var/lib/dpkg/info/coreutils.list": "/.\n/usr\n/usr/bin\n/usr/bin/python3\n",
	}
	program := inventory.Program{Path: "/opt/bank/bin/bank"}
	for _, l := range realProgram(t, real) {
		files[l[1:]] = "@" + l
		program.Libraries = append(program.Libraries, inventory.Library{Path: l, Package: "libs 1.2-3", Mapped: true})
	}
	f, err := elf.Open(real)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			text, _ := io.ReadAll(s.Open())
			loader := strings.TrimRight(string(text), "\x00")
			files[loader[1:]] = "@" + loader
			program.Libraries = append(program.Libraries, inventory.Library{Path: loader, Package: "libc6 2.36-9", Mapped: true})
		}
	}
	return files, inventory.Facts{
		Looked:    []inventory.Subject{inventory.SubjectPrograms, inventory.SubjectFiles},
		Host:      inventory.Host{Arch: runtime.GOARCH},
		Unit:      &inventory.Unit{Name: "bank.service", KillSignal: "SIGINT", Settings: map[string]string{"WorkingDirectory": "/var/lib/bank"}},
		Processes: []inventory.Process{{Main: true, UID: 998, Executable: "/opt/bank/bin/bank", Command: []string{"/opt/bank/bin/bank", "-l", "/opt/bank"}}},
		Programs:  []inventory.Program{program},
		Files: []inventory.File{
			{Path: "/opt/bank/share/rates.csv", Class: inventory.FileProgram, By: []string{"fd"}},
			{Path: "/etc/bank/bank.conf", Class: inventory.FileConfig, By: []string{"fd"}},
			{Path: "/var/log/bank/bank.log", Class: inventory.FileLog, By: []string{"fd"}},
			{Path: "/var/lib/bank/ledger.db", Class: inventory.FileData, By: []string{"fd"}, Written: true},
		},
		Trees:     []inventory.Tree{{Path: "/etc/bank"}},
		Listeners: []inventory.Listener{{Protocol: "tcp6", Port: 8080}, {Protocol: "tcp", Port: 9000, Loopback: true}},
	}
}

// libraryEntries are the libraries of the application as a base has them.
func libraryEntries(t testing.TB, facts inventory.Facts) []tarEntry {
	t.Helper()
	var out []tarEntry
	for _, l := range facts.Programs[0].Libraries {
		data, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file("usr/"+strings.TrimPrefix(l.Path[1:], "usr/"), string(data)))
	}
	return out
}

// bigLibraries are a base that has libc and what else is big of what the application
// needs: the loader and little libraries are taken. What is packed is small then:
// under the race detector compression is slow.
func bigLibraries(t testing.TB, facts inventory.Facts) []tarEntry {
	t.Helper()
	big := slices.DeleteFunc(libraryEntries(t, facts), func(e tarEntry) bool { return len(e.content) < 300<<10 })
	if n := len(facts.Programs[0].Libraries); len(big) == 0 || len(big) > n-2 {
		t.Fatalf("%d of %d libraries are big: they are no use for these tests", len(big), n)
	}
	return baseEntries(big...)
}

// wholeOnScratch is the application with all that it needs on an empty base, packed
// once for all tests: they look at it and change nothing.
func wholeOnScratch(t *testing.T) *Built {
	t.Helper()
	onScratch.Do(func() {
		files, facts := application(t)
		o := shelf{}.order(facts, scratch)
		// What was built outlives the first test that asks for it.
		onScratch.built, onScratch.err = New().Build(context.WithoutCancel(t.Context()), o, Root{disk(t, files)}.Read)
	})
	passes(t, onScratch.built, onScratch.err)
	return onScratch.built
}

var onScratch struct {
	sync.Once
	built *Built
	err   error
}

// order is what the tests build unless they say otherwise.
func (s shelf) order(facts inventory.Facts, base string) Order {
	return Order{Name: "bank", Facts: facts, Policy: migration.Policy{ApprovedBases: []string{s.host + "/base/", scratch}}, Base: base, At: time.Unix(0, 0).UTC()}
}

// base pushes a base of those entries and gives its reference.
func (s shelf) base(entries ...tarEntry) string {
	s.t.Helper()
	return s.push("base/debian:12", imageOf(s.t, v1.Config{Env: []string{"PATH=/usr/bin", "HOME=/"}, Cmd: []string{"sh"}, Labels: map[string]string{"of": "base"}}, packed(s.t, entries...)))
}

// passes says whether nothing speaks against a build, and else what does.
func passes(t *testing.T, b *Built, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.Findings {
		if f.Verdict != migration.Pass {
			t.Errorf("%s %s: %s: %+v", f.Verdict, f.Code, f.Text, f.Evidence)
		}
	}
	if b.Digest == "" {
		t.Fatal("there is no image")
	}
}

// verdictOf is that of one code.
func verdictOf(all []Finding, code Code) Finding {
	for _, f := range all {
		if f.Code == code && f.Verdict != migration.Pass {
			return f
		}
	}
	for _, f := range all {
		if f.Code == code {
			return f
		}
	}
	return Finding{}
}

func v1Config(user string) v1.Config { return v1.Config{User: user} }
