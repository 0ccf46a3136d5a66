package scan

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var gzipMagic = []byte{0x1f, 0x8b, 0x08}

// unpackLimit is how much is taken out of a wrapping: what unpacks to more is cut off
// there.
const unpackLimit = 4 << 20

// zipped looks into a file that gzip made. What it finds has no line, since nobody
// sees one.
func zipped(path string, data []byte) []Place {
	return withoutLines(locate(strings.TrimSuffix(path, ".gz"), inflated(data), 1))
}

func withoutLines(places []Place) []Place {
	var out []Place
	seen := map[Place]bool{}
	for _, p := range places {
		p.Line, p.Column = 0, 0
		if p.Rule != ruleKeystore {
			p.Rule = ruleGzip
		}
		if !seen[p] {
			out = append(out, p)
		}
		seen[p] = true
	}
	return out
}

func inflated(data []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(z, unpackLimit)) // what is broken further on is read so far
	return out
}

// unwrap gives what stands in base64 behind a value, and whether that is text.
func unwrap(value string) (plain []byte, text bool) {
	value = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\n', '\r', '\t', '=':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, value)
	plain, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil || len(plain) == 0 {
		return nil, false
	}
	return plain, isText(plain)
}

func isText(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// wrapped judges a value that may be a whole text in base64, or look generated.
func (l *locator) wrapped(key, value string) (string, verdict) {
	if l.depth == 0 && len(value) >= 16 {
		if first := value[:min(16, len(value))]; strings.Trim(first, base64Letters) == "" {
			if plain, text := unwrap(value); text || bytes.HasPrefix(plain, gzipMagic) {
				if len(l.inner(key, plain)) > 0 {
					return ruleBase64, sure
				}
				return "", innocent
			} else if _, store := keystore("", plain); store {
				return ruleKeystore, sure
			}
		}
	}
	if generated(value) && !public(key) && l.manner != asProse {
		return ruleRandom, doubtful
	}
	return "", innocent
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"

// public says that a name speaks of what is random and no secret.
func public(key string) bool {
	words := keyParts(key)
	for _, w := range words {
		switch w {
		case "public", "pub", "cert", "certificate", "crt", "checksum", "sha", "sha1", "sha256", "sha512", "integrity", "fingerprint", "digest", "hash", "etag", "commit", "revision", "rev", "uuid", "guid", "image", "css", "font", "src", "href", "data", "id", "ids", "sitekey", "nonce", "modulus", "ca", "signature":
			return true
		}
	}
	return false
}

// inner finds what is surely a secret in a text that was wrapped in a value.
func (l *locator) inner(key string, plain []byte) []Place {
	if l.depth > 0 {
		return nil
	}
	if bytes.HasPrefix(plain, gzipMagic) {
		plain = inflated(plain)
	}
	var out []Place
	for _, p := range locate("", plain, l.depth+1) {
		if !p.Doubtful {
			out = append(out, p)
		}
	}
	return out
}

// fromUTF16 is a text of Windows as UTF-8.
func fromUTF16(data []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 0xfe {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}
