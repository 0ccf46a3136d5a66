package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/tree"
)

const canary = "c4nary-0f-the-tree"

func write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func paths(x tree.Tree) []string {
	var out []string
	for _, e := range x.Entries {
		out = append(out, string(e.Kind)+" "+e.Path)
	}
	return out
}

// everything is a tree with one of each kind of entry.
func everything(t testing.TB) string {
	root := t.TempDir()
	write(t, root, "app.conf", "password="+canary+"\n")
	write(t, root, "empty", "")
	write(t, root, ".hidden/x", "1")
	write(t, root, "a name\nof two lines", "2")
	write(t, root, "not utf-8 \xff\xfe", "3")
	write(t, root, "bin", "\x00\x01\xff")
	must(t, os.Mkdir(filepath.Join(root, "void"), 0o700))
	must(t, os.Symlink("app.conf", filepath.Join(root, "link")))
	must(t, os.Symlink("../loop/again", filepath.Join(root, "dangling")))
	must(t, os.Symlink(".", filepath.Join(root, "self")))
	must(t, os.Symlink("round", filepath.Join(root, "round")))
	must(t, syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600))
	must(t, syscall.Chmod(filepath.Join(root, "app.conf"), 0o4751))
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	defer unix.Close(l)
	dir, err := unix.Open(root, unix.O_PATH, 0)
	must(t, err)
	defer unix.Close(dir)
	must(t, unix.Bind(l, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/sock", dir)}))
	return root
}

func TestEveryEntryIsRead(t *testing.T) {
	t.Parallel()
	root := everything(t)
	must(t, os.Lchown(filepath.Join(root, "bin"), os.Getuid(), os.Getgid()))
	x, err := Read(t.Context(), root, Options{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"dir .", "dir .hidden", "file .hidden/x", "file a name\nof two lines", "file app.conf", "file bin", "link dangling", "file empty",
		"fifo fifo", "link link", "file not utf-8 \xff\xfe", "link round", "link self", "socket sock", "dir void"}
	if got := paths(x); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	e, ok := x.At("app.conf")
	sum := sha256.Sum256([]byte("password=" + canary + "\n"))
	if !ok || e.Mode != 0o4751 || e.SHA256 != hex.EncodeToString(sum[:]) || string(e.Content) != "password="+canary+"\n" || e.Size != int64(len(e.Content)) || e.UID != int64(os.Getuid()) {
		t.Errorf("%+v", e)
	}
	if e, _ := x.At("link"); e.Target != "app.conf" || e.Size != 0 || e.Content != nil {
		t.Errorf("%+v", e)
	}
	if e, _ := x.At("void"); e.Mode != 0o700 {
		t.Errorf("%+v", e)
	}
	if e, _ := x.At("empty"); e.Content == nil || e.SHA256 == "" {
		t.Errorf("an empty file has a content that is empty: %#v", e)
	}
	if x.Root != root || x.Taken.IsZero() || x.Taken.Location() != time.UTC {
		t.Errorf("%s at %s", x.Root, x.Taken)
	}
	hashed, err := Read(t.Context(), root, Options{})
	if err != nil || len(tree.Compare(x, hashed, tree.CompareOptions{Links: true, Modes: true, Owners: true, EmptyDirs: true})) > 0 {
		t.Errorf("%v, %v", err, tree.Compare(x, hashed, tree.CompareOptions{Links: true}))
	}
	if e, _ := hashed.At("app.conf"); e.Content != nil || e.SHA256 == "" {
		t.Errorf("%+v", e)
	}
}

// A device is named and not opened: opening this one would wait for ever, or end it.
func TestADeviceIsNotOpened(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("only root makes devices; the fifo of TestEveryEntryIsRead stands for them")
		return
	}
	root := t.TempDir()
	if err := unix.Mknod(filepath.Join(root, "dev"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Logf("this container makes none: %v", err)
		return
	}
	x, err := Read(t.Context(), root, Options{Content: true})
	if e, _ := x.At("dev"); err != nil || e.Kind != tree.Device {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestARootThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "file", "1")
	must(t, os.Symlink("round", filepath.Join(dir, "round")))
	must(t, os.Symlink("file", filepath.Join(dir, "tofile")))
	for name, want := range map[string]error{"none": ErrNotThere, "file": ErrNoDir, "tofile": ErrNoDir, "round": ErrUnreadable, "file/x": ErrNoDir} {
		_, err := Read(t.Context(), filepath.Join(dir, name), Options{})
		e, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, want) || e.Hint() == "" || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s: %v (%v)", name, err, e)
		}
	}
	must(t, os.Symlink(dir, filepath.Join(dir, "here")))
	if x, err := Read(t.Context(), filepath.Join(dir, "here"), Options{}); err != nil || len(x.Entries) != 5 {
		t.Errorf("a root that is a link: %v, %v", x, err)
	}
}

