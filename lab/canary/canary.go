// Package canary looks for secrets where none may be: values that are planted for a
// test and known to nobody else. It finds pieces of them, as they are and as they are
// often written; in files, and in the arguments and variables of processes.
//
// It must not know who might have told them, nor where they may stand.
package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Piece is how many bytes of a secret in a row already give it away.
const Piece = 8

// Set are secrets by their names, ready to be looked for. It can be used by several
// goroutines.
type Set struct {
	names   []string
	pieces  map[[Piece]byte][]piece
	perhaps [1 << 16]bool // by the last two bytes of a key
}

// piece is a text that gives a secret away. Its last eight bytes are the key under
// which it is kept.
type piece struct {
	text string
	of   int // names[of]
}

// New takes the secrets. Each must be two pieces long at least, so that no innocent
// text is taken for one.
func New(secrets map[string][]byte) (*Set, error) {
	s := &Set{names: slices.Sorted(maps.Keys(secrets)), pieces: map[[Piece]byte][]piece{}}
	for i, name := range s.names {
		value := secrets[name]
		if len(value) < 2*Piece {
			return nil, fmt.Errorf("the secret %s is too short to be looked for", name)
		}
		s.add(i, string(value), Piece)
		s.add(i, hex.EncodeToString(value), 2*Piece)
		s.add(i, fmt.Sprintf("%X", value), 2*Piece)
		for _, once := range base64s(value) {
			s.add(i, once, 2*Piece)
			for _, twice := range base64s([]byte(once)) { // a Secret of it, shown
				s.add(i, twice, 2*Piece)
			}
		}
	}
	return s, nil
}

// base64s are how the bytes look within a longer text in base64: in three ways, by
// where in it they begin, and with both alphabets (RFC 4648). The characters at both
// ends that depend on the neighbours are left out.
func base64s(value []byte) []string {
	var out []string
	for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := code.EncodeToString(append(make([]byte, before), value...))
			from := (before*8 + 5) / 6
			out = append(out, text[from:(before+len(value))*8/6])
		}
	}
	return out
}

// add keeps every piece of n bytes of a text.
func (s *Set) add(of int, text string, n int) {
	for i := 0; i+n <= len(text); i++ {
		p := piece{text[i : i+n], of}
		key := [Piece]byte([]byte(p.text[n-Piece:]))
		if !slices.Contains(s.pieces[key], p) {
			s.pieces[key] = append(s.pieces[key], p)
			s.perhaps[last(key[:])] = true
		}
	}
}

func last(b []byte) int { return int(b[len(b)-2])<<8 | int(b[len(b)-1]) }

// Names are the names of all secrets.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Find names the secrets of which a piece is in the text, or in what the text unpacks
// to where it is packed by gzip. It never gives a value.
func (s *Set) Find(text []byte) []string {
	found := make([]bool, len(s.names))
	s.find(text, found, 2)
	var out []string
	for i, is := range found {
		if is {
			out = append(out, s.names[i])
		}
	}
	return out
}

// mostUnpacked bounds what one packed text is unpacked to.
const mostUnpacked = 256 << 20

func (s *Set) find(text []byte, found []bool, deep int) {
	for i := Piece; i <= len(text); i++ {
		if !s.perhaps[last(text[i-2:i])] {
			continue
		}
		for _, p := range s.pieces[[Piece]byte(text[i-Piece:i])] {
			if !found[p.of] && i >= len(p.text) && string(text[i-len(p.text):i]) == p.text {
				found[p.of] = true
			}
		}
	}
	if deep == 0 || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return
	}
	if z, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		inner, _ := io.ReadAll(io.LimitReader(z, mostUnpacked)) // a damaged end does not hide its beginning
		s.find(inner, found, deep-1)
	}
}
