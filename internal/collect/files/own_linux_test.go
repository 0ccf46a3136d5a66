package files

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// A service that keeps sessions holds none of their files open, and may have no
// other file where they are.
func TestSessionsInADirectoryThatOnlyTheSettingsName(t *testing.T) {
	dir := workplace(t)
	for _, name := range []string{"/etc", "/kept", "/foreign"} {
		if err := os.Mkdir(dir+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir+"/foreign", 65534, 65534); err != nil {
		t.Fatal(err)
	}
	settings := "session_dir = " + dir + "/kept\nother=\"" + dir + "/foreign\"\n"
	if err := os.WriteFile(dir+"/etc/bank.conf", []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	a := launch(t, func(c *exec.Cmd) { c.Dir = "/" })
	s := scopeOf(a)
	s.Request.Dirs = []string{dir + "/etc"}
	f := probe(t, s, func(int) {
		a.do("touch", dir+"/kept/sess_VIMES")
		if err := os.WriteFile(dir+"/foreign/sess_RUST", nil, 0o600); err != nil {
			t.Error(err)
		}
	})
	if got := file(t, f, dir+"/kept/sess_VIMES"); got.Class != inventory.FileSession || !got.Written {
		t.Errorf("the session is told as %+v", got)
	}
	if slices.ContainsFunc(f.Files, func(x inventory.File) bool { return x.Path == dir+"/foreign/sess_RUST" }) {
		t.Error("what is kept in another user's directory is told as the application's")
	}
}

// The directory that is called as the unit needs no mention.
func TestSessionsInTheDirectoryOfTheUnitsName(t *testing.T) {
	dir := workplace(t)
	if err := os.Mkdir(dir+"/sessions", 0o700); err != nil {
		t.Fatal(err)
	}
	a := launch(t, func(c *exec.Cmd) { c.Dir = "/" })
	s := scopeOf(a)
	s.Unit = &inventory.Unit{Name: "rehome-test.service"}
	f := probe(t, s, func(int) { a.do("touch", dir+"/sessions/sess_VIMES") })
	if got := file(t, f, dir+"/sessions/sess_VIMES"); got.Class != inventory.FileSession || !got.Written {
		t.Errorf("the session is told as %+v", got)
	}
}

// A user that another program runs as, too, may be the one whose sessions are in the
// directory of the user's name.
func TestTheDirectoryOfAUsersNameIsItsWhereNobodyElseHasTheUser(t *testing.T) {
	dir := workplace(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := copyOfSelf(t, dir)
	as := func(uid uint32) func(c *exec.Cmd) {
		return func(c *exec.Cmd) {
			c.Path, c.Dir, c.SysProcAttr = program, "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		}
	}
	s := scopeOf(launch(t, as(64001)))
	s.Unit = &inventory.Unit{Name: "teller.service", User: "rehome-test"}
	if !called(s)["rehome-test"] || !called(s)["teller"] {
		t.Errorf("alone it is called %v", called(s))
	}
	launch(t, as(64001))
	if called(s)["rehome-test"] || !called(s)["teller"] {
		t.Errorf("with another of the same user it is called %v", called(s))
	}
}

// The logs of a web server belong to its user, which other programs have too: that
// one of those has a log beside the web server's directory makes nothing in it its.
func TestADirectoryBesideALogOfTheMachineIsNotIts(t *testing.T) {
	const others, mine = "/var/log/rehome-test-others", "/var/log/rehome-test-mine.log"
	if err := errors.Join(os.MkdirAll(others, 0o755), os.WriteFile(mine, nil, 0o600), os.Chown(mine, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(others); os.Remove(mine) })
	dir := workplace(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := copyOfSelf(t, dir)
	a := launch(t, func(c *exec.Cmd) {
		c.Path, c.Dir = program, "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	a.do("append", mine)
	f := probe(t, scopeOf(a), func(int) {
		if err := errors.Join(os.WriteFile(others+"/access.log", nil, 0o600), os.Chown(others+"/access.log", 65534, 65534)); err != nil {
			t.Error(err)
		}
	})
	file(t, f, mine)
	if slices.ContainsFunc(f.Files, func(x inventory.File) bool { return x.Path == others+"/access.log" }) {
		t.Error("another program's log is told as its")
	}
}

func TestPathsIn(t *testing.T) {
	text := `session_dir = /var/lib/bank/sessions
store="/srv/bank/data", '/usr/share/doc' url=http://golemtrust.am/var/x/y
log=/var/log/bank/ root=/var/lib pid:/run/bank/pid <dir>/opt/bank/state</dir> /etc/bank/x
`
	want := []string{"/var/lib/bank/sessions", "/srv/bank/data", "/var/log/bank", "/opt/bank/state"}
	if got := pathsIn([]byte(text)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func FuzzPathsIn(f *testing.F) {
	f.Add([]byte("dir=/var/lib/x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, path := range pathsIn(text) {
			if path == "" || path[0] != '/' || below(path, "/etc") {
				t.Errorf("%q", path)
			}
		}
	})
}

// In /etc/default every service has a file: that one of them is the application's
// makes the others not its.
func TestTheFilesBesideAnEnvironmentFileAreOfOtherServices(t *testing.T) {
	const mine, others = "/etc/default/rehome-test-mine", "/etc/default/rehome-test-others"
	t.Cleanup(func() { os.Remove(mine); os.Remove(others) })
	if err := errors.Join(os.WriteFile(mine, nil, 0o600), os.WriteFile(others, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := scopeOf(launch(t, func(c *exec.Cmd) { c.Dir = "/" }))
	s.Unit = &inventory.Unit{Name: "rehome-test.service", EnvironmentFiles: []string{mine}}
	f := probe(t, s, nil)
	file(t, f, mine)
	if slices.ContainsFunc(f.Files, func(x inventory.File) bool { return x.Path == others }) {
		t.Error("another service's environment file is told as its")
	}
}
