package tree_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/tree"
)

func holding(path string, content []byte) tree.Entry {
	sum := sha256.Sum256(content)
	return tree.Entry{Path: path, Kind: tree.File, Mode: 0o640, UID: 33, GID: 1 << 40, User: "www", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Content: content}
}

func whole() tree.Tree {
	t := of(holding("empty", []byte{}), holding("big", bytes.Repeat([]byte("ab\x00\n"), 50_000)), holding("a\nb \xff", []byte("x")),
		link("l", "\xfe/.."), tree.Entry{Path: "s", Kind: tree.Socket}, tree.Entry{Path: "u", Kind: tree.File, Err: "no \xff"}, with(dir("m"), func(e *tree.Entry) { e.Mount = true }))
	t.Host, t.Taken = "bank-vm-1", time.Date(2026, 11, 22, 1, 2, 3, 4, time.UTC)
	return t
}

var enough = tree.Bounds{Bytes: 1 << 20, Entries: 100}

func encoded(t testing.TB, x tree.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tree.Encode(&b, x); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestATreeComesBackAsItWas(t *testing.T) {
	x := whole()
	r := io.MultiReader(bytes.NewReader(encoded(t, x)), strings.NewReader("rest"))
	got, err := tree.Decode(r, enough)
	if err != nil || !reflect.DeepEqual(got, x) {
		t.Errorf("%v\n%+v\n%+v", err, got, x)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("%q is left", rest)
	}
	for i := range x.Entries {
		x.Entries[i].Content = nil
	}
	if got, err := tree.Decode(bytes.NewReader(encoded(t, x)), enough); err != nil || !reflect.DeepEqual(got, x) {
		t.Errorf("hashes alone: %v\n%+v", err, got)
	}
}

// Whatever is cut off or changed on the way is no tree.
func TestABrokenTreeIsNone(t *testing.T) {
	b := encoded(t, of(holding("a", []byte("canary-hunter2")), link("b", "a")))
	for n := range len(b) {
		if _, err := tree.Decode(bytes.NewReader(b[:n]), enough); !errors.Is(err, tree.ErrBroken) || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%d bytes: %v", n, err)
		}
		other := bytes.Clone(b)
		other[n] ^= 1
		if x, err := tree.Decode(bytes.NewReader(other), enough); err == nil {
			t.Fatalf("byte %d changed: %+v", n, x)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("byte %d changed: %v", n, err)
		}
	}
}

func TestDecodeIsBounded(t *testing.T) {
	b := encoded(t, whole())
	for _, most := range []tree.Bounds{{Bytes: 1 << 20, Entries: 7}, {Bytes: 200_000, Entries: 100}} {
		if _, err := tree.Decode(bytes.NewReader(b), most); err == nil || errors.Is(err, tree.ErrBroken) {
			t.Errorf("%+v: %v", most, err)
		}
	}
	for _, bad := range []tree.Tree{
		{Entries: []tree.Entry{{Path: "../a", Kind: tree.File}}},
		{Entries: []tree.Entry{{Path: "/a", Kind: tree.File}}},
		{Entries: []tree.Entry{{Path: "a/../b", Kind: tree.File}}},
		{Entries: []tree.Entry{file("b", ""), file("a", "")}},
		{Entries: []tree.Entry{file("a", ""), file("a", "")}},
		{Entries: []tree.Entry{{Path: "a", Kind: tree.Link, Content: tree.Content{}}}},
	} {
		if x, err := tree.Decode(bytes.NewReader(encoded(t, bad)), enough); !errors.Is(err, tree.ErrBroken) {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

func TestAFailureArrives(t *testing.T) {
	var b bytes.Buffer
	long := strings.Repeat("\x01", 1<<20)
	for _, f := range []tree.Failure{{Err: "read /etc/bank: it is not there", Help: "ls"}, {Err: long, Help: long}} {
		b.Reset()
		if err := tree.EncodeFailure(&b, f); err != nil {
			t.Fatal(err)
		}
		_, err := tree.Decode(&b, enough)
		got, ok := errors.AsType[*tree.Failure](err)
		if !ok || got.Err[:1] != f.Err[:1] || got.Hint()[:1] != f.Help[:1] {
			t.Errorf("%v", err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, of(holding("a", []byte("x")), link("l", "a"), tree.Entry{Path: "u", Kind: tree.File, Err: "no"})))
	f.Add([]byte(tree.Magic + "F\x00\x00\x00\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := tree.Decode(bytes.NewReader(b), enough)
		if err != nil {
			return
		}
		again, err := tree.Decode(bytes.NewReader(encoded(t, x)), enough)
		if err != nil || !reflect.DeepEqual(x, again) {
			t.Errorf("%+v\n%+v: %v", x, again, err)
		}
		tree.Compare(x, tree.Tree{}, tree.CompareOptions{})
	})
}
