package scan

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// long is a text of so many lines, with a secret on every line that step divides.
func long(lines, step int) (text []byte, at []int) {
	var out bytes.Buffer
	for n := 1; n <= lines; n++ {
		if n%step == 0 {
			fmt.Fprintf(&out, "password = %s%d\n", canary, n)
			at = append(at, n)
			continue
		}
		fmt.Fprintf(&out, "setting%d = some value that is none of all of it\n", n%7)
	}
	return out.Bytes(), at
}

func lineNumbers(places []Place) []int {
	var out []int
	for _, p := range places {
		out = append(out, p.Line)
	}
	return out
}

func TestLocateReaderKeepsLineNumbersOverWindows(t *testing.T) {
	for _, name := range []string{"a.ini", "a"} {
		text, want := long(240_000, 9973)
		if len(text) < wholeLimit+2*window {
			t.Fatal("the text is too short for windows")
		}
		places, err := LocateReader(name, iotest.HalfReader(bytes.NewReader(text)))
		if err != nil || !slices.Equal(lineNumbers(places), want) {
			t.Errorf("%s: %v, %d places, want %d: %v", name, err, len(places), len(want), lineNumbers(places))
		}
		for _, p := range places {
			if p.Column != len("password = ")+1 {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func TestLocateReaderReadsSmallStreamsAsLocateDoes(t *testing.T) {
	text := "a:\n  - password: " + canary + "\n"
	places, err := LocateReader("a.yaml", iotest.OneByteReader(strings.NewReader(text)))
	if err != nil || !slices.Equal(places, Locate("a.yaml", []byte(text))) {
		t.Errorf("%v: %+v", err, places)
	}
}

// A private key may stand over the border of two windows, and is told once.
func TestLocateReaderFindsKeysOverBorders(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat(strings.Repeat("Ab3+", 16)+"\n", 24) + "-----END PRIVATE KEY-----\n"
	for _, before := range []int{window + longestLine - 30, window + longestLine - 900} {
		text := strings.Repeat("x = 1\n", before/6) + key + strings.Repeat("x = 1\n", wholeLimit/6)
		places, err := LocateReader("a.ini", strings.NewReader(text))
		if err != nil || len(places) != 1 || places[0].Line != before/6+1 || places[0].Rule != rulePrivate {
			t.Errorf("behind %d bytes: %v: %+v", before, err, places)
		}
	}
}

// One line without an end has columns still.
func TestLocateReaderReadsLinesWithoutEnd(t *testing.T) {
	front := strings.Repeat("x=1,", 1_500_000)
	text := front + "password='" + canary + "'," + front
	places, err := LocateReader("a.js", strings.NewReader(text))
	if err != nil || len(places) != 1 || places[0].Line != 1 || places[0].Column != strings.Index(text, canary)+1 {
		t.Errorf("%v: %+v, want column %d", err, places, strings.Index(text, canary)+1)
	}
}

func TestLocateReaderReadsZippedText(t *testing.T) {
	pack := func(text []byte) []byte {
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	few, _ := long(100, 50)
	many, _ := long(240_000, 9973)
	for name, text := range map[string][]byte{"few": few, "many": many} {
		for cut, data := range map[string][]byte{"whole": pack(text), "cut off": pack(text)[:len(pack(text))*3/4]} {
			places, err := LocateReader("a.ini.gz", bytes.NewReader(data))
			if err != nil || len(places) != 1 || places[0].Line != 0 || places[0].Rule != ruleGzip {
				t.Errorf("%s, %s: %v: %+v", name, cut, err, places)
			}
		}
	}
	if twice, err := LocateReader("a.ini.gz.gz", bytes.NewReader(pack(pack(few)))); err != nil || len(twice) != 0 {
		t.Errorf("two levels deep: %v: %+v", err, twice)
	}
}

func TestLocateReaderTellsWhatItCannotRead(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, size := range []int{0, 100, wholeLimit + 100} {
		r := io.MultiReader(strings.NewReader(strings.Repeat("a = b\n", size/6)), iotest.ErrReader(broken))
		if _, err := LocateReader("/srv/a.ini", r); !errors.Is(err, broken) || !strings.Contains(err.Error(), "/srv/a.ini") {
			t.Errorf("after %d bytes: %v", size, err)
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.CopyN(z, rand.NewChaCha8([32]byte{}), 4096); err != nil || z.Flush() != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, 1000} {
		r := io.MultiReader(bytes.NewReader(zipped.Bytes()[:n]), iotest.ErrReader(broken))
		if _, err := LocateReader("a.gz", r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes of a zipped stream: %v", n, err)
		}
	}
}

// endless repeats a text up to a size.
type endless struct {
	text []byte
	left int64
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.left -= int64(n)
	return n, nil
}

// A stream of 32 MiB needs no more memory than one of 12.
func TestLocateReaderNeedsBoundedMemory(t *testing.T) {
	text, _ := long(2000, 3000)
	for _, size := range []int64{12 << 20, 32 << 20} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := &watched{r: &endless{text: text, left: size}}
		if _, err := LocateReader("a.ini", peak); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if peak.most > before.HeapAlloc+96<<20 {
			t.Errorf("%d MiB: the heap grew from %d to %d MiB", size>>20, before.HeapAlloc>>20, peak.most>>20)
		}
	}
}

// watched sees how large the heap is while it is read.
type watched struct {
	r    io.Reader
	n    int
	most uint64
}

func (w *watched) Read(p []byte) (int, error) {
	if w.n++; w.n%64 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return w.r.Read(p)
}

func FuzzLocateReader(f *testing.F) {
	f.Add("a.ini", []byte("password = hunter2\n"))
	f.Add("a.gz", append(slices.Clone(gzipMagic), "xxxxxxxx"...))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		whole := Locate(path, data)
		streamed, err := LocateReader(path, bytes.NewReader(data))
		if err != nil || !bytes.HasPrefix(data, gzipMagic) && !slices.Equal(whole, streamed) {
			t.Errorf("%v: %+v, whole %+v", err, streamed, whole)
		}
		w := windows{kind: kindOf(path), seen: map[Place]bool{}}
		if _, err := w.read(bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
	})
}

func TestHotLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		word := stems[random.IntN(len(stems))]
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = "abcxyz \n=/."[random.IntN(11)]
		}
		at := 0
		if len(text) > 0 {
			at = random.IntN(len(text))
		}
		data := []byte(string(text[:at]) + strings.ToUpper(word) + string(text[at:]))
		want := bytes.Count(data[:at], []byte("\n")) + 1
		if !slices.ContainsFunc(hotLines(data, true), func(l line) bool { return l.number == want && l.from <= at && at+len(word) <= l.to }) {
			t.Fatalf("%q: line %d is not hot for %q", data, want, word)
		}
	}
	for text, want := range map[string]bool{
		"an ordinary line\n": false, "user:pw@host\n": true, "mail a@b.c\n": false,
		"x Zk3vQ9wLmT7rYp2nXc8b y\n": true, "averyveryveryveryverylongword\n": false,
	} {
		if got := len(hotLines([]byte(text), true)) > 0; got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
