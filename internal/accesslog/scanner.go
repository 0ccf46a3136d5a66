package accesslog

import "strings"

// scanner goes through one JSON object (RFC 8259) without building it: strings
// keep their escapes, since no key and no value that is looked for has any. It is
// many times faster than decoding into a map.
type scanner struct {
	text string
	at   int
	each func(key, text string, inString bool)
}

const maxDepth = 8

// object reads one, the outermost with nothing behind it.
func (s *scanner) object(depth int) bool {
	s.at++ // {
	if s.blank(); s.is('}') {
		return depth > 0 || s.ended()
	}
	for {
		s.blank()
		key, ok := s.str()
		if s.blank(); !ok || !s.is(':') {
			return false
		}
		if !s.value(key, depth) {
			return false
		}
		s.blank()
		switch {
		case s.is(','):
		case s.is('}'):
			return depth > 0 || s.ended()
		default:
			return false
		}
	}
}

func (s *scanner) ended() bool {
	s.blank()
	return s.at == len(s.text)
}

func (s *scanner) value(key string, depth int) bool {
	s.blank()
	if s.at >= len(s.text) || depth > maxDepth {
		return false
	}
	switch s.text[s.at] {
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case '"':
		text, ok := s.str()
		if ok {
			s.each(key, text, true)
		}
		return ok
	}
	end := strings.IndexAny(s.text[s.at:], ",}] \t")
	if end <= 0 {
		return false
	}
	s.each(key, s.text[s.at:s.at+end], false)
	s.at += end
	return true
}

// array passes over one; what is in it has no key of its own, and none is looked for.
func (s *scanner) array(depth int) bool {
	s.at++ // [
	if s.blank(); s.is(']') {
		return true
	}
	for {
		if !s.value("", depth) {
			return false
		}
		s.blank()
		switch {
		case s.is(','):
		case s.is(']'):
			return true
		default:
			return false
		}
	}
}

func (s *scanner) str() (string, bool) {
	if s.at >= len(s.text) || s.text[s.at] != '"' {
		return "", false
	}
	n := quoted(s.text[s.at:])
	if n < 0 {
		return "", false
	}
	text := s.text[s.at+1 : s.at+n-1]
	s.at += n
	return text, true
}

func (s *scanner) is(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) blank() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
}
