package scan

import "strings"

// Words splits a line at blanks outside of quotes, which it takes off: as a shell
// and systemd do, without replacing anything.
func Words(line string) []string {
	var out []string
	for _, w := range split(line) {
		out = append(out, w.text)
	}
	return out
}

// piece is a word and where it stands in its line, quotes and backslashes included.
type piece struct {
	text     string
	from, to int
}

func split(line string) []piece {
	var words []piece
	var text strings.Builder
	from, quote, escaped := -1, byte(0), false
	for i := 0; i < len(line); i++ {
		c := line[i]
		if blank := c == ' ' || c == '\t' || c == '\n' || c == '\r'; blank && quote == 0 && !escaped {
			if from >= 0 {
				words = append(words, piece{text.String(), from, i})
				text.Reset()
				from = -1
			}
			continue
		}
		if from < 0 {
			from = i
		}
		switch {
		case escaped:
			text.WriteByte(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		default:
			text.WriteByte(c)
		}
	}
	if from >= 0 {
		words = append(words, piece{text.String(), from, len(line)})
	}
	return words
}

// instead is what stands in the line for a word that is another now: in quotes if
// the word was.
func (p piece) instead(line, text string) string {
	was := line[p.from:p.to]
	if q := was[0]; len(was) > 1 && (q == '\'' || q == '"') && was[len(was)-1] == q && !strings.ContainsRune(text, rune(q)) {
		return string(q) + text + string(q)
	}
	return text
}