// asNobody runs a reading as a user who may not see everything: root sees all.
func asNobody(t *testing.T, root string, o Options) (tree.Tree, error) {
	t.Helper()
	if os.Getuid() != 0 {
		return Read(t.Context(), root, o)
	}
	var x tree.Tree
	var err error
	var done sync.WaitGroup
	done.Go(func() {
		// The thread is not given back: it has other rights than the rest.
		lockThread()
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); e != 0 {
			err = e
			return
		}
		dropOverride()
		x, err = Read(t.Context(), root, o)
	})
	done.Wait()
	return x, err
}

// All bad paths are named at once, and nothing is given.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for d := root; strings.Count(d, "/") > 1; d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
	write(t, root, "good", "1")
	write(t, root, "secret.conf", canary)
	write(t, root, "private/key", canary)
	must(t, os.Chmod(filepath.Join(root, "secret.conf"), 0))
	must(t, os.Chmod(filepath.Join(root, "private"), 0))
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "private"), 0o755) })
	x, err := asNobody(t, root, Options{Content: true})
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, ErrUnreadable) || len(e.Faults) != 2 || e.Faults[0].Path != "private" || e.Faults[1].Path != "secret.conf" || e.Hint() == "" || len(x.Entries) > 0 {
		t.Fatalf("%v, %+v", err, x)
	}
	if strings.Contains(err.Error(), canary) || strings.Count(err.Error(), "permission denied") != 2 {
		t.Error(err)
	}
	x, err = asNobody(t, root, Options{Content: true, Partial: true})
	if err != nil || len(x.Entries) != 4 {
		t.Fatalf("%v, %+v", err, x)
	}
	if e, _ := x.At("secret.conf"); e.Err == "" || e.Kind != tree.File || e.Size != 0 {
		t.Errorf("%+v", e)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "small", "1")
	write(t, root, "d/large", strings.Repeat("x", 2000))
	write(t, root, "larger", strings.Repeat("x", 3000))
	for _, c := range []struct {
		o     Options
		want  error
		names []string
	}{
		{Options{MaxFile: 3000, MaxTotal: 5001, MaxEntries: 5}, nil, nil},
		{Options{MaxFile: 1999}, ErrTooBig, []string{"d/large: it is too big: 2000 bytes", "larger: it is too big: 3000 bytes"}},
		{Options{MaxTotal: 5000}, ErrTooBig, []string{".: it is too big: its files have 5001 bytes, 5000", "larger (3000), d/large (2000)"}},
		{Options{MaxEntries: 4}, ErrTooMany, []string{"more than 4"}},
	} {
		_, err := Read(t.Context(), root, c.o)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
		for _, n := range c.names {
			if !strings.Contains(err.Error(), n) {
				t.Errorf("%+v: %v does not say %q", c.o, err, n)
			}
		}
	}
	deep := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(deep, strings.Repeat("d/", maxDepth)), 0o755))
	if _, err := Read(t.Context(), deep, Options{}); !errors.Is(err, ErrTooDeep) {
		t.Error(err)
	}
	shallow := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(shallow, strings.Repeat("d/", maxDepth-1)), 0o755))
	if _, err := Read(t.Context(), shallow, Options{}); err != nil {
		t.Error(err)
	}
}

func TestFiveThousandFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for i := range 5000 {
		write(t, root, fmt.Sprintf("d%d/f%d", i%50, i), fmt.Sprint(i))
	}
	x, err := Read(t.Context(), root, Options{Content: true})
	if err != nil || len(x.Entries) != 5051 {
		t.Errorf("%d entries: %v", len(x.Entries), err)
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	root := everything(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a person")
	_, _, err := read(ctx, root, Options{Content: true}, hooks{halved: func(string) { cancel(stopped) }})
	if !errors.Is(err, stopped) {
		t.Error(err)
	}
}

// While it is read, each of these happens once: the reading that follows is whole,
// and no half of anything is ever given.
func TestAChangeIsNoticedAndReadAgain(t *testing.T) {
	t.Parallel()
	const before, after = "one\ntwo\nthree\n", "1\n2\n3\n4\n5\n6\n7\n8\n"
	rename := func(t *testing.T, root string) {
		write(t, root, "new", after)
		must(t, os.Rename(filepath.Join(root, "new"), filepath.Join(root, "b.conf")))
	}
	half := func(t *testing.T, root string) { // as an editor does that writes in place
		f, err := os.OpenFile(filepath.Join(root, "b.conf"), os.O_WRONLY|os.O_TRUNC, 0)
		must(t, err)
		io.WriteString(f, after[:5])
		time.AfterFunc(tick, func() { io.WriteString(f, after[5:]); f.Close() })
	}
	same := func(t *testing.T, root string) { // as many bytes
		must(t, os.WriteFile(filepath.Join(root, "b.conf"), []byte(strings.ToUpper(before)), 0o644))
	}
	for name, c := range map[string]struct {
		change func(*testing.T, string)
		want   string // of b.conf
		quiet  time.Duration
	}{
		"rotated":         {rename, after, 0},
		"written in half": {half, after, time.Second}, // whoever pauses is waited for
		"same size":       {same, strings.ToUpper(before), 0},
		"removed":         {func(t *testing.T, root string) { must(t, os.Remove(filepath.Join(root, "b.conf"))) }, "", 0},
		"a new file":      {func(t *testing.T, root string) { write(t, root, "a.conf", "0") }, before, 0},
		"a new mode":      {func(t *testing.T, root string) { must(t, os.Chmod(filepath.Join(root, "b.conf"), 0o600)) }, before, 0},
		"now a link": {func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "b.conf")))
			must(t, os.Symlink("z.conf", filepath.Join(root, "b.conf")))
		}, "", 0},
		"now a fifo": {func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "b.conf")))
			must(t, syscall.Mkfifo(filepath.Join(root, "b.conf"), 0o600))
		}, "", 0},
	} {
		for _, when := range []string{"opened", "halved", "read"} {
			t.Run(name+" when it is "+when, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				write(t, root, "b.conf", before)
				write(t, root, "z.conf", "z")
				var once sync.Once
				at := func(path string) {
					if path == "b.conf" {
						once.Do(func() { c.change(t, root) })
					}
				}
				h := map[string]hooks{"opened": {opened: at}, "halved": {halved: at}, "read": {read: func() { at("b.conf") }}}[when]
				x, tries, err := read(t.Context(), root, Options{Content: true, Quiet: c.quiet}, h)
				if err != nil || tries < 2 {
					t.Fatalf("%d tries: %v", tries, err)
				}
				if e, _ := x.At("b.conf"); string(e.Content) != c.want {
					t.Errorf("it holds %d bytes, want %d", len(e.Content), len(c.want))
				}
			})
		}
	}
}

// What is put in the place of an entry after it was looked at is not opened: not a
// fifo, and nothing that a link leads to.
func TestWhatIsPutThereInBetweenIsNotOpened(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(t *testing.T, path, outside string) (fifo string){
		"a fifo": func(t *testing.T, path, _ string) string {
			must(t, syscall.Mkfifo(path, 0o600))
			return path
		},
		"a link to a fifo": func(t *testing.T, path, outside string) string {
			must(t, syscall.Mkfifo(filepath.Join(outside, "fifo"), 0o600))
			must(t, os.Symlink(filepath.Join(outside, "fifo"), path))
			return filepath.Join(outside, "fifo")
		},
		"a link to a directory": func(t *testing.T, path, outside string) string {
			write(t, outside, "dir/stolen", canary)
			must(t, os.Symlink(filepath.Join(outside, "dir"), path))
			return ""
		},
	} {
		for _, at := range []string{"file", "dir"} {
			t.Run(name+" for a "+at, func(t *testing.T) {
				t.Parallel()
				root, outside := t.TempDir(), t.TempDir()
				write(t, root, "file", "1")
				write(t, root, "dir/x", "2")
				watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
				must(t, err)
				defer unix.Close(watch)
				var once sync.Once
				swap := func(p string) {
					if p != at {
						return
					}
					once.Do(func() {
						must(t, os.RemoveAll(filepath.Join(root, at)))
						if fifo := put(t, filepath.Join(root, at), outside); fifo != "" {
							_, err := unix.InotifyAddWatch(watch, fifo, unix.IN_OPEN)
							must(t, err)
						}
					})
				}
				x, tries, err := read(t.Context(), root, Options{Content: true}, hooks{looked: swap})
				if err != nil || tries < 2 {
					t.Errorf("%d tries: %v", tries, err)
				}
				if _, ok := x.At(at + "/stolen"); ok {
					t.Error("a link was followed")
				}
				if n, err := unix.Read(watch, make([]byte, 4096)); n > 0 {
					t.Errorf("it was opened: %v", err)
				}
			})
		}
	}
}

