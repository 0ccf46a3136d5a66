package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in one file. Line and Column count from 1 and are 0
// where the mistake is the file itself; Field is a path such as
// spec.names[0].zone, and empty where no field is meant. No part of it ever
// holds what might be a secret's value.
type Error struct {
	File         string
	Line, Column int
	Field        string
	Problem      string
	Remedy       string
}

// Error is FILE:LINE:COL: field: problem (remedy), without the parts that are empty.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	b.WriteString(": " + e.Problem)
	if e.Remedy != "" {
		b.WriteString(" (" + e.Remedy + ")")
	}
	return b.String()
}

// Errors are all mistakes that were found, sorted by file and place. Every
// error that this package returns is of this type and holds at least one.
type Errors []Error

// Error is one mistake a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the mistakes one by one.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// orNil sorts the mistakes, and is nil when there are none: a nil error, not a
// nil Errors inside one.
func (es Errors) orNil() error {
	if len(es) == 0 {
		return nil
	}
	out := slices.Clone(es)
	slices.SortStableFunc(out, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return out
}

// join puts the mistakes of several files together, in the order of the files.
func join(errs ...error) error {
	var all Errors
	for _, err := range errs {
		if es, ok := errors.AsType[Errors](err); ok {
			all = append(all, es...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
