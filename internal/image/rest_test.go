package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askHere has this machine's shell read a script, as somebody of its own.
func askHere(change func(*exec.Cmd)) Ask {
	return func(ctx context.Context, script string) (string, error) {
		c := exec.CommandContext(ctx, "/bin/sh")
		c.Dir, c.Stdin = "/", strings.NewReader(script)
		change(c)
		out, err := c.CombinedOutput()
		return string(out), err
	}
}

func asMe(*exec.Cmd) {}

// restThere measures a disk in a directory as a machine would that has it as its root.
func restThere(t *testing.T, root string, change func(*exec.Cmd)) (Rest, error) {
	t.Helper()
	said, err := askHere(change)(t.Context(), restAt(root))
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return heardRest(said)
}

// Both ways to measure a disk count the same.
func TestRestCountsWhatIsNotTheSystems(t *testing.T) {
	for what, c := range map[string]struct {
		files map[string]string
		want  Rest
	}{
		"the application's alone": {map[string]string{"opt/x": "123", "srv/a/y": "12"}, Rest{Bytes: 5, Files: 2}},
		"what a package lists":    {map[string]string{"usr/bin/a": "12345", "opt/b": "1"}, Rest{Bytes: 1, Files: 1}},
		"listed without /usr":     {map[string]string{"usr/lib/b": "1234567", "lib/b": "1234567"}, Rest{}},
		"listed with /usr alone":  {map[string]string{"bin/a": "12345"}, Rest{Bytes: 5, Files: 1}},
		"what nobody copies": {map[string]string{"proc/z": "1", "tmp/z": "1", "var/cache/z": "1", "var/tmp/z": "1", "boot/z": "1", "srv/tmp/z": "1234"},
			Rest{Bytes: 4, Files: 1}},
		"links and odd names": {map[string]string{"opt/l": "->x", "opt/a\n7 /usr/x": "12", "opt/c d": "1", "opt/end 9": "1", "opt/\\n*": "1", "opt/dir\nend 0/x": "1"},
			Rest{Bytes: 6, Files: 5}},
		"listed with a space": {map[string]string{"opt/c  d ": "1"}, Rest{}},
		"nothing":             {nil, Rest{}},
	} {
		root := disk(t, c.files)
		put(t, root, "var/lib/dpkg/info/a.list", "/.\n/usr\n/usr/bin/a\n/lib/b\n")
		put(t, root, "var/lib/dpkg/info/c.list", "/opt/c  d \n")
		if got, err := (Root{root}).Rest(t.Context()); err != nil || got != c.want {
			t.Errorf("%s: %+v here, %v, want %+v", what, got, err, c.want)
		}
		if got, err := restThere(t, root, asMe); err != nil || got != c.want {
			t.Errorf("%s: %+v by the script, %v, want %+v", what, got, err, c.want)
		}
	}
}

// What tells the system's files is not there: a machine of rpm's, or none.
func TestRestWithoutPackagesIsUnknown(t *testing.T) {
	root := disk(t, map[string]string{"var/lib/rpm/rpmdb.sqlite": "x", "opt/x": "123"})
	if got, err := (Root{root}).Rest(t.Context()); !errors.Is(err, errNoPackages) {
		t.Errorf("here: %+v, %v", got, err)
	}
	if got, err := restThere(t, root, asMe); !errors.Is(err, errNoPackages) {
		t.Errorf("by the script: %+v, %v", got, err)
	}
}

// A time that is over makes a number a lower bound, and a person who gives up none.
func TestRestIsBounded(t *testing.T) {
	root := disk(t, map[string]string{"opt/x": "123", "var/lib/dpkg/info/a.list": "/.\n"})
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if got, err := (Root{root}).Rest(late); err != nil || !got.Least {
		t.Errorf("too late: %+v, %v", got, err)
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := (Root{root}).Rest(given); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %+v, %v", got, err)
	}
	if !strings.Contains(restAt(""), fmt.Sprintf("timeout %d ", seconds)) {
		t.Error("the script does not bound itself")
	}
}

