package files

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/inventory"
)

func itoa(n int) string { return strconv.Itoa(n) }

// await polls for what must come about.
func await(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSharedMemory(t *testing.T) {
	dir := workplace(t)
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 12345, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	posix := "/dev/shm/rehome-test-" + itoa(os.Getpid())
	t.Cleanup(func() { os.Remove(posix) })

	a, other := launch(t, nil), launch(t, nil)
	a.do("attach", itoa(id))
	a.do("map", posix)
	a.do("map", dir+"/alone")
	a.do("map", dir+"/both")
	other.do("attach", itoa(id))
	other.do("map", dir+"/both")

	f := probe(t, scopeOf(a), nil)
	name := inventory.Name(comm("/proc", other.pid()))
	for _, want := range []struct {
		kind, name string
		bytes      int64
		shared     bool
	}{
		{"sysv", "key 0x00000000", 12345, true},
		{"posix", posix[len("/dev/shm"):], 8192, false},
		{"mapped", dir + "/alone", 8192, false},
		{"mapped", dir + "/both", 8192, true},
	} {
		i := slices.IndexFunc(f.Shared, func(m inventory.SharedMemory) bool { return m.Kind == want.kind && m.Name == want.name })
		if i < 0 {
			t.Errorf("%s %s is missing in %+v", want.kind, want.name, f.Shared)
			continue
		}
		got := f.Shared[i]
		if got.Bytes != want.bytes || strings.HasPrefix(got.Outsider, name) != want.shared || !slices.Equal(got.PIDs, []int{a.pid()}) {
			t.Errorf("want %+v, told is %+v", want, got)
		}
	}
}

func TestWithoutPermissionNothingIsSeenWhole(t *testing.T) {
	if os.Getenv("REHOME_TEST_PROBE") != "" { // as nobody
		pid, _ := strconv.Atoi(os.Getenv("REHOME_TEST_PROBE"))
		s := scopeOf()
		s.PIDs, s.Main, s.Ever[pid] = []int{pid}, pid, true
		probe(t, s, nil)
		for _, g := range s.Gaps.List() {
			t.Logf("GAP %s: %s", g.Subject, g)
		}
		return
	}
	dir := workplace(t)
	a := launch(t, nil)
	cmd := exec.Command(copyOfSelf(t, dir), "-test.run=^TestWithoutPermissionNothingIsSeenWhole$", "-test.v")
	cmd.Env = append(os.Environ(), "REHOME_TEST_PROBE="+itoa(a.pid()), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	os.Chmod(dir, 0o755)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, subject := range New().Subjects() {
		if !strings.Contains(string(out), "GAP "+string(subject)+": the files that process "+itoa(a.pid())+" has open: no permission to read it") {
			t.Errorf("no gap in %s:\n%s", subject, out)
		}
	}
}
