package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/tree/disk"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// held is what the files of the trees hold, and nothing else does.
const held = "c4nary-0f-the-tree"

// oddRoot is a directory whose name a shell would take apart, with a secret in it.
func oddRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "ba'nk \"$(id)\"\n\xff!")
	for name, text := range map[string]string{"bank.conf": "password=" + held + "\n", "conf.d/x y": strings.Repeat(held, 20_000), "empty": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("bank.conf", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func readTree(t *testing.T, s Settings, url, root string, o TreeOptions) (tree.Tree, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return New(s).ReadTree(ctx, reachOf(t, url), root, o)
}

var exactly = tree.CompareOptions{Links: true, Modes: true, Owners: true, EmptyDirs: true}

func TestATreeOverSSHIsTheTreeItself(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	root := oddRoot(t)
	want, err := disk.Read(t.Context(), root, disk.Options{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, sudo := range []bool{false, true} {
		s := settingsFor(t, server)
		s.Sudo = sudo
		got, err := readTree(t, s, server.URL(), root, TreeOptions{Content: true})
		if err != nil {
			t.Fatal(err)
		}
		if ds := tree.Compare(want, got, exactly); len(ds) > 0 || got.Root != root || got.Host != "127.0.0.1" {
			t.Errorf("%v\n%+v", ds, got)
		}
		for i, e := range got.Entries {
			if !bytes.Equal(e.Content, want.Entries[i].Content) || e.User != want.Entries[i].User {
				t.Errorf("%+v", e)
			}
		}
	}
	got, err := readTree(t, settingsFor(t, server), server.URL(), root, TreeOptions{})
	if ds := tree.Compare(want, got, exactly); err != nil || len(ds) > 0 {
		t.Errorf("%v, %v", ds, err)
	}
	for _, e := range got.Entries {
		if e.Content != nil {
			t.Errorf("%+v has a content", e)
		}
	}
	here, err := New(Settings{}).ReadTree(t.Context(), Reach{Local: true}, root, TreeOptions{})
	if ds := tree.Compare(want, here, exactly); err != nil || len(ds) > 0 {
		t.Errorf("here: %v, %v", ds, err)
	}
}

func TestATreeThatCannotBeReadIsAnErrorWithItsNames(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	root := oddRoot(t)
	for _, c := range []struct {
		root string
		o    TreeOptions
		want []string
	}{
		{root + "-none", TreeOptions{}, []string{"it is not there", "ls -ld"}},
		{filepath.Join(root, "bank.conf"), TreeOptions{}, []string{"it is no directory", "name the directory"}},
		{root, TreeOptions{MaxFile: 10}, []string{"bank.conf: it is too big", `"conf.d/x y": it is too big`, "raise the bound"}},
		{root, TreeOptions{MaxEntries: 3}, []string{"more than 3"}},
		{"bank", TreeOptions{}, []string{"bank is no directory of another machine", "write its whole path"}},
		{"/crash", TreeOptions{Content: true}, []string{"ended without an answer: exit code 7: panic: "}},
		{"/nothing", TreeOptions{Content: true}, []string{"ended without an answer: exit code 3"}},
		{"/garbage", TreeOptions{Content: true}, []string{"it is no whole tree"}},
	} {
		x, err := readTree(t, settingsFor(t, server), server.URL(), c.root, c.o)
		if err == nil || len(x.Entries) > 0 {
			t.Errorf("%q: %+v, %v", c.root, x, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(Why(err), w) {
				t.Errorf("%q: %s does not say %q", c.root, Why(err), w)
			}
		}
		if strings.Contains(Why(err), canary) || strings.Contains(Why(err), held) {
			t.Errorf("%q: %s", c.root, Why(err))
		}
	}
	s := settingsFor(t, server)
	s.KnownHosts = []string{os.DevNull}
	if _, err := readTree(t, s, server.URL(), root, TreeOptions{}); !errors.Is(err, ErrHostKey) {
		t.Errorf("a machine that nobody knows: %v", err)
	}
}

// ownHome is a directory of this test alone in which a program may run although none
// may in /tmp: the home, on the machine, of whoever logs in.
func ownHome(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err == nil {
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp(cache, "rehome-vm-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	return home
}

// watch looks, while a tree is read, for a secret in the arguments and the
// environment of every process and in every file below the directories.
func watch(dirs []string, found func(string)) (stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			lookForCanary(dirs, found)
			select {
			case <-done:
				lookForCanary(dirs, found)
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return func() { close(done); all.Wait() }
}

func lookForCanary(dirs []string, found func(string)) {
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte(held)) {
			found(p)
		}
	}
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(held)) {
					found(path)
				}
			}
			return nil
		})
	}
}

// Nothing of a content is in a file, an argument or a log while the tree is read
// and after it, and nothing of the agent stays.
func TestNoContentIsAnywhereElse(t *testing.T) {
	t.Parallel()
	home := ownHome(t)
	server := sshdtest.Start(t, sshdtest.WithNoexec("/tmp", "/var/tmp"), sshdtest.WithConfig("SetEnv HOME="+home))
	root := oddRoot(t)
	s := settingsFor(t, server)
	stop := watch([]string{home, server.Dir, s.getenv("HOME")}, func(where string) { t.Errorf("the canary is in %s", where) })
	x, err := readTree(t, s, server.URL(), root, TreeOptions{Content: true, Quiet: 200 * time.Millisecond})
	stop()
	if e, _ := x.At("bank.conf"); err != nil || !strings.Contains(string(e.Content), held) {
		t.Fatalf("%v, %v", e, err)
	}
	if left, _ := filepath.Glob(home + "/.rehome-*"); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
}

func TestACancelledReadingLeavesNothing(t *testing.T) {
	t.Parallel()
	home := ownHome(t)
	server := sshdtest.Start(t, sshdtest.WithNoexec("/tmp", "/var/tmp"), sshdtest.WithConfig("SetEnv HOME="+home))
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a person")
	ended := make(chan error, 1)
	go func() {
		_, err := New(settingsFor(t, server)).ReadTree(ctx, reachOf(t, server.URL()), "/hang", TreeOptions{Content: true})
		ended <- err
	}()
	begun := func() bool { found, _ := filepath.Glob(home + "/.rehome-*/in"); return len(found) == 1 }
	for end := time.Now().Add(30 * time.Second); !begun(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the agent does not come")
		}
	}
	cancel(stopped)
	select {
	case err := <-ended:
		if !errors.Is(err, stopped) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the reading does not end")
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left, _ := filepath.Glob(home + "/.rehome-*")
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v was left", left)
		}
	}
}

func FuzzHearTree(f *testing.F) {
	f.Add("motd\nnoise " + tree.Magic + "H\x00\x00\x00\x02{}Z")
	f.Add(tree.Magic + "F\x00\x00\x00\x0d" + `{"err":"none"}`)
	f.Fuzz(func(t *testing.T, said string) {
		x, err := hearTree(bufio.NewReader(strings.NewReader(said)), tree.Bounds{Bytes: 1 << 10, Entries: 10})
		if err != nil && len(x.Entries) > 0 {
			t.Errorf("%q: %+v, %v", said, x, err)
		}
	})
}
