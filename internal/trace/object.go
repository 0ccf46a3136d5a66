package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// object is a JSON object that is taken apart strictly: every key must be known,
// and stand there once. What is wrong with it is collected.
type object struct {
	path   string // of its own field, with a dot, or empty
	base   int    // where its text begins in the whole
	fields map[string]field
	wrong  []mistake
}

type field struct {
	value []byte
	at    int // where the value begins in the whole
}

// open takes an object apart. Of several keys of one name the first counts.
func open(text []byte, base int, path string) object {
	o := object{path: path, base: base, fields: map[string]field{}}
	d := json.NewDecoder(bytes.NewReader(text))
	broken := func(err error, problem string) object {
		o.broken(base+past(text, int(d.InputOffset())), err, problem)
		return o
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		o.broken(base, err, "is "+cut(bytes.TrimSpace(text))+": want an object, {…}")
		return o
	}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		if err != nil || !isText {
			return broken(err, "a key is no text")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return broken(err, "")
		}
		f := field{value: value, at: base + int(d.InputOffset()) - len(value)}
		if _, again := o.fields[name]; again {
			o.wrong = append(o.wrong, mistake{f.at, path + name, "stands there twice", "leave one of them out"})
			continue
		}
		o.fields[name] = f
	}
	if _, err := d.Token(); err != nil {
		return broken(err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		o.wrong = append(o.wrong, mistake{base + int(d.InputOffset()), o.name(), "something stands behind the object", "write one object, and nothing else"})
	}
	return o
}

func (o *object) name() string { return strings.TrimSuffix(o.path, ".") }

// past is where the next value begins.
func past(text []byte, at int) int {
	return len(text) - len(bytes.TrimLeft(text[min(at, len(text)):], " \t\r\n:,"))
}

// broken reports what is no JSON, or not this kind of it.
func (o *object) broken(at int, err error, problem string) {
	remedy := "write it as in rehome judge --help"
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		problem = "is no JSON: " + syntax.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, problem, remedy = o.base, "ends in the middle", "was it written to its end?"
	}
	o.wrong = append(o.wrong, mistake{at, o.name(), problem, remedy})
}

// knows reports every key that is not among these.
func (o *object) knows(names ...string) {
	var strange []mistake
	for name, f := range o.fields {
		if !slices.Contains(names, name) {
			strange = append(strange, mistake{f.at, o.path + name, "is no key of it", "the keys are " + strings.Join(names, ", ")})
		}
	}
	slices.SortFunc(strange, func(a, b mistake) int { return a.at - b.at })
	o.wrong = append(o.wrong, strange...)
}

func (o *object) has(name string) bool { _, found := o.fields[name]; return found }

// problem reports what is wrong with a field, or with the object where it has none
// of the name.
func (o *object) problem(name, remedy, format string, args ...any) {
	at := o.base
	if f, found := o.fields[name]; found {
		at = f.at
	}
	o.wrong = append(o.wrong, mistake{at, o.path + name, fmt.Sprintf(format, args...), remedy})
}
