package scan

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// deepest bounds how far a document may be nested.
const deepest = 200

var errDeep = errors.New("the document is nested too deeply")

// lineCounter tells the line of an offset; offsets only go up.
type lineCounter struct {
	data []byte
	at   int
	line int
}

func (c *lineCounter) of(offset int64) int {
	to := min(int(offset), len(c.data))
	if to > c.at {
		c.line += bytes.Count(c.data[c.at:to], []byte("\n"))
		c.at = to
	}
	return c.line + 1
}

// level is an object or array that is open.
type level struct {
	path  string
	array bool
	next  int    // index of the next element
	key   string // of the value that comes, in an object
	named bool   // the key has been read
}

func (l *level) child() string {
	if l.array {
		l.next++
		return shortened(l.path) + "[" + strconv.Itoa(l.next-1) + "]"
	}
	l.named = false
	return join(l.path, l.key)
}

// readJSON reads one JSON document.
func readJSON(data []byte) ([]Setting, error) {
	whole := len(data)
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	count := lineCounter{data: data}
	var out []Setting
	var open []*level
	for {
		before := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line := count.of(d.InputOffset())
		var top *level
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		if delim, is := token.(json.Delim); is {
			switch delim {
			case '}', ']':
				open = open[:len(open)-1]
				continue
			}
			path := ""
			if top != nil {
				path = top.child()
			}
			if len(open) == deepest {
				return nil, errDeep
			}
			open = append(open, &level{path: path, array: delim == '['})
			continue
		}
		if top != nil && !top.array && !top.named {
			top.key, _ = token.(string)
			top.named = true
			continue
		}
		key := ""
		if top != nil {
			key = top.child()
		}
		text, is := token.(string)
		if !is && token != nil {
			text = fmt.Sprint(token)
		}
		at := before + len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n:,\"")) + whole - len(data)
		out = append(out, Setting{Line: line, last: line, offset: at, Key: key, Value: text})
	}
}

// element is an XML element that is open.
type element struct {
	path     string
	children map[string]int
	line     int
	text     strings.Builder
}

// readXML reads attributes and texts. The path of an attribute ends in /@name,
// that of a text in its element.
func readXML(data []byte) ([]Setting, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	count := lineCounter{data: data}
	var out []Setting
	open := []*element{{children: map[string]int{}}}
	seen := false
	for {
		from := d.InputOffset()
		line := count.of(from)
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(open) > 1 || !seen {
				return nil, errors.New("the document is not whole")
			}
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) == deepest {
				return nil, errDeep
			}
			seen = true
			e := top.open(t.Name.Local, line)
			tag := tagText{text: data[from:d.InputOffset()], line: line}
			for _, a := range t.Attr {
				at := tag.lineOf(a.Name.Local)
				out = append(out, Setting{Line: at, last: at + strings.Count(a.Value, "\n"), Key: shortened(e.path) + "/@" + a.Name.Local, Value: a.Value})
			}
			open = append(open, e)
		case xml.CharData:
			if top.text.Len() == 0 {
				top.line = count.of(d.InputOffset() - int64(len(bytes.TrimLeft(t, " \t\r\n"))))
			}
			top.text.Write(bytes.TrimSpace(t))
		case xml.EndElement:
			if len(open) == 1 {
				return nil, errors.New("an element ends that never began")
			}
			if text := top.text.String(); text != "" {
				out = append(out, Setting{Line: top.line, last: line, Key: top.path + "/#text", Value: text})
			}
			open = open[:len(open)-1]
		}
	}
}

// tagText is a tag that is gone through for its attributes, in their order.
type tagText struct {
	text []byte
	line int // at which the text begins
}

// lineOf is the line of the next attribute with this name.
func (t *tagText) lineOf(name string) int {
	for at := 0; at < len(t.text); {
		i := bytes.Index(t.text[at:], []byte(name))
		if i < 0 {
			break
		}
		from := at + i
		at = from + len(name)
		rest := bytes.TrimLeft(t.text[at:], " \t\r\n")
		if len(rest) > 0 && rest[0] == '=' && from > 0 && (t.text[from-1] <= ' ' || t.text[from-1] == ':') {
			t.line += bytes.Count(t.text[:from], []byte("\n"))
			found := t.line
			t.line += bytes.Count(t.text[from:at], []byte("\n"))
			t.text = t.text[at:]
			return found
		}
	}
	return t.line
}

func (e *element) open(name string, line int) *element {
	path := name
	if e.path != "" {
		path = shortened(e.path) + "/" + name
	}
	if n := e.children[name]; n > 0 {
		path += "[" + strconv.Itoa(n) + "]"
	}
	e.children[name]++
	return &element{path: path, children: map[string]int{}, line: line}
}
