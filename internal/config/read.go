package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSize bounds what is read: a document that a person wrote is far smaller.
const maxSize = 1 << 20

// readFile reads a document. starter is the command that would write one.
func readFile(path, starter string) ([]byte, error) {
	fail := func(problem, remedy string) ([]byte, error) {
		return nil, Errors{{File: path, Problem: problem, Remedy: remedy}}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("there is no such file", "check the path, or write a starter with: "+starter)
	case err != nil:
		return fail(plainReason(err), "check the path and its permissions")
	case info.IsDir():
		return fail("is a directory", "name the YAML file in it")
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0:
		return fail("is not a regular file", "name the YAML file")
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(plainReason(err), "check the path and its permissions")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return fail(plainReason(err), "")
	case len(b) > maxSize:
		return fail(fmt.Sprintf("is larger than %d bytes", maxSize), "is this the right file?")
	}
	return b, nil
}

// plainReason is the system's word without operation and path, which the
// Error names already.
func plainReason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + pe.Err.Error()
	}
	return "cannot be read: " + err.Error()
}
