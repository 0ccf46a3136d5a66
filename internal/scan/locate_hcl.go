package scan

import (
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// hclBlock begins a block: its type and its labels.
var (
	hclBlock   = lazy.New(`^([A-Za-z_][\w-]*)((?:\s+(?:"[^"]*"|[A-Za-z_][\w-]*))*)\s*\{\s*(.*)$`)
	hclSetting = lazy.New(`^["']?([A-Za-z_][\w.-]*)["']?\s*[=:]\s*(.*)$`)
	hclHeredoc = lazy.New(`^<<[-~]?\s*"?(\w+)"?$`)
)

// hclReader reads the configuration language of Terraform, Vault, Nomad and others,
// one line at a time: blocks, settings, texts up to a word.
type hclReader struct {
	reader
	open []string // paths of the blocks
}

func readHCL(data []byte) []Setting {
	h := hclReader{reader: reader{lines: splitLines(data)}}
	for h.at < len(h.lines) {
		h.line()
	}
	return h.out
}

func (h *hclReader) line() {
	first := h.at
	text := strings.TrimSpace(h.lines[h.at])
	h.at++
	if len(text) > longestLine || isComment(text) {
		return
	}
	for strings.HasPrefix(text, "}") || strings.HasPrefix(text, "]") {
		if len(h.open) > 0 {
			h.open = h.open[:len(h.open)-1]
		}
		text = strings.TrimLeft(text[1:], " ,)")
	}
	if m := hclBlock.FindStringSubmatch(text); m != nil && m[1] != "else" {
		h.enter(m[1] + labels(m[2]))
		inside := m[3]
		if rest, is := strings.CutSuffix(inside, "}"); is {
			h.setting(first, strings.TrimSpace(rest))
			h.open = h.open[:len(h.open)-1]
		}
		return
	}
	h.setting(first, text)
}

func (h *hclReader) enter(name string) {
	if len(h.open) < deepest {
		h.open = append(h.open, join(h.path(), name))
	}
}

func (h *hclReader) path() string {
	if len(h.open) == 0 {
		return ""
	}
	return h.open[len(h.open)-1]
}

// labels are the names of a block as a part of a path.
func labels(text string) string {
	out := ""
	for _, w := range Words(text) {
		out += "." + w
	}
	return out
}

func (h *hclReader) setting(first int, text string) {
	m := hclSetting.FindStringSubmatch(text)
	if m == nil {
		return
	}
	value := strings.TrimSpace(m[2])
	switch mark := hclHeredoc.FindStringSubmatch(value); {
	case mark != nil:
		from := h.at
		for h.at < len(h.lines) && strings.TrimSpace(h.lines[h.at]) != mark[1] {
			h.at++
		}
		value = strings.Join(h.lines[from:h.at], "\n")
	case value == "{" || value == "[":
		h.enter(m[1])
		return
	default:
		value = tidy(value)
	}
	h.out = append(h.out, Setting{Line: first + 1, last: max(h.at, first+1), Key: join(h.path(), m[1]), Value: value})
}
