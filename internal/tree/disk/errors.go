package disk

import (
	"errors"
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

// The reasons for which there is no tree; each comes in an *Error.
var (
	ErrNotThere   = errors.New("it is not there")
	ErrNoDir      = errors.New("it is no directory")
	ErrUnreadable = errors.New("it cannot be read")
	ErrTooBig     = errors.New("it is too big")
	ErrTooMany    = errors.New("it has too many entries")
	ErrTooDeep    = errors.New("its directories are nested too deeply")
	ErrChanging   = errors.New("it changes while it is read")
)

// Error is why there is no tree. It names every path that stands against it.
type Error struct {
	Root   string
	Faults []Fault // in the order of paths; none where the root itself is the reason
	Why    string  // where there are no faults
	err    error
	hint   string
}

// Fault is one path, and what is wrong with it.
type Fault struct {
	Path string // relative to the root
	Err  error  // one of those above, with the system's word
}

// mostNamed is how many faults an error's text names; Faults has them all.
const mostNamed = 50

// Error names the root, and each path with its reason.
func (e *Error) Error() string {
	text := "read " + tree.Name(e.Root) + ": "
	if len(e.Faults) == 0 {
		return text + e.Why
	}
	var said []string
	for _, f := range e.Faults {
		if len(said) == mostNamed {
			said = append(said, fmt.Sprintf("and %d more", len(e.Faults)-mostNamed))
			break
		}
		said = append(said, tree.Name(f.Path)+": "+f.Err.Error())
	}
	return text + strings.Join(said, "; ")
}

// Unwrap gives the reasons.
func (e *Error) Unwrap() []error {
	var out []error
	if e.err != nil {
		out = append(out, e.err)
	}
	for _, f := range e.Faults {
		out = append(out, f.Err)
	}
	return out
}

// Hint is what a person can do about it, or "".
func (e *Error) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	for _, h := range []struct {
		err  error
		help string
	}{
		{ErrUnreadable, "read as a user who may see all of it: --sudo over ssh, or root here"},
		{ErrChanging, "wait until whoever writes has ended, or stop it, and read again"},
		{ErrTooBig, "files of this size are data, not configuration: leave them out, or raise the bound"},
		{ErrTooMany, "name a directory that holds configuration alone, or raise the bound"},
		{ErrTooDeep, "name the directory below that holds the configuration"},
	} {
		if errors.Is(e, h.err) {
			return h.help
		}
	}
	return ""
}
