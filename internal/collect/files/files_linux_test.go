package files

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/inventory"
)

// workplace is a directory that no rule takes for temporary.
func workplace(t testing.TB) string {
	t.Helper()
	if err := os.MkdirAll("/var/lib/rehome-test", 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/lib/rehome-test", "files")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir); os.Remove("/var/lib/rehome-test") })
	return dir
}

// inMemory is a workplace without a disk.
func inMemory(t testing.TB) string {
	t.Helper()
	dir := workplace(t)
	if err := unix.Mount("rehome-test", dir, "tmpfs", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestOpenFilesGetTheirClass(t *testing.T) {
	dir := workplace(t)
	settings := filepath.Join(dir, "bank.conf")
	os.WriteFile(settings, []byte("x=1\n"), 0o600)
	a := launch(t, func(c *exec.Cmd) { c.Args = append(c.Args, "--config="+settings, "--password=hunter2") })
	odd := filepath.Join(dir, "Überweisung \xff\xfe\n(deleted)")
	a.do("append", dir+"/bank.log")
	a.do("append", dir+"/audit")
	a.do("write", dir+"/accounts.sqlite")
	a.do("write", dir+"/ledger")
	a.do("write", odd)
	a.do("read", "/dev/urandom")
	a.do("write", dir+"/gone")
	os.Remove(dir + "/gone")
	a.do("write", dir+"/kept (deleted)")

	f := probe(t, scopeOf(a), func(sample int) {
		if sample == 1 {
			a.do("write", dir+"/late.pid")
			os.WriteFile(dir+"/bank.log", []byte("a line\n"), 0o600)
			os.WriteFile(settings, []byte("x=2\n"), 0o600) // by a person
		}
	})
	for path, class := range map[string]inventory.FileClass{
		dir + "/bank.log": inventory.FileLog, dir + "/audit": inventory.FileLog,
		dir + "/accounts.sqlite": inventory.FileData, dir + "/ledger": inventory.FileData, odd: inventory.FileData,
		"/dev/urandom": inventory.FileDevice, dir + "/gone": inventory.FileTemp, settings: inventory.FileConfig,
		dir + "/late.pid": inventory.FileTemp, dir + "/kept (deleted)": inventory.FileData,
	} {
		if got := file(t, f, path); got.Class != class {
			t.Errorf("%s is %s because it %s, want %s", got.Path, got.Class, got.Why, class)
		}
	}
	if got := file(t, f, dir+"/gone"); !got.Deleted || !got.Written || got.Seen != 3 || !got.AtStart {
		t.Errorf("the deleted file is told as %+v", got)
	}
	if got := file(t, f, dir+"/kept (deleted)"); got.Deleted || !slices.Contains(got.By, "fd") {
		t.Error("a file that is only called so is told to be deleted")
	}
	if got := file(t, f, dir+"/late.pid"); got.AtStart || got.Seen != 2 {
		t.Errorf("the late file is told as %+v", got)
	}
	if got := file(t, f, dir+"/bank.log"); got.Growth <= 0 || got.Size != 7 {
		t.Errorf("the log has grown by 7 bytes and is told as %+v", got)
	}
	if got := file(t, f, settings); !slices.Contains(got.By, "argument") || !got.AtStart || got.Written {
		t.Errorf("the settings are told as %+v", got)
	}
	if got := file(t, f, "/dev/urandom"); got.Written || !got.Read || got.FSType == "" {
		t.Errorf("the device is told as %+v", got)
	}
}

func TestFileThatIsDeletedMeanwhileIsOneFile(t *testing.T) {
	dir := workplace(t)
	a := launch(t, nil)
	a.do("write", dir+"/book")
	f := probe(t, scopeOf(a), func(sample int) {
		if sample == 1 {
			os.Remove(dir + "/book")
		}
	})
	n := 0
	for _, x := range f.Files {
		if x.Path == dir+"/book" {
			n++
		}
	}
	if got := file(t, f, dir+"/book"); n != 1 || !got.Deleted || got.Seen != 3 {
		t.Errorf("told %d times, as %+v", n, got)
	}
}

func TestFilesWrittenBetweenTheSamples(t *testing.T) {
	dir := workplace(t)
	os.Mkdir(dir+"/sessions", 0o700)
	os.WriteFile(dir+"/sessions/old", nil, 0o600)
	old := syscall.Timeval{Sec: 1000}
	syscall.Utimes(dir+"/sessions/old", []syscall.Timeval{old, old})
	a := launch(t, func(c *exec.Cmd) { c.Dir = dir })
	os.Mkdir(dir+"/spool", 0o700)
	f := probe(t, scopeOf(a), func(sample int) {
		for i := range 10 {
			a.do("touch", fmt.Sprintf("%s/sessions/customer%d-%d", dir, sample, i))
			a.do("touch", fmt.Sprintf("%s/spool/a1b2c3d4e5f6a7b8%d%d", dir, sample, i))
		}
	})
	got := file(t, f, dir+"/sessions/customer1-0")
	if got.Class != inventory.FileSession || !slices.Contains(got.By, "mtime") || !got.Written {
		t.Errorf("a session is told as %+v", got)
	}
	if got := file(t, f, dir+"/spool/a1b2c3d4e5f6a7b810"); got.Class != inventory.FileSession {
		t.Errorf("one of many small files with random names is told as %+v", got)
	}
	for _, x := range f.Files {
		if x.Path == dir+"/sessions/old" {
			t.Error("a file that nobody touched since the start is told as written")
		}
	}
	created := map[string]int{}
	for _, g := range f.Groups {
		created[g.Directory] = g.Created
	}
	if created[dir+"/sessions"] != 20 || created[dir+"/spool"] != 20 {
		t.Errorf("20 sessions were created in each directory, told are %v", created)
	}
}

func TestOthersFilesInADirectoryOfAllAreNotIts(t *testing.T) {
	dir := workplace(t)
	os.Chmod(dir, 0o777|os.ModeSticky)
	program := copyOfSelf(t, dir)
	a := launch(t, func(c *exec.Cmd) {
		c.Path, c.Dir = program, dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	os.Mkdir(dir+"/plain", 0o755)
	os.Chmod(dir+"/plain", 0o777)
	f := probe(t, scopeOf(a), func(sample int) {
		a.do("touch", fmt.Sprintf("%s/mine%d", dir, sample))
		a.do("write", dir+"/plain/mine")
		os.WriteFile(dir+"/roots", nil, 0o600)
		os.WriteFile(dir+"/plain/roots", nil, 0o600)
	})
	file(t, f, dir+"/mine1")
	file(t, f, dir+"/plain/mine")
	for _, x := range f.Files {
		if base(x.Path) == "roots" {
			t.Errorf("another user's file is told as its: %+v", x)
		}
	}
}

func TestRootsFilesInADirectoryOfTheMachineAreNotIts(t *testing.T) {
	a := launch(t, func(c *exec.Cmd) { c.Dir = "/root" })
	mine, others := "/var/log/rehome-test-mine.log", "/var/log/rehome-test-others.log"
	t.Cleanup(func() { os.Remove(mine); os.Remove(others) })
	a.do("append", mine)
	f := probe(t, scopeOf(a), func(int) { os.WriteFile(others, []byte("a line"), 0o600) })
	file(t, f, mine)
	for _, x := range f.Files {
		if x.Path == others {
			t.Errorf("another program's log is told as its: %+v", x)
		}
	}
}

func TestAnApplicationsSourcesAreNotWalked(t *testing.T) {
	dir := workplace(t)
	os.MkdirAll(dir+"/node_modules/left-pad", 0o700)
	os.Mkdir(dir+"/data", 0o700)
	a := launch(t, func(c *exec.Cmd) { c.Dir = dir })
	f := probe(t, scopeOf(a), func(int) {
		a.do("touch", dir+"/node_modules/left-pad/index.txt")
		a.do("touch", dir+"/data/book")
	})
	file(t, f, dir+"/data/book")
	for _, x := range f.Files {
		if strings.Contains(x.Path, "node_modules") {
			t.Errorf("told is %+v", x)
		}
	}
}

func TestNothingSecretLeaves(t *testing.T) {
	const canary = "c4naryS3cretValue99"
	dir := workplace(t)
	os.WriteFile(dir+"/bank.conf", []byte("password = "+canary), 0o600)
	a := launch(t, func(c *exec.Cmd) {
		c.Dir = dir
		c.Env = append(c.Env, "DB_PASSWORD="+canary, "JOURNAL_STREAM=8:"+canary)
		c.Args = append(c.Args, "--password", canary, "--token=/"+canary, "postgres://bank:"+canary+"@db/bank", "-p./"+canary, "bank.conf")
	})
	a.do("read", dir+"/bank.conf")
	s := scopeOf(a)
	s.Request.Dirs = []string{dir}
	s.Unit = &inventory.Unit{Name: "bank.service", Settings: map[string]string{"Environment": "X=" + canary, "LoadCredential": "db:/" + canary}}
	f := probe(t, s, func(int) { a.do("print", canary) })
	f.Gaps = s.Gaps.List()
	out, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(out), "bank.conf") || strings.Contains(string(out), canary) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSettingsReadSinceTheStart(t *testing.T) {
	dir := workplace(t)
	for _, name := range []string{"read.conf", "unread.conf"} {
		os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600)
		old := syscall.Timeval{Sec: 1000}
		syscall.Utimes(filepath.Join(dir, name), []syscall.Timeval{old, {Sec: 2000}})
	}
	a := launch(t, nil)
	if m, found := mountsOf("/proc", a.pid()).of(dir); !found || m.noatime {
		t.Fatalf("the test's files are on %+v: where access times are noted this can be tested", m)
	}
	os.ReadFile(dir + "/read.conf")
	os.WriteFile(dir+"/new.conf", []byte("x"), 0o600)
	s := scopeOf(a)
	s.Request.Dirs = []string{dir}
	f := probe(t, s, nil)
	if got := file(t, f, dir+"/read.conf"); !slices.Contains(got.By, "atime") || !got.Read || got.Class != inventory.FileConfig {
		t.Errorf("the file that was read is told as %+v", got)
	}
	if got := file(t, f, dir+"/new.conf"); got.Read {
		t.Errorf("the file that was only made is told as %+v", got)
	}
	if got := file(t, f, dir+"/unread.conf"); slices.Contains(got.By, "atime") || got.Read {
		t.Errorf("the file that nobody read is told as %+v", got)
	}
}

func TestPathsAreThoseThatTheProcessSees(t *testing.T) {
	dir := workplace(t)
	os.Mkdir(dir+"/conf", 0o700)
	os.Mkdir(dir+"/data", 0o700)
	os.WriteFile(dir+"/conf/bank.conf", nil, 0o600)
	a := launch(t, nil)
	a.do("chroot", dir)
	a.do("write", "/data/ledger")
	s := scopeOf(a)
	s.Request.Dirs = []string{"/conf"}
	f := probe(t, s, func(int) { a.do("touch", "/data/book") })
	if got := file(t, f, "/data/ledger"); got.Class != inventory.FileData || !slices.Equal(got.PIDs, []int{a.pid()}) {
		t.Errorf("the file in the chroot is told as %+v", got)
	}
	file(t, f, "/conf/bank.conf")
	file(t, f, "/data/book")
}

func TestUnitNamesFiles(t *testing.T) {
	dir := workplace(t)
	os.WriteFile(dir+"/bank.env", []byte("DB_PASSWORD=hunter2"), 0o600)
	os.Mkdir(dir+"/state", 0o700)
	a := launch(t, nil)
	s := scopeOf(a)
	s.Unit = &inventory.Unit{Name: "royal-bank-api.service", EnvironmentFiles: []string{"-" + dir + "/bank.env", dir + "/missing.env (ignore_errors=yes)"},
		Settings: map[string]string{"ReadWritePaths": dir + "/state"}}
	f := probe(t, s, func(int) { a.do("touch", dir+"/state/counter") })
	if got := file(t, f, dir+"/bank.env"); !slices.Equal(got.By, []string{"unit"}) || got.Class != inventory.FileConfig {
		t.Errorf("the environment file is told as %+v", got)
	}
	if got := file(t, f, dir+"/state/counter"); !got.Written {
		t.Errorf("what is written in the unit's directory is told as %+v", got)
	}
}

func TestTenThousandOpenFiles(t *testing.T) {
	dir := inMemory(t)
	a := launch(t, nil)
	a.do("many", dir)
	s := scopeOf(a)
	s.Planned = 4
	f := probe(t, s, func(sample int) { a.do("write", dir+"/late"+strconv.Itoa(sample)) })
	n := 0
	for _, g := range f.Groups {
		if g.Directory == dir && g.Class == inventory.FileData {
			n = g.Count
		}
	}
	if n != 10_003 {
		t.Errorf("of 10,003 files %d are told", n)
	}
	if len(f.Files) > 3*listed {
		t.Errorf("%d files are listed one by one", len(f.Files))
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestProcessThatEndsDuringTheProbe(t *testing.T) {
	dir := workplace(t)
	a, b := launch(t, nil), launch(t, nil)
	b.do("append", dir+"/short.log")
	s := scopeOf(a, b)
	f := probe(t, s, func(sample int) {
		if sample == 1 {
			b.end()
			s.PIDs = []int{a.pid()}
		}
	})
	if got := file(t, f, dir+"/short.log"); got.Seen != 1 || got.Class != inventory.FileLog {
		t.Errorf("the log of the process that ended is told as %+v", got)
	}
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("a process that ended is no gap: %v", gaps)
	}
}

func TestGoneBeforeTheFirstSample(t *testing.T) {
	a := launch(t, nil)
	s := scopeOf(a)
	a.end()
	probe(t, s, nil)
	if gaps := s.Gaps.List(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}

// copyOfSelf puts the test binary where another user may execute it.
func copyOfSelf(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}
