package gitleaks

import "sync"

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
		if begins(text[pos:], k.word) && (k.name || inToken(text, pos, pos+len(k.word))) {
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

// The tokens of vendors are at least shortest bytes long; without a digit among
// their first bytes they are longer.
const shortest, shortestOfLetters = 13, 30

// inToken says whether what stands around [from, to) may be a token: a run of the
// characters that tokens have, long enough. It keeps "text_" and "files." away from
// the expressions.
func inToken(text []byte, from, to int) bool {
	digits := 0
	count := func(c byte) bool {
		if '0' <= c && c <= '9' {
			digits++
			return true
		}
		return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '-' || c == '.' || c == '~' || c == '/' || c == '+' || c == '=' || c == ':' || c == '@'
	}
	first, last := from, to
	for first > max(0, from-shortestOfLetters) && count(text[first-1]) {
		first--
	}
	for last < min(len(text), to+2*shortestOfLetters) && count(text[last]) {
		last++
	}
	n := last - first
	return n >= shortest && digits > 0 || n >= shortestOfLetters
}