// What changes again and again is named, and nothing of it is given.
func TestWhatNeverRestsIsAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "app.log", canary)
	write(t, root, "z.conf", "z")
	grow := func(path string) {
		if path == "app.log" {
			f, err := os.OpenFile(filepath.Join(root, path), os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			io.WriteString(f, canary)
			f.Close()
		}
	}
	x, tries, err := read(t.Context(), root, Options{Content: true}, hooks{halved: grow})
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, ErrChanging) || tries != maxTries || e.Faults[0].Path != "app.log" || e.Hint() == "" || len(x.Entries) > 0 || strings.Contains(err.Error(), canary) {
		t.Errorf("%d tries: %v", tries, err)
	}
	n := 0
	_, _, err = read(t.Context(), root, Options{}, hooks{read: func() { n++; write(t, root, fmt.Sprint("f", n), "") }})
	if !errors.Is(err, ErrChanging) || !strings.Contains(err.Error(), "something in it was made") {
		t.Error(err)
	}
}

// A writer who pauses in the middle is waited for where the caller asks for quiet.
func TestQuiet(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "a.conf", "half")
	var once sync.Once
	goOn := hooks{read: func() {
		once.Do(func() { time.AfterFunc(100*time.Millisecond, func() { write(t, root, "a.conf", "half and half") }) })
	}}
	x, _, err := read(t.Context(), root, Options{Content: true, Quiet: time.Second}, goOn)
	if e, _ := x.At("a.conf"); err != nil || string(e.Content) != "half and half" {
		t.Errorf("%v, %v", e, err)
	}
}

func TestMountPointsAreNoted(t *testing.T) {
	t.Parallel()
	got := mountPoints("36 35 98:0 / /etc/bank/a\\040b rw - ext4 /dev/sda rw\n37 35 98:0 /x /etc/bank/c\\134 rw - ext4 /dev/sda rw\nshort\n")
	if len(got) != 2 || !got["/etc/bank/a b"] || !got[`/etc/bank/c\`] {
		t.Errorf("%v", got)
	}
	real, points := "", map[string]bool(nil)
	dir, err := os.Open("/")
	must(t, err)
	defer dir.Close()
	if real, points = mountsBelow(int(dir.Fd())); real != "/" || !points["/proc"] {
		t.Errorf("%q, %v", real, points)
	}
	// A file system of its own below the root, as root can make it.
	if os.Getuid() != 0 {
		return
	}
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "m"), 0o755))
	write(t, root, "f", "1")
	write(t, root, "o", "1")
	if err := unix.Mount(filepath.Join(root, "o"), filepath.Join(root, "f"), "", unix.MS_BIND, ""); err != nil {
		t.Logf("this container mounts nothing: %v", err)
		return
	}
	t.Cleanup(func() { unix.Unmount(filepath.Join(root, "f"), unix.MNT_DETACH) })
	x, err := Read(t.Context(), root, Options{})
	must(t, err)
	for _, e := range x.Entries {
		if e.Mount != (e.Path == "f") {
			t.Errorf("%+v", e)
		}
	}
}

func TestNamesOfOwners(t *testing.T) {
	t.Parallel()
	a := &accounts{}
	user, group := a.names(t.Context(), 0, 0)
	none, nogroup := a.names(t.Context(), 4_000_000_000, 4_000_000_000)
	if user != "root" || group != "root" || none != "" || nogroup != "" {
		t.Errorf("%q %q %q %q", user, group, none, nogroup)
	}
	if out, err := exec.Command("getent", "passwd", "0").Output(); err == nil && !strings.HasPrefix(string(out), "root:") {
		t.Errorf("getent gives %s", out)
	}
}
