// Package disk reads a directory tree of this machine as a value: in one consistent
// state, without following a link below its root and without opening anything but
// files and directories.
//
// It must not know why a tree is read nor what becomes of it. What a file holds is
// in tree.Content alone and in no error.
package disk

import (
	"time"
)

// Options bound a reading. The zero value hashes files and keeps nothing of them.
type Options struct {
	Content bool // keep what files hold; otherwise their hashes alone
	// Bounds; 0 is the standard one below.
	MaxFile    int64 // bytes of one file
	MaxTotal   int64 // bytes of all files
	MaxEntries int
	// Partial gives a tree in which what could not be read is an entry with Err.
	// Otherwise that is an error, which names every such path.
	Partial bool
	// Quiet is how long a file must not have changed before it counts as whole: one
	// that was changed later is read again after it. 0 is none beyond what the
	// clock of the file system can tell apart.
	Quiet time.Duration
}

// The standard bounds.
const (
	StandardMaxFile    = 16 << 20
	StandardMaxTotal   = 256 << 20
	StandardMaxEntries = 50_000
)

// Filled has the standard bounds where there are none.
func (o Options) Filled() Options {
	if o.MaxFile <= 0 {
		o.MaxFile = StandardMaxFile
	}
	if o.MaxTotal <= 0 {
		o.MaxTotal = StandardMaxTotal
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = StandardMaxEntries
	}
	return o
}