func TestHeardRest(t *testing.T) {
	for said, want := range map[string]Rest{
		"12 3 0\n":                     {Bytes: 12, Files: 3},
		"Welcome to the bank\n12 3 0":  {Bytes: 12, Files: 3},
		"12 3 1\n":                     {Bytes: 12, Files: 3, Least: true},
		"12 3 124\n":                   {Bytes: 12, Files: 3, Least: true},
		"9007199254740993 5000000 0\n": {Bytes: 9007199254740993, Files: 5000000},
	} {
		if got, err := heardRest(said); err != nil || got != want {
			t.Errorf("%q: %+v, %v", said, got, err)
		}
	}
	for said, want := range map[string]string{
		"": "did not say", "none\n": "no packages of dpkg", "12 3 \n": "did not say", "-1 3 0\n": "did not say", "12 3 127\n": "exit code 127", "12 3 x": "did not say",
	} {
		if got, err := heardRest(said); err == nil || !strings.Contains(err.Error(), want) || got != (Rest{}) {
			t.Errorf("%q: %+v, %v", said, got, err)
		}
	}
}

func TestMounts(t *testing.T) {
	got := mounts("36 35 98:0 /mnt1 / rw,noatime master:1 - ext3 /dev/root rw\n" +
		`37 36 0:40 / /srv/gold\040mine rw - nfs4 bank:/gold rw` + "\n" +
		"38 36 0:41 / /run rw shared:7 unbindable - tmpfs tmpfs rw\nbroken - \n- x\n\n")
	if len(got) != 3 || got["/"] != "ext3" || got["/srv/gold mine"] != "nfs4" || got["/run"] != "tmpfs" {
		t.Errorf("%v", got)
	}
}

func TestForeignFileSystems(t *testing.T) {
	mounted := map[string]string{"/": "overlay", "/srv": "ext4", "/srv/a": "nfs4", "/srv/docker/1": "overlay", "/mnt/disk/home": "xfs", "/mnt/disk/run": "tmpfs"}
	for _, c := range []struct {
		dir, at string
		foreign bool
	}{
		{"/", ".", false}, {"/", "srv", false}, {"/", "srv/a", true}, {"/", "srv/docker/1", false}, {"/", "srv/b", false},
		{"/srv", "docker/1", true}, {"/srv", ".", false}, {"/mnt/disk", "home", false}, {"/mnt/disk", "run", true}, {"/mnt/disk", "srv/a", false},
	} {
		if got := foreignIn(mounted, c.dir)(c.at); got != c.foreign {
			t.Errorf("%s below %s: %t", c.at, c.dir, got)
		}
	}
	if foreignIn(nil, "/")("srv") {
		t.Error("where nothing tells what is mounted, something is foreign")
	}
}

// The whole script asks of the real root, and of nothing that is not there.
func TestRestOfSaysWhatFails(t *testing.T) {
	_, err := RestOf(t.Context(), func(_ context.Context, script string) (string, error) {
		if strings.Contains(script, "ROOT") || !strings.Contains(script, "find / -ignore_readdir_race") || !strings.Contains(script, "-path /var/lib/dpkg ") {
			t.Errorf("the script is\n%s", script)
		}
		return "", errors.New("no way there")
	})
	if err == nil || !strings.Contains(err.Error(), "no way there") {
		t.Error(err)
	}
	// A machine whose find is not GNU's.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "find"), []byte("#!/bin/sh\necho 'find: unrecognized: -printf' >&2; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := disk(t, map[string]string{"var/lib/dpkg/info/a.list": "/.\n"})
	said, err := askHere(func(c *exec.Cmd) { c.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"} })(t.Context(), restAt(root))
	if err == nil || !strings.Contains(said, "unrecognized") {
		t.Errorf("%q, %v", said, err)
	}
}
