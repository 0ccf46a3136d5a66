package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/wire"
)

// Code is the exit code of a command.
type Code int

// The exit codes. Scripts rely on them.
const (
	CodeDone Code = iota
	CodeError
	CodeUsage
	CodeBlocked
	CodeWaiting
	CodeRolledBack
)

// Meanings are the exit codes in words, in the order of the codes.
var Meanings = [...]string{
	CodeDone:       "done, or passed",
	CodeError:      "error",
	CodeUsage:      "wrong usage of the command line",
	CodeBlocked:    "blocked by a guard: something must change first",
	CodeWaiting:    "waiting for a time or a person",
	CodeRolledBack: "the attempt was rolled back",
}

// failure is an error with its exit code and what a person can do.
type failure struct {
	code Code
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) *failure {
	return &failure{code: CodeUsage, err: fmt.Errorf(format, args...)}
}

func blocked(format string, args ...any) *failure {
	return &failure{code: CodeBlocked, err: fmt.Errorf(format, args...)}
}

func failed(format string, args ...any) *failure {
	return &failure{code: CodeError, err: fmt.Errorf(format, args...)}
}

// with adds what a person can do.
func (f *failure) with(format string, args ...any) *failure {
	f.hint = fmt.Sprintf(format, args...)
	return f
}

// silent ends a command with a code when everything has been said already.
type silent Code

func (s silent) Error() string { return Meanings[s] }

// finish says what went wrong and gives the exit code.
func finish(w io.Writer, err error) Code {
	if err == nil {
		return CodeDone
	}
	var quiet silent
	if errors.As(err, &quiet) {
		return Code(quiet)
	}
	if mistakes, ok := errors.AsType[config.Errors](err); ok {
		for _, m := range mistakes {
			remedy := m.Remedy
			m.Remedy = ""
			complain(w, m.Error(), remedy)
		}
		return CodeError
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: CodeError, err: err}
	}
	hint := f.hint
	if hint == "" {
		hint = hintFor(err)
	}
	complain(w, err.Error(), hint)
	return f.code
}

func complain(w io.Writer, text, hint string) {
	fmt.Fprintf(w, "rehome: error: %s\n", text)
	if hint != "" {
		fmt.Fprintf(w, "rehome: hint: %s\n", hint)
	}
}

// hintFor knows what helps against the errors of the ports.
func hintFor(err error) string {
	var held *engine.HeldError
	switch {
	case errors.As(err, &held):
		return "wait until it ends, or stop it; approve, waive and rollback are accepted meanwhile"
	case errors.Is(err, engine.ErrNoMigration):
		return "rehome list names the migrations of this state directory; --state names another one"
	}
	if hint := wire.Hint(err); hint != "" {
		return hint
	}
	switch {
	case errors.Is(err, engine.ErrDamaged):
		return "rehome log NAME --verify names the first damaged record; put the journal back from a copy, and observe before you go on"
	case errors.Is(err, fs.ErrPermission):
		return "this user must be able to read and write it; --state or REHOME_STATE names another state directory"
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long; rehome doctor FILE shows what can be reached"
	}
	return ""
}
