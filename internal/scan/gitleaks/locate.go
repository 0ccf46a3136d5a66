package gitleaks

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/zricethezav/gitleaks/v8/report"

	"rehome.dev/rehome/internal/scan"
)

// What is looked at around a keyword, in bytes: no token is longer, nor farther away.
// Windows that meet are one, up to widest.
const (
	before = 256
	after  = 1400
	widest = 32 << 10
)

// Prefix begins the name of every rule of this package.
const Prefix = "vendor: "

// bare is the key of what belongs to no setting, as package scan calls it.
const bare = "line"

// Locate finds the tokens of vendors in one file, in the order of their places. Doubtful
// is a value that stands beside a vendor's name and may be a token by its length alone.
// The key is that of the setting on the line.
func Locate(path string, data []byte) ([]scan.Place, error) {
	s := NewStream(path)
	if err := s.scan(data, 0, len(data)); err != nil {
		return nil, err
	}
	places := s.sorted()
	if len(places) == 0 {
		return nil, nil
	}
	keys := map[int]string{}
	_, settings := scan.Settings(path, data)
	for _, setting := range settings {
		keys[setting.Line] = setting.Printable()
	}
	for i := range places {
		key := cmp.Or(keys[places[i].Line], bare)
		if holds, err := Holds(key); err != nil {
			return nil, err
		} else if holds {
			key = notShown
		}
		places[i].Key = key
	}
	return places, nil
}

// notShown stands for a key that holds a token itself, as package scan writes it.
const notShown = "[not shown]"

// Holds says whether a text, such as a key or a name, holds a token itself.
func Holds(text string) (bool, error) {
	s := NewStream("")
	err := s.scan([]byte(text), 0, len(text))
	return len(s.places) > 0, err
}

// Stream is Locate for a text that is written to it piece by piece, in bounded memory.
// It has no keys.
type Stream struct {
	path   string
	text   []byte
	from   int // what stands before it in text has been searched
	line   int // of the first byte of text, from 1
	column int // bytes of that line that are gone already
	places []scan.Place
	seen   map[[2]int]int // line and column to the index in places
	passed *bool          // gitleaks passes over files of this name; nil is not known yet
}

// NewStream begins a text. The path is only that by which gitleaks passes over lock
// files and their like.
func NewStream(path string) *Stream {
	return &Stream{path: path, line: 1, seen: map[[2]int]int{}}
}

// piece is how much text is searched at once.
const piece = 256 << 10

func (s *Stream) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), piece+after-len(s.text))
		s.text = append(s.text, rest[:n]...)
		rest = rest[n:]
		if len(s.text) < piece+after {
			break
		}
		to := len(s.text) - after
		if err := s.scan(s.text, s.from, to); err != nil {
			return 0, err
		}
		s.drop(to - before)
		s.from = before
	}
	return len(p), nil
}

// drop forgets the first n bytes of the text.
func (s *Stream) drop(n int) {
	gone := s.text[:n]
	if last := bytes.LastIndexByte(gone, '\n'); last >= 0 {
		s.line += bytes.Count(gone, []byte{'\n'})
		s.column = n - last - 1
	} else {
		s.column += n
	}
	s.text = s.text[:copy(s.text, s.text[n:])]
}

// Places ends the text and gives what was found, in its order.
func (s *Stream) Places() ([]scan.Place, error) {
	if err := s.scan(s.text, s.from, len(s.text)); err != nil {
		return nil, err
	}
	s.text, s.from = nil, 0
	return s.sorted(), nil
}

func (s *Stream) sorted() []scan.Place {
	slices.SortFunc(s.places, func(a, b scan.Place) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return s.places
}

// scan looks around every keyword that begins within [from, to).
func (s *Stream) scan(text []byte, from, to int) error {
	var err error
	at, line := 0, s.line // as far as lines have been counted
	first, last := -1, -1 // the window that is still open
	look := func() {
		if first < 0 || err != nil {
			return
		}
		line += bytes.Count(text[at:first], []byte{'\n'})
		at = first
		err = s.window(text, first, last, line)
	}
	lookup().each(text, from, to, func(pos int) {
		a, b := around(text, pos)
		if first >= 0 && a <= last && b-first <= widest {
			last = max(last, b)
			return
		}
		look()
		first, last = a, b
	})
	look()
	return err
}

// around is what is looked at because of a keyword: whole lines as far as they go.
func around(text []byte, pos int) (from, to int) {
	from, to = max(0, pos-before), min(len(text), pos+after)
	if i := bytes.LastIndexByte(text[from:pos], '\n'); i >= 0 {
		from += i + 1
	}
	if i := bytes.IndexByte(text[pos:to], '\n'); i >= 0 {
		to = pos + i + 1
	}
	return from, to
}

// window lets gitleaks look at text[from:to], which begins in that line.
func (s *Stream) window(text []byte, from, to, line int) error {
	e, err := compiled()
	if err != nil {
		return err
	}
	if s.passed == nil {
		over := e.passesOver(s.path)
		s.passed = &over
	}
	if *s.passed {
		return nil
	}
	raw := string(text[from:to])
	for _, f := range e.detector.DetectString(raw) {
		s.note(text, from, raw, line, e, f)
	}
	return nil
}

// note adds every place at which a finding stands in the window. gitleaks gives the
// position of what its expression matched, which begins before the token.
func (s *Stream) note(text []byte, from int, raw string, line int, e *engine, f report.Finding) {
	doubtful := !certain[f.RuleID] && !slices.ContainsFunc(e.keywords[f.RuleID], func(k string) bool {
		return strings.Contains(strings.ToLower(f.Secret), k)
	})
	if f.Secret == "" {
		return
	}
	for at := 0; ; {
		i := strings.Index(raw[at:], f.Secret)
		if i < 0 {
			return
		}
		at += i
		p := scan.Place{Line: line + strings.Count(raw[:at], "\n"), Key: bare, Rule: Prefix + f.RuleID, Doubtful: doubtful}
		if last := bytes.LastIndexByte(text[:from+at], '\n'); last >= 0 {
			p.Column = from + at - last
		} else {
			p.Column = s.column + from + at + 1
		}
		s.add(p)
		at += len(f.Secret)
	}
}

// add keeps one place at one position: what is certain before what is doubtful, then
// the first rule by name, so that the order in which rules are tried tells nothing.
func (s *Stream) add(p scan.Place) {
	at := [2]int{p.Line, p.Column}
	i, known := s.seen[at]
	if !known {
		s.seen[at] = len(s.places)
		s.places = append(s.places, p)
		return
	}
	if was := s.places[i]; was.Doubtful && !p.Doubtful || was.Doubtful == p.Doubtful && p.Rule < was.Rule {
		s.places[i] = p
	}
}
