package gitleaks

import (
	"bytes"
	"sync"
)

// table finds keywords, whatever their case, at about the speed at which memory is
// read. Three letters are fifteen bits, five of each, in which both cases of a
// letter are the same; a set of all those with which a keyword begins says at almost
// every place of a text that none does.
type table struct {
	set   [1 << 15 / 64]uint64
	words map[uint][]keyword
}

var lookup = sync.OnceValue(func() *table {
	t := &table{words: map[uint][]keyword{}}
	for _, k := range keywords() {
		if len(k.word) == 2 {
			for third := range uint(32) {
				t.put(triple(k.word[0], k.word[1], 0)|third, k)
			}
			continue
		}
		t.put(triple(k.word[0], k.word[1], k.word[2]), k)
	}
	return t
})

func triple(a, b, c byte) uint { return uint(a&31)<<10 | uint(b&31)<<5 | uint(c&31) }

func (t *table) put(code uint, k keyword) {
	t.set[code/64] |= 1 << (code % 64)
	t.words[code] = append(t.words[code], k)
}

// each calls hit with the position of every keyword that begins within [from, to),
// and around which there is enough of a token.
func (t *table) each(text []byte, from, to int, hit func(pos int)) {
	code := uint(0)
	for i := from; i < min(len(text), to+2); i++ {
		code = (code<<5 | uint(text[i]&31)) & (1<<15 - 1)
		if t.set[code/64]&(1<<(code%64)) != 0 && i >= from+2 && t.at(text, i-2, code) {
			hit(i - 2)
		}
	}
}

func (t *table) at(text []byte, pos int, code uint) bool {
	for _, k := range t.words[code] {
		if !begins(text[pos:], k.word) {
			continue
		}
		if check := sharper[k.word]; check != nil && !check(text, pos) {
			continue
		}
		if k.name || inToken(text, pos, pos+len(k.word)) {
			return true
		}
	}
	return false
}

// begins compares without regard to case; word is in lower case.
func begins(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// The tokens of vendors are at least shortest bytes long; those without a digit have
// many letters in a row.
const shortest, inARow = 13, 24

// inToken says whether what stands around [from, to) may be a token: a run of the
// characters that tokens have, long enough. It keeps "text_" and "files." away from
// the expressions.
func inToken(text []byte, from, to int) bool {
	first, last := from, to
	for first > max(0, from-shortest) && ofToken(text[first-1]) {
		first--
	}
	for last < min(len(text), to+3*shortest) && ofToken(text[last]) {
		last++
	}
	if last-first < shortest {
		return false
	}
	row := 0
	for _, c := range text[first:last] {
		switch {
		case '0' <= c && c <= '9':
			return true
		case isLetter(c):
			if row++; row == inARow {
				return true
			}
		default:
			row = 0
		}
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func ofToken(c byte) bool {
	switch c {
	case '_', '-', '.', '~', '/', '+', '=', ':', '@':
		return true
	}
	return isLetter(c) || '0' <= c && c <= '9'
}

// sharper are checks of the shortest keywords, which are parts of many words: what
// gitleaks' expressions demand right beside them.
var sharper = map[string]func(text []byte, pos int) bool{
	"s.": func(text []byte, pos int) bool { // s. and 24 letters and digits
		return (pos == 0 || !ofToken(text[pos-1])) && pos+26 <= len(text) && bytes.IndexFunc(text[pos+2:pos+26], func(r rune) bool {
			return r > 'z' || !isLetter(byte(r)) && (r < '0' || r > '9')
		}) < 0
	},
	"sk": func(text []byte, pos int) bool { // SK and 32 digits of base 16
		return text[pos] == 'S' && text[pos+1] == 'K' && pos+34 <= len(text) && isHex(text[pos+2]) && isHex(text[pos+3]) && isHex(text[pos+4])
	},
	"q~": func(text []byte, pos int) bool {
		return pos > 3 && text[pos] == 'Q' && '0' <= text[pos-1] && text[pos-1] <= '9'
	},
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
