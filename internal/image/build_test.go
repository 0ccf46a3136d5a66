package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

func TestTheSameFilesGiveTheSameImage(t *testing.T) {
	s := newShelf(t)
	files, facts := application(t)
	base := s.base(baseEntries(libraryEntries(t, facts)...)...) // what is packed is small, and quickly packed
	build := func(root string) *Built {
		t.Helper()
		o := s.order(facts, base)
		o.With = []string{"/opt/bank"}
		b, err := New().Build(t.Context(), o, Root{root}.Read)
		passes(t, b, err)
		return b
	}
	first := disk(t, files)
	// The other machine: another umask, other times, another order of names.
	was := syscall.Umask(0o077)
	second := t.TempDir()
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range files {
			if !yield(n) {
				return
			}
		}
	})
	slices.Reverse(names)
	for _, n := range names {
		put(t, second, n, files[n])
		at := filepath.Join(second, n)
		if info, err := os.Lstat(at); err == nil && info.Mode().IsRegular() {
			if err := errors.Join(os.Chmod(at, info.Mode()&0o700), os.Chtimes(at, time.Unix(1e9, 7), time.Unix(1e9, 7))); err != nil {
				t.Error(err)
			}
		}
	}
	syscall.Umask(was)
	a, again, b := build(first), build(first), build(second)
	if a.Digest != again.Digest {
		t.Errorf("the same machine gave %s and %s", a.Digest, again.Digest)
	}
	if a.Digest != b.Digest || a.Dockerfile != b.Dockerfile || !bytes.Equal(a.SBOM, b.SBOM) {
		t.Errorf("the same files on another machine gave %s and %s", a.Digest, b.Digest)
	}
	put(t, second, "opt/bank/share/more.txt", "more\n")
	if c := build(second); c.Digest == a.Digest {
		t.Error("another file gave the same image")
	}
	later := s.order(facts, base)
	later.At = time.Unix(1_700_000_000, 0)
	if c, err := New().Build(t.Context(), later, Root{first}.Read); err != nil || c.Digest == a.Digest {
		t.Errorf("another time of the sources gave the same image: %v", err)
	}
}

// What the machine keeps never gets into an image, asked for or not.
func TestWhatStaysOut(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	files["opt/bank/settings/gold.conf"], files["opt/bank/logs/old.log"], files["opt/bank/.ssh/id_ed25519"], files["opt/bank/conf"] = "a=b\n", "began\n", canary, "->/etc/bank"
	facts.Trees = append(facts.Trees, inventory.Tree{Path: "/opt/bank/settings"})
	facts.Groups = []inventory.FileGroup{{Directory: "/opt/bank/logs", Class: inventory.FileLog, Count: 900}}
	o := s.order(facts, s.base(bigLibraries(t, facts)...))
	o.With = []string{"/opt/bank"}
	b, err := New().Build(t.Context(), o, Root{disk(t, files)}.Read)
	passes(t, b, err)
	var paths []string
	for _, f := range b.Files {
		paths = append(paths, f.Path)
	}
	for _, want := range []string{"opt/bank/bin/bank", "opt/bank/share/help.txt", "opt/bank/current", "opt/bank/conf", "var/lib/bank"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not in it: %v", want, paths)
		}
	}
	for _, p := range paths {
		if strings.HasPrefix(p, "etc") || strings.Contains(p, "log") || strings.Contains(p, "settings") || strings.Contains(p, ".ssh") || strings.Contains(p, "ledger") || strings.HasPrefix(p, "lib/") {
			t.Errorf("%s is in it", p)
		}
	}
	for _, dir := range []string{"/etc/bank", "/var/log", "/opt/bank/logs", "/proc/self"} {
		o.With = []string{dir}
		b, err := New().Build(t.Context(), o, Root{disk(t, files)}.Read)
		if err != nil || verdictOf(b.Findings, CodeFiles).Verdict != migration.Fail || b.Digest != "" {
			t.Errorf("--with %s: %+v, %v", dir, b, err)
		}
	}
}

