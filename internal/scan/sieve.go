package scan

import (
	"bytes"
	"strings"
)

// A line is looked at only where something in it could make it a secret. The sieve
// says which lines those are, in one pass over the text for the words, one for the
// signs of an address with a password, and one for long words.

// why says what about a line caught the sieve.
type why uint8

const (
	whyWord why = 1 << iota // a word of secrets' names
	whyAt                   // user:password@host
	whyRun                  // a long word of letters and digits
	whyFlag                 // a program that takes a password behind a letter
	whyNext                 // the line before asks for its value
)

// line is one line of a text, without what ends it.
type line struct {
	from, to int // offsets
	number   int // from 1
	why      why
}

// stems are what some part of every name that secretName knows contains, and of
// every shape that no other pass finds.
var stems = []string{
	"pass", "pwd", "pw=", "pw:", "pw ", "pw\"", "pw'", "passcode", "secret", "token", "cred", "key", "auth", "salt", "psk", "hmac", "communit",
	"bearer", "basic", "-----begin", "cookie", "mnemonic", "apr1$", "$2a$", "$2b$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$7$", "{ssha", "{sha", "argon2",
	"/services/", "/webhooks/", "connectionstring", "connect(", "connection(", "createuser", "sqlconnectinfo", "pdo(", "mysqli(", "\"encrypt\"", "identified by", "(description",
}

// flagStems are the clients of arguments.go.
var flagStems = []string{"mysql", "mariadb", "mongo", "redis-cli", "ldap", "sqlcmd", "isql", "curl", "wget", "smbclient", "lftp", "rclone", "sshpass", "login -"}

// sieve is a search for all stems at once: for the two bytes at the end of a window
// of three, how far the window can be moved on (Wu and Manber, 1994).
type sieve struct {
	shift [1 << 16]uint8
	words [256][]stem // by their first byte, in lower case
}

type stem struct {
	text string
	why  why
}

var theSieve = newSieve()

func newSieve() *sieve {
	s := &sieve{}
	for i := range s.shift {
		s.shift[i] = 2
	}
	for _, w := range stems {
		s.put(stem{w, whyWord})
	}
	for _, w := range flagStems {
		s.put(stem{w, whyFlag})
	}
	return s
}

func (s *sieve) put(w stem) {
	for _, first := range cases(w.text[0]) {
		s.words[first] = append(s.words[first], w)
	}
	for at, shift := range []uint8{1, 0} {
		for _, a := range cases(w.text[at]) {
			for _, b := range cases(w.text[at+1]) {
				i := int(a)<<8 | int(b)
				s.shift[i] = min(s.shift[i], shift)
			}
		}
	}
}

func cases(c byte) []byte {
	if c >= 'a' && c <= 'z' {
		return []byte{c, c - 'a' + 'A'}
	}
	return []byte{c}
}

func lowered(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (s *sieve) match(data []byte, at int) why {
	var found why
	for _, w := range s.words[data[at]] {
		if w.why&found == 0 && hasFold(data[at:], w.text) {
			found |= w.why
		}
	}
	return found
}

// hasFold says whether data begins with lower, which is in lower case.
func hasFold(data []byte, lower string) bool {
	if len(data) < len(lower) {
		return false
	}
	for i := range len(lower) {
		if lowered(data[i]) != lower[i] {
			return false
		}
	}
	return true
}

// words calls found for the stems of data, in their order. found gives the offset at
// which to go on.
func (s *sieve) scan(data []byte, found func(at int, w why) int) {
	for i := 1; i+1 < len(data); {
		move := s.shift[int(data[i])<<8|int(data[i+1])]
		if move > 0 {
			i += int(move)
			continue
		}
		if w := s.match(data, i-1); w != 0 {
			i = max(found(i-1, w), i) + 1
			continue
		}
		i++
	}
}

// hotLines are the lines of data that are worth a look, in their order.
func hotLines(data []byte, runs bool) []line {
	var words, others []hit
	theSieve.scan(data, func(at int, w why) int {
		words = append(words, hit{at, w})
		if w == whyWord { // nothing more to learn of this line but programs, and they come first
			if end := bytes.IndexByte(data[at:], '\n'); end >= 0 {
				return at + end
			}
			return len(data)
		}
		return at
	})
	others = addresses(data, others)
	words = merged(words, others)
	if runs {
		words = merged(words, longWords(data))
	}
	return linesOf(data, words)
}

// hasStem says whether a text holds a stem at all.
func hasStem(text string) bool {
	s := theSieve
	for i := 1; i+1 < len(text); {
		move := s.shift[int(text[i])<<8|int(text[i+1])]
		if move > 0 {
			i += int(move)
			continue
		}
		for _, w := range s.words[text[i-1]] {
			if w.why == whyWord && len(text)-i+1 >= len(w.text) && strings.EqualFold(text[i-1:i-1+len(w.text)], w.text) {
				return true
			}
		}
		i++
	}
	return false
}

type hit struct {
	at  int
	why why
}

// merged is both lists, each in its order, as one in its order.
func merged(a, b []hit) []hit {
	if len(b) == 0 {
		return a
	}
	out := make([]hit, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].at <= b[0].at {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// addresses finds every @ that has a colon in the word before it.
func addresses(data []byte, out []hit) []hit {
	for at := 0; ; at++ {
		next := bytes.IndexByte(data[at:], '@')
		if next < 0 {
			return out
		}
		at += next
		for i := at - 1; i >= 0 && i > at-256; i-- {
			c := data[i]
			if c == ':' || c == '/' && i > 0 && data[i-1] != '/' && data[i-1] != ':' {
				out = append(out, hit{at, whyAt})
				break
			}
			if c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '(' && i+1 == at {
				break
			}
		}
	}
}

// wordByte marks what a token is made of.
var wordByte = func() (t [256]bool) {
	for c := range 256 {
		t[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '+' || c == '='
	}
	return t
}()

// longWord is how long a word is that nobody chose.
const longWord = 20

// longWords finds words of at least longWord bytes with letters and digits: one byte
// in longWord is looked at, since no such word can hide between two.
func longWords(data []byte) []hit {
	var out []hit
	for i := longWord - 1; i < len(data); i += longWord {
		if !wordByte[data[i]] {
			continue
		}
		from, to := i, i+1
		for from > 0 && wordByte[data[from-1]] {
			from--
		}
		for to < len(data) && wordByte[data[to]] {
			to++
		}
		if to-from >= longWord && lettersAndDigits(data[from:to]) {
			out = append(out, hit{from, whyRun})
		}
		i = to - 1
	}
	return out
}

func lettersAndDigits(word []byte) bool {
	letters, digits := 0, 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '_' && c != '-' && c != '+' && c != '=':
			letters++
		}
	}
	return letters > 2 && digits > 1
}

// linesOf gathers what was hit by line. The hits are in order.
func linesOf(data []byte, hits []hit) []line {
	var out []line
	number, counted := 1, 0
	for _, h := range hits {
		if n := len(out); n > 0 && h.at <= out[n-1].to {
			out[n-1].why |= h.why
			continue
		}
		from := bytes.LastIndexByte(data[:h.at], '\n') + 1
		to := len(data)
		if end := bytes.IndexByte(data[h.at:], '\n'); end >= 0 {
			to = h.at + end
		}
		number += bytes.Count(data[counted:from], []byte("\n"))
		counted = from
		if to > from && data[to-1] == '\r' {
			to--
		}
		out = append(out, line{from: from, to: to, number: number, why: h.why})
	}
	return out
}
