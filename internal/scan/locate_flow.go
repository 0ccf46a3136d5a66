package scan

import (
	"strconv"
	"strings"
)

// flowReader reads a YAML collection in braces or brackets.
type flowReader struct {
	text string
	at   int
	line int
	out  []Setting
}

func (f *flowReader) peek() byte {
	for f.at < len(f.text) {
		switch c := f.text[f.at]; c {
		case ' ', '\t':
			f.at++
		case '\n':
			f.line++
			f.at++
		default:
			return c
		}
	}
	return 0
}

// collection reads from its opening bracket to behind the closing one, or to the
// end of the text.
func (f *flowReader) collection(path string, depth int) {
	mapping := f.peek() == '{'
	f.at++
	for n := 0; ; {
		switch f.peek() {
		case 0:
			return
		case '}', ']':
			f.at++
			return
		case ',':
			f.at++
			continue
		}
		at := f.at
		child := path + "[" + strconv.Itoa(n) + "]"
		if mapping {
			child = join(path, f.scalar(true))
			if f.peek() == ':' {
				f.at++
			}
		}
		f.member(child, depth)
		n++
		if f.at == at {
			f.at++
		}
	}
}

func (f *flowReader) member(path string, depth int) {
	switch c := f.peek(); {
	case (c == '{' || c == '[') && depth < deepest:
		f.collection(path, depth+1)
	case c == 0 || c == '}' || c == ']' || c == ',':
	default:
		line := f.line
		f.out = append(f.out, Setting{Line: line, Key: path, Value: f.scalar(false)})
	}
}

// scalar reads a word or a quoted text; a key ends at its colon.
func (f *flowReader) scalar(key bool) string {
	if q := f.peek(); q == '"' || q == '\'' {
		start := f.at + 1
		for f.at++; f.at < len(f.text) && f.text[f.at] != q; f.at++ {
			if f.text[f.at] == '\\' && q == '"' {
				f.at++
			}
		}
		end := min(f.at, len(f.text))
		f.at = min(f.at+1, len(f.text))
		f.line += strings.Count(f.text[start:end], "\n")
		return f.text[start:end]
	}
	start := f.at
	for f.at < len(f.text) && !strings.ContainsRune(",{}[]\n", rune(f.text[f.at])) {
		if key && f.text[f.at] == ':' {
			break
		}
		if !key && f.text[f.at] == '$' && strings.HasPrefix(f.text[f.at:], "${") {
			if i := strings.IndexByte(f.text[f.at:], '}'); i > 0 {
				f.at += i
			}
		}
		f.at++
	}
	return strings.TrimSpace(f.text[start:f.at])
}
