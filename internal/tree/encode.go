package tree

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// A tree on its way from one process to another is a line that says so, and then
// frames: a byte for what it is, four for its length (big-endian), and that much.
//
//	H  what the tree is      JSON; once, first
//	E  one entry             JSON, its names in base64 for they may be any bytes
//	C  what the entry before it holds, in pieces of at most maxPiece
//	Z  the end               SHA-256 of everything between the line and this frame
//	F  there is no tree      JSON, in the place of H; nothing follows
//
// It is for pipes: nothing of it is meant to be kept.
// Magic is the line with which a tree begins.
const Magic = "rehome-tree 1\n"

const (
	maxPiece = 64 << 10
	maxFrame = 1 << 20 // of JSON: a name has at most 4096 bytes, a failure names many
)

// Bounds are the most that a reader takes of a tree; 0 takes none of it.
type Bounds struct {
	Bytes   int64 // of all contents
	Entries int
}

// Failure is why there is no tree, as the process says that should have given one.
type Failure struct {
	Err  string `json:"err"`
	Help string `json:"help,omitempty"`
}

func (f *Failure) Error() string { return f.Err }

// Hint is what a person can do about it, or "".
func (f *Failure) Hint() string { return f.Help }

// ErrBroken says that what was read is no whole tree.
var ErrBroken = errors.New("it is no whole tree")

type header struct {
	Host  []byte    `json:"host,omitempty"`
	Root  []byte    `json:"root"`
	Taken time.Time `json:"taken"`
	Count int       `json:"count"`
}

// sent is an entry; Holds says that its content follows.
type sent struct {
	Path   []byte `json:"p"`
	Kind   Kind   `json:"k"`
	Mode   uint32 `json:"m,omitempty"`
	UID    int64  `json:"u,omitempty"`
	GID    int64  `json:"g,omitempty"`
	User   []byte `json:"un,omitempty"`
	Group  []byte `json:"gn,omitempty"`
	Size   int64  `json:"s,omitempty"`
	SHA256 string `json:"h,omitempty"`
	Target []byte `json:"t,omitempty"`
	Mount  bool   `json:"mp,omitempty"`
	Err    []byte `json:"e,omitempty"`
	Holds  bool   `json:"c,omitempty"`
}

// Encode writes a tree, with the contents that it has.
func Encode(w io.Writer, t Tree) error {
	out := bufio.NewWriterSize(w, maxPiece)
	e := frames{to: out, sum: sha256.New()}
	e.bytes([]byte(Magic))
	e.json('H', header{[]byte(t.Host), []byte(t.Root), t.Taken, len(t.Entries)})
	for _, x := range t.Entries {
		e.json('E', sent{
			Path: []byte(x.Path), Kind: x.Kind, Mode: x.Mode, UID: x.UID, GID: x.GID, User: []byte(x.User), Group: []byte(x.Group),
			Size: x.Size, SHA256: x.SHA256, Target: []byte(x.Target), Mount: x.Mount, Err: []byte(x.Err), Holds: x.Content != nil,
		})
		for rest := x.Content; len(rest) > 0; {
			n := min(len(rest), maxPiece)
			e.frame('C', rest[:n])
			rest = rest[n:]
		}
	}
	e.frame('Z', e.sum.Sum(nil))
	if e.err == nil {
		e.err = out.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("write a tree: %w", e.err)
	}
	return nil
}

// EncodeFailure writes why there is no tree.
func EncodeFailure(w io.Writer, f Failure) error {
	const most = maxFrame / 8 // JSON writes some bytes as six
	f.Err, f.Help = cut(f.Err, most/2), cut(f.Help, most/2)
	e := frames{to: w, sum: sha256.New()}
	e.bytes([]byte(Magic))
	e.json('F', f)
	return e.err
}

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

type frames struct {
	to  io.Writer
	sum hash.Hash
	err error
}

func (f *frames) bytes(b []byte) {
	if f.err == nil {
		_, f.err = f.to.Write(b)
	}
}

func (f *frames) frame(kind byte, b []byte) {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(b)))
	_, _ = f.sum.Write(head) // a hash takes everything
	_, _ = f.sum.Write(b)
	f.bytes(head)
	f.bytes(b)
}

func (f *frames) json(kind byte, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		f.err = errors.Join(f.err, err)
		return
	}
	f.frame(kind, b)
}

// Decode reads a tree, and with it the hash of every content: what does not fit is
// ErrBroken, and so is what ends too early. A *Failure is what the other side said.
// Nothing behind the tree is read.
func Decode(r io.Reader, most Bounds) (Tree, error) {
	d := decoder{from: r, sum: sha256.New(), left: most.Bytes}
	t, err := d.tree(most)
	if err != nil {
		t.Forget()
		return Tree{}, err
	}
	return t, nil
}