func TestWhatBlocksABuild(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, known := application(t)
	base := s.base(baseEntries(libraryEntries(t, known)...)...) // what is read and looked at is small
	bare := s.push("base/bare:12", imageOf(t, v1Config(""), packed(t, baseEntries()...)))
	foreign := s.push("foreign/debian:12", imageOf(t, v1Config("0"), packed(t, baseEntries()...)))
	for what, c := range map[string]struct {
		change func(files map[string]string, f *inventory.Facts, o *Order)
		code   Code
		want   string
	}{
		"a secret in a file": {func(m map[string]string, _ *inventory.Facts, _ *Order) {
			m["opt/bank/share/rates.csv"] = "db_password = " + canary + "\n"
		}, CodeSecret, "rates.csv"},
		"a private key": {func(m map[string]string, _ *inventory.Facts, _ *Order) {
			m["opt/bank/share/rates.csv"] = "-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----\n"
		}, CodeSecret, "private key"},
		"a base that is not approved": {func(_ map[string]string, _ *inventory.Facts, o *Order) { o.Base = foreign }, CodeBase, "does not approve"},
		"no approved base":            {func(_ map[string]string, _ *inventory.Facts, o *Order) { o.Policy.ApprovedBases = nil }, CodeBase, "approves no base"},
		"root":                        {func(_ map[string]string, f *inventory.Facts, _ *Order) { f.Processes[0].UID = 0 }, CodeUser, "root"},
		"--user root":                 {func(_ map[string]string, _ *inventory.Facts, o *Order) { o.User = "0" }, CodeUser, "--user"},
		"nobody knows the user": {func(_ map[string]string, f *inventory.Facts, o *Order) {
			f.Processes, o.Entrypoint = nil, []string{"/a"}
		}, CodeUser, "main one"},
		"a gap in the facts": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Gaps = []inventory.Gap{{Subject: inventory.SubjectFiles, Why: "permission denied"}}
		}, CodeFiles, "permission denied"},
		"a file that is gone": {func(m map[string]string, _ *inventory.Facts, _ *Order) { delete(m, "opt/bank/share/rates.csv") }, CodeFiles, "not there any more"},
		"a program of the system": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Programs = append(f.Programs, inventory.Program{Path: "/usr/bin/ruby", Package: "ruby 3.1"})
		}, CodeFiles, "package ruby 3.1"},
		"a missing library": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Programs[0].Libraries = append(f.Programs[0].Libraries, inventory.Library{Path: "libgold.so.1", Missing: true})
		}, CodeLibrary, "libgold.so.1"},
		"a library nobody knows of": {func(_ map[string]string, f *inventory.Facts, o *Order) {
			f.Programs[0].Libraries, o.Base = nil, bare
		}, CodeLibrary, "neither the base nor"},
		"a secret in the command": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Processes[0].Command[2] = "--password=[redacted: argument]"
		}, CodeSecret, "was taken out"},
		"no command": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Processes[0].Command, f.Processes[0].Executable = nil, ""
		}, CodeFiles, "what starts it"},
		"a command on two lines": {func(_ map[string]string, _ *inventory.Facts, o *Order) { o.Entrypoint = []string{"/a", "b\nUSER root"} }, CodeFiles, "no Dockerfile"},
		"an option that is not a path": {func(_ map[string]string, f *inventory.Facts, _ *Order) {
			f.Processes[0].Command = []string{"bank"}
			f.Processes[0].Executable = "/x/y"
		}, CodeFiles, ""},
	} {
		files, facts := application(t)
		o := s.order(facts, base)
		c.change(files, &o.Facts, &o)
		b, err := New().Build(t.Context(), o, Root{disk(t, files)}.Read)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		f := verdictOf(b.Findings, c.code)
		all, _ := json.Marshal(b)
		if f.Verdict != migration.Fail || f.Remedy == "" || b.Digest != "" || b.image != nil || !strings.Contains(string(all), c.want) {
			t.Errorf("%s: %+v", what, b.Findings)
		}
		if strings.Contains(string(all), canary) {
			t.Errorf("%s: the secret is printed", what)
		}
		if _, err := New().Push(t.Context(), s.host+"/x/y:1", b); !errors.Is(err, errNothing) {
			t.Errorf("%s: push: %v", what, err)
		}
		if _, err := b.Save(t.TempDir()); !errors.Is(err, errNothing) {
			t.Errorf("%s: save: %v", what, err)
		}
	}
}

