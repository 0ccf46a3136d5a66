package scan

import (
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// yamlReader reads the part of YAML that configuration is written in, with the
// lines that no decoder keeps: block mappings and sequences, scalars of all
// kinds, flow collections. It resolves no anchors, and what it cannot read it
// leaves to the rules that look at single lines.
type yamlReader struct {
	reader
	open     []yamlLevel
	document int
}

type yamlLevel struct {
	indent int
	path   string // of the mapping or sequence that begins at this indent
	next   int    // elements seen, of a sequence
	item   bool
}

func readYAML(data []byte) []Setting {
	y := yamlReader{reader: reader{lines: splitLines(data)}}
	for y.at < len(y.lines) {
		y.yamlLine()
	}
	return y.out
}

func (y *yamlReader) yamlLine() {
	raw := y.lines[y.at]
	text := strings.TrimSpace(raw)
	first := y.at
	y.at++
	switch {
	case text == "" || text[0] == '#' || text[0] == '%' || len(text) > longestLine:
		return
	case strings.HasPrefix(raw, "---"), strings.HasPrefix(raw, "..."):
		y.open = nil
		y.document++
		if strings.HasPrefix(text, "-----BEGIN ") {
			y.skipPEM(text)
		}
		return
	}
	indent := len(raw) - len(strings.TrimLeft(raw, " \t"))
	y.node(first, indent, text)
}

// node reads what begins at this indent: an element, a key, or a scalar alone.
func (y *yamlReader) node(first, indent int, text string) {
	for n := 0; (text == "-" || strings.HasPrefix(text, "- ")) && n < deepest; n++ {
		path := y.element(indent)
		rest := strings.TrimLeft(text[1:], " ")
		if rest == "" || rest[0] == '#' {
			return
		}
		indent += len(text) - len(rest)
		y.open = append(y.open, yamlLevel{indent: indent, path: path})
		text = rest
	}
	name, value, is := yamlKey(text)
	if !is {
		y.value(first, indent-1, y.parent(indent, false), text)
		return
	}
	key := join(y.parent(indent, false), unquote(name))
	value = properties(value)
	if value == "" || value[0] == '#' {
		if len(y.open) < deepest {
			y.open = append(y.open, yamlLevel{indent: indent + 1, path: key})
		}
		if !y.deeper(indent) {
			y.emit(first, key, "")
		}
		return
	}
	y.value(first, indent, key, value)
}

// yamlKey splits a line of a block mapping into its key, with the quotes, and
// what follows on the line.
func yamlKey(text string) (key, value string, is bool) {
	text = strings.TrimPrefix(text, "? ")
	from := 0
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		if from = strings.IndexByte(text[1:], text[0]) + 2; from < 2 {
			return "", "", false
		}
	}
	if text == "" || strings.ContainsRune("#[]{},&*!|>%@`", rune(text[0])) {
		return "", "", false
	}
	for i := from; i < len(text); i++ {
		switch {
		case text[i] == '#' && i > 0 && text[i-1] == ' ':
			return "", "", false
		case text[i] == ':' && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t'):
			return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:]), i > 0
		}
	}
	return "", "", false
}

// parent is the path of the collection to which a key at this indent belongs.
func (y *yamlReader) parent(indent int, item bool) string {
	for len(y.open) > 0 {
		top := y.open[len(y.open)-1]
		if top.indent <= indent && (!top.item || item) {
			return top.path
		}
		if top.item && top.indent < indent {
			return top.path + "[" + strconv.Itoa(max(top.next-1, 0)) + "]"
		}
		y.open = y.open[:len(y.open)-1]
	}
	return ""
}

// element begins the next element of the sequence whose dash is at this indent.
func (y *yamlReader) element(indent int) string {
	for len(y.open) > 0 {
		top := &y.open[len(y.open)-1]
		if top.item && top.indent == indent {
			top.next++
			return top.path + "[" + strconv.Itoa(top.next-1) + "]"
		}
		if top.indent <= indent || !top.item && top.indent == indent+1 {
			break // a sequence may stand at the indent of its key
		}
		y.open = y.open[:len(y.open)-1]
	}
	path := ""
	if len(y.open) > 0 {
		path = y.open[len(y.open)-1].path
	}
	y.open = append(y.open, yamlLevel{indent: indent, path: path, next: 1, item: true})
	return path + "[0]"
}

// deeper says whether something belongs to the key that ended its line.
func (y *yamlReader) deeper(indent int) bool {
	for i := y.at; i < len(y.lines); i++ {
		text := strings.TrimSpace(y.lines[i])
		if text == "" || text[0] == '#' {
			continue
		}
		in := len(y.lines[i]) - len(strings.TrimLeft(y.lines[i], " \t"))
		return in > indent || in == indent && (text == "-" || strings.HasPrefix(text, "- "))
	}
	return false
}

func (y *yamlReader) emit(first int, key, value string) {
	y.out = append(y.out, Setting{Line: first + 1, last: y.at, Key: key, Value: value, document: y.document})
}

var yamlProperty = lazy.New(`^(?:&\S+|!(?:!\w+|<[^>]*>)?)(?:\s+|$)`)

// properties takes anchors and the tags of YAML's own types off a value. A tag of
// an application stays: !vault, !secret.
func properties(value string) string {
	value = strings.TrimSpace(value)
	for {
		at := yamlProperty.FindString(value)
		if at == "" {
			return value
		}
		value = value[len(at):]
	}
}

// value reads a scalar or a flow collection that begins on this line. indent is
// that of its key.
func (y *yamlReader) value(first, indent int, key, text string) {
	tag := ""
	if text[0] == '!' {
		tag, text, _ = strings.Cut(text, " ")
		tag += " "
		text = strings.TrimSpace(text)
	}
	switch {
	case text == "":
		y.emit(first, key, tag)
	case text[0] == '|' || text[0] == '>':
		y.emit(first, key, tag+y.block(indent))
	case text[0] == '{' || text[0] == '[':
		y.flow(first, key, text)
	case text[0] == '"' || text[0] == '\'':
		for !closed(text) && y.at < len(y.lines) && y.at < first+200 {
			text += " " + strings.TrimSpace(y.lines[y.at])
			y.at++
		}
		y.emit(first, key, tag+tidy(text))
	default:
		if i := strings.Index(text, " #"); i >= 0 {
			text = text[:i]
		}
		if more := y.block(indent); more != "" { // a plain scalar goes on while it is deeper
			text += " " + more
		}
		y.emit(first, key, tag+strings.TrimSpace(text))
	}
}

// block takes all lines that are deeper than indent.
func (y *yamlReader) block(indent int) string {
	var out []string
	for y.at < len(y.lines) {
		raw := y.lines[y.at]
		text := strings.TrimLeft(raw, " \t")
		if text != "" && len(raw)-len(text) <= indent {
			break
		}
		out = append(out, text)
		y.at++
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// flow reads a collection in braces or brackets, over lines until it is closed.
func (y *yamlReader) flow(first int, key, text string) {
	for n := 0; !balanced(text) && y.at < len(y.lines) && n < 500 && len(text) < longestLine; n++ {
		text += "\n" + strings.TrimSpace(y.lines[y.at])
		y.at++
	}
	f := flowReader{text: text, line: first + 1}
	f.collection(key, 0)
	for i := range f.out {
		f.out[i].last = max(f.out[i].Line, f.out[i].last)
		f.out[i].document = y.document
	}
	y.out = append(y.out, f.out...)
}

// balanced says whether all brackets outside of quotes are closed.
func balanced(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"', '\'':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && c == '"' {
					i++
				}
			}
		}
	}
	return depth <= 0
}