type decoder struct {
	from io.Reader
	sum  hash.Hash
	left int64
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

func (d *decoder) tree(most Bounds) (Tree, error) {
	begin := make([]byte, len(Magic))
	if _, err := io.ReadFull(d.from, begin); err != nil {
		return Tree{}, ended(err)
	}
	if string(begin) != Magic {
		return Tree{}, broken("it does not begin as one")
	}
	var h header
	if err := d.json('H', &h); err != nil {
		return Tree{}, err
	}
	if h.Count < 0 || h.Count > most.Entries {
		return Tree{}, fmt.Errorf("the tree has %d entries, and %d are the most that are taken", h.Count, most.Entries)
	}
	t := Tree{Host: string(h.Host), Root: string(h.Root), Taken: h.Taken}
	for i := range h.Count {
		e, err := d.entry()
		if err != nil {
			return t, err
		}
		if i > 0 && Order(t.Entries[i-1].Path, e.Path) >= 0 {
			return t, broken("its entries are not in order")
		}
		t.Entries = append(t.Entries, e)
	}
	want := d.sum.Sum(nil)
	kind, got, err := d.frame(len(want))
	if err != nil {
		return t, err
	}
	if kind != 'Z' || !bytes.Equal(got, want) {
		return t, broken("its end does not fit")
	}
	return t, nil
}

func (d *decoder) entry() (Entry, error) {
	var s sent
	if err := d.json('E', &s); err != nil {
		return Entry{}, err
	}
	e := Entry{
		Path: string(s.Path), Kind: s.Kind, Mode: s.Mode, UID: s.UID, GID: s.GID, User: string(s.User), Group: string(s.Group),
		Size: s.Size, SHA256: s.SHA256, Target: string(s.Target), Mount: s.Mount, Err: string(s.Err),
	}
	switch {
	case !Proper(e.Path):
		return e, broken("%q is no path in a tree", e.Path)
	case e.Size < 0:
		return e, broken("%s has %d bytes", Name(e.Path), e.Size)
	case !s.Holds:
		return e, nil
	case e.Kind != File:
		return e, broken("%s is a %s that holds something", Name(e.Path), e.Kind)
	case e.Size > d.left:
		return e, fmt.Errorf("the tree holds more bytes than are taken: at %s", Name(e.Path))
	}
	d.left -= e.Size
	var err error
	e.Content, err = d.content(e)
	return e, err
}

// content reads what an entry holds. Memory is taken as it comes, not as it is
// announced.
func (d *decoder) content(e Entry) (Content, error) {
	out := make(Content, 0, min(e.Size, maxPiece))
	for int64(len(out)) < e.Size {
		kind, piece, err := d.frame(maxPiece)
		if err != nil {
			clear(out)
			return nil, err
		}
		if kind != 'C' || len(piece) == 0 || int64(len(out)+len(piece)) > e.Size {
			clear(out)
			return nil, broken("the content of %s does not fit", Name(e.Path))
		}
		grown := append(out, piece...)
		if len(out) > 0 && &grown[0] != &out[0] {
			clear(out)
		}
		out = grown
		clear(piece)
	}
	if sum := sha256.Sum256(out); hex.EncodeToString(sum[:]) != e.SHA256 {
		clear(out)
		return nil, broken("the content of %s has another hash", Name(e.Path))
	}
	return out, nil
}

// json reads a frame of that kind, or the failure that stands in its place.
func (d *decoder) json(kind byte, v any) error {
	got, b, err := d.frame(maxFrame)
	if err != nil {
		return err
	}
	if got == 'F' && kind == 'H' {
		f := &Failure{}
		if err := json.Unmarshal(b, f); err != nil {
			return broken("it says that there is none, and not why")
		}
		return f
	}
	if got != kind || json.Unmarshal(b, v) != nil {
		return broken("a frame %q stands where %q must be", got, kind)
	}
	return nil
}

func (d *decoder) frame(most int) (byte, []byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(d.from, head); err != nil {
		return 0, nil, ended(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if int64(n) > int64(most) {
		return 0, nil, broken("a frame has %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.from, b); err != nil {
		clear(b)
		return 0, nil, ended(err)
	}
	_, _ = d.sum.Write(head)
	_, _ = d.sum.Write(b)
	return head[0], b, nil
}

// ended is an end that came too early, or what kept more from being read.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("it ends too early")
	}
	return fmt.Errorf("read a tree: %w", err)
}
