package files

import (
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/inventory"
)

// What is written, closed and deleted between two samples leaves nothing that could
// be found afterwards, wherever it was.
func TestWhatIsWrittenAndDeletedAtOnceIsHeardOf(t *testing.T) {
	dir := workplace(t)
	a := launch(t, func(c *exec.Cmd) { c.Dir = "/" })
	other := launch(t, nil)
	f := samples(t, New(), scopeOf(a), func(int) {
		a.do("touch", dir+"/customer \xff")
		a.do("touch", dir+"/book")
		os.Remove(dir + "/customer \xff")
		other.do("touch", dir+"/others")
		os.WriteFile(dir+"/roots", nil, 0o600)
	})
	got := file(t, f, dir+"/customer \xff")
	if !slices.Equal(got.By, []string{"event"}) || !got.Written || got.Deleted || got.Class != inventory.FileTemp || !slices.Equal(got.PIDs, []int{a.pid()}) {
		t.Errorf("the file that is gone is told as %+v", got)
	}
	if got := file(t, f, dir+"/book"); !got.Written || got.Class != inventory.FileData || got.Size != 10 {
		t.Errorf("the file that stayed is told as %+v", got)
	}
	for _, x := range f.Files {
		if base(x.Path) == "others" || base(x.Path) == "roots" {
			t.Errorf("another process's file is told as its: %+v", x)
		}
	}
}

// Nothing is left open on a mount, and nothing listens when the facts are told.
func TestListeningEnds(t *testing.T) {
	a := launch(t, nil)
	s := scopeOf(a)
	c := New()
	c.Sample(t.Context(), s)
	if listening(t) != 1 || len(c.events.marks) == 0 {
		t.Errorf("%d groups listen on %v", listening(t), c.events.marks)
	}
	var f inventory.Facts
	c.Finish(t.Context(), s, &f)
	if n := listening(t); n != 0 {
		t.Errorf("%d groups listen afterwards", n)
	}
	once := scopeOf(a)
	once.Planned = 1
	c = New()
	c.Sample(t.Context(), once)
	if n := listening(t); n != 0 {
		t.Error("there is nothing between the samples when there is one alone")
	}
}

func listening(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(to, "fanotify") {
			n++
		}
	}
	return n
}

func TestListeningIsGivenUpWhereTooMuchIsWritten(t *testing.T) {
	overflow := make([]byte, eventHead)
	binary.NativeEndian.PutUint32(overflow, eventHead)
	overflow[4] = unix.FANOTIFY_METADATA_VERSION
	binary.NativeEndian.PutUint16(overflow[6:], eventHead)
	binary.NativeEndian.PutUint64(overflow[8:], unix.FAN_Q_OVERFLOW)
	for name, give := range map[string]func(*events) *os.File{
		"the kernel has dropped some": func(*events) *os.File { return holding(t, overflow) },
		"what comes makes no sense":   func(*events) *os.File { return holding(t, make([]byte, eventHead)) },
		"there is always more": func(e *events) *os.File {
			zero, err := os.Open("/dev/zero")
			if err != nil {
				t.Fatal(err)
			}
			e.buf = e.buf[:1] // too short for an event: nothing is read but more is there
			return zero
		},
	} {
		e := events{buf: make([]byte, eventBuffer), dirs: map[string]string{}}
		from := give(&e)
		group, err := unix.Dup(int(from.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		from.Close()
		e.group = group
		for range blindSamples {
			e.take(func(int) bool { return true }, func(int, string) { t.Error("something was heard") })
		}
		if e.group != -1 {
			t.Errorf("%s: it goes on", name)
		}
	}
}

// holding is a pipe with this in it.
func holding(t *testing.T, data []byte) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return r
}

func FuzzEvents(f *testing.F) {
	event := make([]byte, eventHead, 64)
	binary.NativeEndian.PutUint16(event[6:], eventHead)
	event[4] = unix.FANOTIFY_METADATA_VERSION
	event = append(event, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 0, 28, 0)
	event = append(event, make([]byte, 8)...)
	event = append(event, 4, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9, 'a', 0, 0, 0)
	binary.NativeEndian.PutUint32(event, uint32(len(event)))
	f.Add(event)
	f.Fuzz(func(t *testing.T, data []byte) {
		e := events{group: 1, dirs: map[string]string{}}
		e.read(data, func(int) bool { return true }, func(_ int, path string) { t.Errorf("heard of %q without a mount", path) })
	})
}
