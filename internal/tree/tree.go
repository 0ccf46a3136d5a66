// Package tree is a directory tree as a value: every entry with its kind, mode,
// owner and content, taken from a machine or from a pod, so that two of them can be
// compared byte by byte and one of them be converted.
//
// It is pure. It must not know where a tree was read, and what a file holds never
// leaves it by accident: Content writes itself as its length.
package tree

import (
	"fmt"
	"time"
)

// Kind is what an entry is.
type Kind string

// The kinds of entries. Only the first three can be converted; a fifo, a socket and
// a device are named, and never opened.
const (
	File   Kind = "file"
	Dir    Kind = "dir"
	Link   Kind = "link"
	FIFO   Kind = "fifo"
	Socket Kind = "socket"
	Device Kind = "device"
)

// Tree is what stands below Root, in the order of its paths (bytewise, each
// directory before what it holds). The root itself is its first entry, with the
// path ".".
type Tree struct {
	Host    string    `json:"host,omitempty"` // where it was read; empty is here
	Root    string    `json:"root"`           // absolute
	Taken   time.Time `json:"taken"`
	Entries []Entry   `json:"entries"`
}

// Entry is one name in a tree. Path is relative to the root, with slashes; it is
// whatever bytes the file system has, UTF-8 or not.
type Entry struct {
	Path  string `json:"path"`
	Kind  Kind   `json:"kind"`
	Mode  uint32 `json:"mode"` // the lower twelve bits: permissions, setuid, setgid, sticky
	UID   int64  `json:"uid"`
	GID   int64  `json:"gid"`
	User  string `json:"user,omitempty"` // on the machine itself, where it has a name there
	Group string `json:"group,omitempty"`
	// Size and SHA256 (hex) are those of a file's content.
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Target is what a link names, as it is written.
	Target string `json:"target,omitempty"`
	// Mount says that another file system, or another part of one, begins here.
	Mount bool `json:"mount,omitempty"`
	// Content is nil where the tree was only hashed.
	Content Content `json:"-"`
	// Err says why the entry could not be read: then nothing else of it is known
	// but its kind.
	Err string `json:"err,omitempty"`
}

// Content is what a file holds. It may be a secret: printed, it is its length.
type Content []byte

// String is the length, never the content.
func (c Content) String() string { return fmt.Sprintf("[%d bytes]", len(c)) }

// GoString is String: %#v must not show more than %v.
func (c Content) GoString() string { return c.String() }

// Format writes the length for every verb, %x and %s among them.
func (c Content) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText refuses: a content that is written anywhere is a mistake.
func (c Content) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("the content of a file is not written: %s", c)
}
