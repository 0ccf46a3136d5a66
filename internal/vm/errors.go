package vm

import (
	"errors"
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/scan"
)

// Error is why there are no facts of a machine, and what a person can do.
type Error struct {
	Machine string // user@host
	Err     error
	hint    string
}

func (e *Error) Error() string { return e.Machine + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint is what a person can do about it, or "".
func (e *Error) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	var h interface{ Hint() string }
	if errors.As(e.Err, &h) {
		return h.Hint()
	}
	return ""
}

// hinted is an error of this package with what helps against it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }
func (h *hinted) Hint() string  { return h.hint }

func withHint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// ErrPlatform says that a machine is of a kind on which no facts are taken.
var ErrPlatform = errors.New("facts are taken on Linux")

// ErrHostKey says that a machine did not prove to be the one that is known.
var ErrHostKey = errors.New("the host key is not accepted")

// ErrRefused says that the machine did not let this user in.
var ErrRefused = errors.New("the login is refused")

// ErrLost says that the connection ended while facts were taken.
var ErrLost = errors.New("the connection was lost")

// ErrAgent says that there is no agent that could run on the machine.
var ErrAgent = errors.New("there is no agent for it")

// lastLines are the last n lines of text that say something.
func lastLines(text string, n int) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-n):], "; ")
}

// redacted is a text of the machine without what looks like a secret.
func redacted(text string) string {
	clean, _ := scan.Redact([]byte(text))
	return string(clean)
}
