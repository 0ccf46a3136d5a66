package descriptor

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// follow is a walker over this very process that sees the files of one directory.
func follow(t *testing.T) (w *Walker, dir string, sample func() (opened, closed []string)) {
	t.Helper()
	dir = t.TempDir()
	w = NewWalker("/proc", func(link []byte) bool { return bytes.HasPrefix(link, []byte(dir)) })
	return w, dir, func() (opened, closed []string) {
		w.Sample([]int{os.Getpid()}, func(_ int, l Look) {
			if l.Err != nil {
				t.Error(l.Err)
			}
			for _, fd := range l.Opened {
				opened = append(opened, filepath.Base(fd.Link))
			}
			for _, fd := range l.Closed {
				closed = append(closed, filepath.Base(fd.Link))
			}
		})
		return opened, closed
	}
}

func create(t *testing.T, dir, pattern string, n int) []*os.File {
	t.Helper()
	var files []*os.File
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf(pattern, i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}

func TestSmallProcessIsSeenWhole(t *testing.T) {
	_, dir, sample := follow(t)
	files := create(t, dir, "book%d", 3)
	if opened, _ := sample(); len(opened) != 3 {
		t.Errorf("opened %v", opened)
	}
	files[1].Close()
	create(t, dir, "ledger%d", 1)
	opened, closed := sample()
	if !slices.Equal(opened, []string{"ledger0"}) || !slices.Equal(closed, []string{"book1"}) {
		t.Errorf("opened %v, closed %v", opened, closed)
	}
	if opened, closed := sample(); len(opened)+len(closed) > 0 {
		t.Errorf("nothing happened, told are %v and %v", opened, closed)
	}
}

func TestManyOpenFiles(t *testing.T) {
	w, dir, sample := follow(t)
	files := create(t, dir, "book%d", 3000)
	if opened, _ := sample(); len(opened) != 3000 {
		t.Fatalf("%d of 3000 open files are seen", len(opened))
	}
	sample()
	if w.links > slice+gaps {
		t.Errorf("%d links are read again for nothing", w.links)
	}
	create(t, t.TempDir(), "own%d", 1) // the number that the walker itself had while it looked
	create(t, dir, "ledger%d", 1)
	if opened, _ := sample(); !slices.Equal(opened, []string{"ledger0"}) {
		t.Errorf("the new file is not seen at once, but %v", opened)
	}
	create(t, dir, "burst%d", 500)
	first, _ := sample()
	second, _ := sample()
	if len(first)+len(second) != 500 {
		t.Errorf("of 500 files opened at once %d are seen in two samples", len(first)+len(second))
	}
	files[1500].Close()
	for range 3600/slice + 2 {
		if _, closed := sample(); len(closed) > 0 {
			if !slices.Equal(closed, []string{"book1500"}) {
				t.Errorf("closed %v", closed)
			}
			return
		}
	}
	t.Error("the closed file is never missed")
}

func TestManyProcessesTakeTurns(t *testing.T) {
	w := NewWalker("/proc", nil)
	var pids []int
	for range 6 {
		cmd := exec.Command("sleep", "60")
		for range 200 {
			cmd.ExtraFiles = append(cmd.ExtraFiles, os.Stderr)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	w.Sample(pids, func(int, Look) {})
	first := w.next
	w.Sample(pids, func(int, Look) {})
	if w.links < linksPerLook || w.links > linksPerLook+203 || w.next == first {
		t.Errorf("%d links are read in one sample, the next begins at %d", w.links, w.next)
	}
}

func TestEndedProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	w := NewWalker("/proc", nil)
	w.Sample([]int{pid}, func(int, Look) {})
	cmd.Process.Kill()
	cmd.Wait()
	var got Look
	w.Sample([]int{pid}, func(_ int, l Look) { got = l })
	if !got.Ended || len(got.Closed) == 0 || got.Err != nil {
		t.Errorf("told is %+v", got)
	}
}

func TestHoldersAndModes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
	held, _ := NewWalker("/proc", nil).Holders(t.Context(), map[string]bool{link: true})
	if len(held[link]) != 2 || held[link][0].PID != os.Getpid() || held[link][0].Name == "" {
		t.Errorf("held by %+v", held)
	}
	if m, ok := ModeOf("/proc", os.Getpid(), int(r.Fd())); !ok || m != (Mode{Read: true}) {
		t.Errorf("the reading end is %+v", m)
	}
	if m, ok := ModeOf("/proc", os.Getpid(), int(w.Fd())); !ok || m != (Mode{Write: true}) {
		t.Errorf("the writing end is %+v", m)
	}
	f, err := os.OpenFile(t.TempDir()+"/log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, _ := ModeOf("/proc", os.Getpid(), int(f.Fd())); !m.Append {
		t.Errorf("the log is %+v", m)
	}
}

func TestUnixSocketsThatBelongTogether(t *testing.T) {
	at := t.TempDir() + "/a socket"
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	table, err := UnixSockets("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	peers, err := UnixPeers("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	listening, connected := 0, 0
	for _, u := range table {
		if u.Path != at {
			continue
		}
		if u.Listening {
			listening++
		} else if peer := peers[u.Inode]; peer != 0 && peers[peer] == u.Inode {
			connected++
		}
	}
	if listening != 1 || connected != 1 {
		t.Errorf("%d listen and %d are connected at %s", listening, connected, at)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t0102001\nmnt_id:\t26\n"))
	f.Add([]byte("Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 23456 /run/a b.sock\n"))
	f.Add(unixRequest())
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, ok := ParseMode(data); !ok && m != (Mode{}) {
			t.Errorf("%+v", m)
		}
		for _, u := range ParseUnix(data) {
			if strings.Contains(u.Path, "\n") {
				t.Errorf("%q", u.Path)
			}
		}
		_, _ = ParseAnswer(data, func(body []byte) {
			if len(body) >= 16 {
				peerOf(body, map[uint64]uint64{})
			}
		})
		Inode(string(data), "socket")
	})
}
