package metrics

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Selector picks series by name and labels as an instant selector of PromQL does,
// where no Prometheus is asked.
type Selector struct {
	Name string
	text string
	all  []matcher
}

// matcher is one condition. A label that a series does not have is empty.
type matcher struct {
	label, value string
	pattern      *regexp.Regexp // for =~ and !~, anchored
	not          bool
}

// String is the selector as it was written.
func (s Selector) String() string { return s.text }

// Match says whether a series of the selector's name has such labels.
func (s Selector) Match(labels map[string]string) bool {
	for _, m := range s.all {
		found := m.value == labels[m.label]
		if m.pattern != nil {
			found = m.pattern.MatchString(labels[m.label])
		}
		if found == m.not {
			return false
		}
	}
	return true
}

// errNoSelector is what an expression is told.
var errNoSelector = errors.New("want a plain selector of counters, without a function or a range")

// ParseSelector reads NAME{label="value",…} with the operators =, !=, =~ and !~.
// The name must be said literally, in front or as __name__="…".
func ParseSelector(text string) (Selector, error) {
	s := Selector{text: strings.TrimSpace(text)}
	if s.text == "" {
		return s, errors.New("the migration names no selector")
	}
	var rest string
	s.Name, rest = word(s.text, true)
	if rest = strings.TrimLeft(rest, blank); rest != "" {
		if rest[0] != '{' {
			return s, errNoSelector
		}
		var err error
		if rest, err = s.matchers(rest[1:]); err != nil {
			return s, err
		}
		if strings.TrimLeft(rest, blank) != "" {
			return s, errNoSelector
		}
	}
	if s.Name == "" {
		return s, errors.New("the selector names no metric")
	}
	return s, nil
}

const blank = " \t\r\n"

// matchers reads what stands behind the brace, and gives what follows its end.
func (s *Selector) matchers(rest string) (string, error) {
	for {
		rest = strings.TrimLeft(rest, blank)
		if after, ended := strings.CutPrefix(rest, "}"); ended {
			return after, nil
		}
		m := matcher{}
		if m.label, rest = word(rest, false); m.label == "" {
			return "", errors.New("want the name of a label, or } at the end")
		}
		operator := ""
		rest = strings.TrimLeft(rest, blank)
		for _, o := range []string{"=~", "!~", "!=", "="} {
			if strings.HasPrefix(rest, o) {
				operator = o
				break
			}
		}
		if operator == "" {
			return "", fmt.Errorf("label %s: want =, !=, =~ or !~", m.label)
		}
		var err error
		if m.value, rest, err = quoted(strings.TrimLeft(rest[len(operator):], blank)); err != nil {
			return "", fmt.Errorf("label %s: %w", m.label, err)
		}
		m.not = operator[0] == '!'
		if strings.HasSuffix(operator, "~") {
			if m.pattern, err = regexp.Compile("^(?s:" + m.value + ")$"); err != nil {
				return "", fmt.Errorf("label %s: not a regular expression", m.label)
			}
		}
		if m.label == "__name__" {
			if operator != "=" || s.Name != "" {
				return "", errors.New("the metric must be named once, without an expression")
			}
			s.Name = m.value
		} else {
			s.all = append(s.all, m)
		}
		rest = strings.TrimLeft(rest, blank)
		if after, more := strings.CutPrefix(rest, ","); more {
			rest = after
		} else if !strings.HasPrefix(rest, "}") {
			return "", errors.New("want , or } behind a label")
		}
	}
}

// word cuts off a name: of a metric, which may have colons, or of a label.
func word(text string, metric bool) (name, rest string) {
	i := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && (r != ':' || !metric)
	})
	if i < 0 {
		i = len(text)
	}
	if i > 0 && text[0] >= '0' && text[0] <= '9' {
		return "", text
	}
	return text[:i], text[i:]
}

// quoted cuts off a string in one of PromQL's three quotes.
func quoted(text string) (value, rest string, err error) {
	if text == "" || !strings.ContainsRune("\"'`", rune(text[0])) {
		return "", "", errors.New("want a value in quotes")
	}
	quote, body := text[0], text[1:]
	if quote == '`' {
		value, rest, closed := strings.Cut(body, "`")
		if !closed {
			return "", "", errors.New("the value has no end")
		}
		return value, rest, nil
	}
	var out strings.Builder
	for body != "" && body[0] != quote {
		r, wide, after, err := strconv.UnquoteChar(body, quote)
		if err != nil {
			return "", "", errors.New("the value cannot be read")
		}
		if wide {
			out.WriteRune(r)
		} else {
			out.WriteByte(byte(r))
		}
		body = after
	}
	if body == "" {
		return "", "", errors.New("the value has no end")
	}
	return out.String(), body[1:], nil
}
