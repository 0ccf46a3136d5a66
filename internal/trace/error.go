package trace

import (
	"bytes"
	"fmt"
	"strings"
)

// Error is one mistake in a file. Line and Column count from 1; Column is in bytes.
// Field is empty where no field is meant.
type Error struct {
	File         string
	Line, Column int
	Field        string
	Problem      string
	Remedy       string
}

// Error is FILE:LINE:COLUMN: field: problem (remedy), without what is empty.
func (e Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Field != "" {
		text += e.Field + ": "
	}
	text += e.Problem
	if e.Remedy != "" {
		text += " (" + e.Remedy + ")"
	}
	return text
}

// Errors are the mistakes of one file, in its order. Every error of a reader's
// content is of this type and holds at least one.
type Errors []Error

// Error is one mistake a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// mostErrors is after how many mistakes nobody reads on.
const mostErrors = 20

// mistake is an Error that knows only where it is in its text.
type mistake struct {
	at                     int // bytes before it
	field, problem, remedy string
}

// in places the mistakes in a file. The text begins at the line.
func in(file string, line int, text []byte, list []mistake) Errors {
	var all Errors
	for _, m := range list {
		before := text[:min(max(m.at, 0), len(text))]
		newlines := bytes.Count(before, []byte("\n"))
		all = append(all, Error{
			File: file, Line: line + newlines, Column: len(before) - bytes.LastIndexByte(before, '\n'),
			Field: m.field, Problem: m.problem, Remedy: m.remedy,
		})
	}
	return all
}

// cut keeps what is quoted of a file short.
func cut(text []byte) string {
	const most = 40
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most]) + "…"
}