// A library of the base that is older than the machine's is told before a pod dies
// of it: here another library has its name, with other versions.
func TestALibraryOfTheBaseMustFit(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	libraries := realProgram(t, "/bin/ls")
	other := ""
	for _, l := range libraries {
		data, err := os.ReadFile(l)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := elfOf(l, data); ok && !strings.Contains(l, "libc.so") && len(p.gives) > 0 {
			other = string(data)
		}
	}
	if other == "" {
		t.Fatalf("none of %v has versions", libraries)
	}
	b, err := New().Build(t.Context(), s.order(facts, s.base(baseEntries(file("usr/lib/x86_64-linux-gnu/libc.so.6", other))...)), Root{disk(t, files)}.Read)
	if err != nil {
		t.Fatal(err)
	}
	if f := verdictOf(b.Findings, CodeLibrary); f.Verdict != migration.Fail || !strings.Contains(f.Text, "GLIBC_2") {
		t.Errorf("%+v", f)
	}
	b, err = New().Build(t.Context(), s.order(facts, s.base(baseEntries(libraryEntries(t, facts)...)...)), Root{disk(t, files)}.Read)
	passes(t, b, err)
	for _, f := range b.Files {
		if strings.Contains(f.Path, ".so") {
			t.Errorf("%s was taken, and the base has it", f.Path)
		}
	}
	names := map[string]bool{}
	for _, l := range facts.Programs[0].Libraries {
		names[filepath.Base(l.Path)] = true
	}
	if len(b.FromBase) != len(names) {
		t.Errorf("from the base: %v", b.FromBase)
	}
}

func TestPushByDigest(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	b, err := New().Build(t.Context(), s.order(facts, s.base(bigLibraries(t, facts)...)), Root{disk(t, files)}.Read)
	passes(t, b, err)
	ref, err := New().Push(t.Context(), s.host+"/bank:1", b)
	if err != nil || ref != s.host+"/bank@"+b.Digest {
		t.Fatalf("%s, %v", ref, err)
	}
	for _, at := range []string{ref, s.host + "/bank:1"} {
		r, err := name.ParseReference(at)
		if err != nil {
			t.Fatal(err)
		}
		d, err := remote.Head(r)
		if err != nil || d.Digest.String() != b.Digest {
			t.Errorf("%s: %+v, %v", at, d, err)
		}
	}
	sboms, err := New().SBOMs(t.Context(), ref)
	if err != nil || len(sboms) != 1 {
		t.Fatalf("%v, %v", sboms, err)
	}
	r, err := name.ParseReference(sboms[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(layers, err)
	}
	stream, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || !bytes.Equal(got, b.SBOM) {
		t.Errorf("the registry's SBOM differs: %v", err)
	}
	// What was pushed passes the check that it will be held to.
	c := New().Check(t.Context(), migration.Workload{Name: "bank", Image: ref}, migration.Policy{ApprovedBases: []string{s.host + "/base/"}}, 1<<30)
	if !OK(c.Findings) || len(c.Findings) != 6 {
		t.Errorf("%+v", c.Findings)
	}
}

func TestPushThatFailsSaysWhatHelps(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	b := wholeOnScratch(t)
	for ref, want := range map[string]string{"127.0.0.1:1/bank:1": "up? see", "UPPER CASE": "write it as"} {
		_, err := New().Push(t.Context(), ref, b)
		var e *RegistryError
		if !errors.As(err, &e) || !strings.Contains(e.Hint(), want) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	o := s.order(facts, s.host+"/base/gone:1")
	_, err := New().Build(t.Context(), o, Root{disk(t, files)}.Read)
	var e *RegistryError
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "no such image") {
		t.Errorf("%v", err)
	}
}

// A disk's links lead to places of that disk.
func TestRootStaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	root := disk(t, map[string]string{"opt/a/x": "inside\n", "abs": "->/opt/a", "up": "->../../../../../../opt/a", "out": "->" + filepath.Dir(outside), "loop": "->loop2", "loop2": "->loop"})
	for _, p := range []string{"/opt/a/x", "/abs/x", "/up/x"} {
		got, err := Root{root}.Read(t.Context(), []string{p})
		if err != nil || len(got.Entries) != 1 || string(got.Entries[0].Content) != "inside\n" || got.Entries[0].Path != p[1:] {
			t.Errorf("%s: %+v, %v", p, got, err)
		}
	}
	for _, p := range []string{"/out/outside", "/loop/x", "/gone"} {
		if got, err := (Root{root}).Read(t.Context(), []string{p}); err == nil {
			t.Errorf("%s: %+v", p, got)
		}
	}
	got, err := Root{root}.Read(t.Context(), []string{"/out", "/opt", "/opt/a/x"})
	if err != nil || len(got.Entries) != 4 || got.Entries[0].Kind != tree.Dir || got.Entries[3].Kind != tree.Link {
		t.Errorf("%+v, %v", got, err)
	}
}
