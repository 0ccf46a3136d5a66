package scan

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// Place is where a secret stands in a file: never what it is. Line and Column count
// from 1; they are 0 where the file as a whole is the secret, and Column also where
// it is not known. A column counts bytes. Key is the setting's key path, without
// anything that may be a part of a value, and Rule says why it was taken for a
// secret. Doubtful is what a person has to decide: it may as well be none.
type Place struct {
	Line     int
	Column   int
	Key      string
	Rule     string
	Doubtful bool
}

// The rules of Locate beyond those of Redact.
const (
	ruleKeyName  = "key name"
	rulePrivate  = "private key"
	ruleHash     = "password hash"
	ruleKeystore = "keystore"
	ruleDSN      = "dsn"
	ruleInside   = "key name inside a value"
	ruleDefault  = "default of a reference"
	ruleBase64   = "inside base64"
	ruleGzip     = "inside gzip"
	ruleRandom   = "random text"
	ruleComment  = "commented out"
)

// Locate finds the secrets of one file, in the order of its lines. The path decides
// how it is read only where the content does not. What is empty, a placeholder, a
// reference to a secret kept elsewhere, encrypted or public is none; a default
// password such as changeme is one, since it is in force where nobody changes it.
// Of a program's text only its literals count. A place that is Doubtful is for a
// person to decide and no finding: text that looks generated under a name that tells
// nothing, a secret in a comment, a word that may be a name.
func Locate(path string, data []byte) []Place {
	return locate(path, data, 0)
}

// locate is Locate for what stands as many wrappings deep.
func locate(path string, data []byte, depth int) []Place {
	if p, ok := keystore(path, data); ok {
		return []Place{p}
	}
	switch {
	case bytes.HasPrefix(data, gzipMagic):
		if depth > 0 {
			return nil
		}
		return zipped(path, data)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return locateText(path, fromUTF16(data), depth)
	case bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0:
		return nil
	}
	return locateText(path, data, depth)
}

func locateText(path string, data []byte, depth int) []Place {
	k := kindOf(path)
	l := locator{data: data, depth: depth, manner: k.manner, seen: map[Place]bool{}}
	l.hot = hotLines(data, !k.sums)
	if len(l.hot) == 0 && !k.colons && !(len(data) < 4096 && bytes.Count(data, []byte(":")) > 3) {
		return nil
	}
	switch {
	case l.fixed(path):
	case k.manner == asCode:
		l.code()
	case k.manner == asProse:
		l.prose()
	default:
		format, settings := settingsOf(path, data, l.hot)
		if format == FormatEncrypted {
			return nil
		}
		if format == FormatText || format == FormatWords && wordy(data) {
			l.manner = asProse
			l.prose()
			break
		}
		if k.translation {
			l.manner = asProse
		}
		l.settings(settings)
		l.lines(settings)
	}
	sortPlaces(l.places)
	return l.places
}

func sortPlaces(places []Place) {
	slices.SortStableFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Key, b.Key))
	})
}

// Secret says by which rule a setting, variable or argument of this name and
// value is a secret. The key is a path with "." or "/" between its parts.
func Secret(key, value string) (rule string, secret bool) {
	rule, v := judge(key, value, asConfig)
	if v != sure {
		return "", false
	}
	return rule, true
}

// judge says by which rule a value is a secret, and how surely.
func judge(key, value string, m manner) (rule string, v verdict) {
	if (key == "PWD" || key == "OLDPWD") && strings.HasPrefix(value, "/") { // a shell's directory
		return "", innocent
	}
	value = unquote(value)
	if value == "" {
		return "", innocent
	}
	if strings.Contains(value, "-----BEGIN ") && pemBegin.MatchString(value) && !harmless(value) {
		if body := value[pemBegin.FindStringIndex(value)[1]:]; len(body) < 16 || isExample(body) {
			return "", innocent
		}
		return rulePrivate, sure
	}
	if inner, is := defaultOf(value); is {
		if _, v := judge(key, inner, m); v == sure {
			return ruleDefault, sure
		}
		return "", innocent
	}
	rule, v = judgeValue(key, value, m)
	if v != innocent && harmless(value) {
		return "", innocent
	}
	return rule, v
}

// judgeValue is judge for a value that stands for itself.
func judgeValue(key, value string, m manner) (rule string, v verdict) {
	if rule := shape(value); rule != "" && !isExample(value) {
		return rule, sure
	}
	if secretName(key) && !pointsElsewhere(key, value) {
		if v := credible(value, strongName(key), m); v != innocent && !namesKey(key, value) {
			return ruleKeyName, v
		}
	}
	if keyLike(key, value) {
		return ruleKeyName, sure
	}
	if assigns(value, m) {
		return ruleInside, sure
	}
	return "", innocent
}

// namesKey says that a value is what a key is called elsewhere: secretKey: password.
func namesKey(key, value string) bool {
	_, last := splitKey(key)
	return strings.HasSuffix(last, "key") && lowerWord.MatchString(value)
}

// locator gathers the places of one file.
type locator struct {
	data      []byte
	hot       []line
	starts    []int  // offsets of the lines, once they are asked for
	isHotLine []bool // by line, once it is asked for
	manner    manner
	depth     int
	places    []Place
	seen      map[Place]bool
}

// found is what was found where: a secret on a line, the text of its value where that
// is known.
type found struct {
	line  int
	key   string
	rule  string
	value string
	v     verdict
	at    int // the value's offset, 0 where it is not known
}

func (l *locator) add(f found) {
	at := Place{Line: f.line, Key: f.key}
	if l.seen[at] {
		return
	}
	l.seen[at] = true
	l.places = append(l.places, Place{Line: f.line, Column: l.column(f), Key: cmp.Or(f.key, "line"), Rule: f.rule, Doubtful: f.v == doubtful})
}

func (l *locator) addAt(line, column int, key, rule string, v verdict) {
	p := Place{Line: line, Column: column, Key: cmp.Or(safeKey(key), "line"), Rule: rule, Doubtful: v == doubtful}
	at := Place{Line: line, Column: column, Key: p.Key}
	if v == innocent || l.seen[at] {
		return
	}
	l.seen[at] = true
	l.places = append(l.places, p)
}

// column is where the value begins on its line: behind the last part of its key,
// since the same word may be both.
func (l *locator) column(f found) int {
	start := l.lineStart(f.line)
	if f.at >= start && f.at > 0 {
		return f.at - start + 1
	}
	text := l.lineText(f.line)
	if len(text) > longestLine {
		return 0
	}
	from := 0
	if _, last := splitKey(strings.TrimSuffix(f.key, "/#text")); last != "" {
		if i := strings.Index(strings.ToLower(text), strings.Trim(last, "[]@#$")); i >= 0 && f.rule != rulePrivate {
			from = min(i+len(last), len(text))
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(f.value), "\n")
	if i := strings.Index(text[from:], first); i >= 0 && first != "" {
		return from + i + 1
	}
	if i := strings.Index(text, first); i >= 0 && first != "" {
		return i + 1
	}
	rest := strings.TrimLeft(text[from:], " \t\"'=:>]")
	if rest == "" {
		return len(text) - len(strings.TrimLeft(text, " \t")) + 1
	}
	return len(text) - len(rest) + 1
}

// lineStart is the offset at which a line begins.
func (l *locator) lineStart(n int) int {
	if l.starts == nil {
		l.starts = []int{0}
		for i, c := range l.data {
			if c == '\n' {
				l.starts = append(l.starts, i+1)
			}
		}
		l.starts = append(l.starts, len(l.data))
	}
	if n < 1 || n >= len(l.starts) {
		return len(l.data)
	}
	return l.starts[n-1]
}

// lineText is a line without its end.
func (l *locator) lineText(n int) string {
	if l.lineStart(n) == len(l.data) {
		return ""
	}
	return string(bytes.TrimRight(l.data[l.starts[n-1]:l.starts[n]], "\r\n"))
}

// isHot says whether a line from first to last is worth a look.
func (l *locator) isHot(first, last int) bool {
	if l.isHotLine == nil && len(l.hot) > 0 {
		l.isHotLine = make([]bool, l.hot[len(l.hot)-1].number+1)
		for _, h := range l.hot {
			l.isHotLine[h.number] = true
		}
	}
	for n := first; n <= last && n < len(l.isHotLine); n++ {
		if l.isHotLine[n] {
			return true
		}
	}
	return false
}

const longestLine = 64 << 10

// keystore recognises files of keys that are no text.
func keystore(path string, data []byte) (Place, bool) {
	lower := strings.ToLower(path)
	name := lower[strings.LastIndexByte(lower, '/')+1:]
	switch {
	case len(data) >= 16 && (bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}) || bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce})):
		// magic, version, count, then the kind of the first entry: 2 is a certificate.
		if data[15] == 2 {
			return Place{}, false
		}
	case isPKCS12(data), isPKCS8(data), len(data) > 4 && data[0] == 0x30 && (strings.HasSuffix(name, ".p12") || strings.HasSuffix(name, ".pfx") || strings.HasSuffix(name, ".jks")):
		if strings.Contains(name, "trust") || strings.Contains(name, "cacerts") {
			return Place{}, false
		}
	default:
		return Place{}, false
	}
	return Place{Key: ruleKeystore, Rule: ruleKeystore}, true
}

// isPKCS12 says whether data begins as a PFX does: a sequence, version 3, and in it
// the content type data (RFC 7292 and 2315).
func isPKCS12(data []byte) bool {
	body := derBody(data)
	return bytes.HasPrefix(body, []byte{0x02, 0x01, 0x03, 0x30}) && bytes.Contains(body[:min(len(body), 32)], []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01})
}

// isPKCS8 says whether data begins as a private key in DER does: a sequence, version
// 0 or 1, an algorithm and an octet string (RFC 5958), or version 0 and the numbers
// of an RSA key (RFC 8017).
func isPKCS8(data []byte) bool {
	body := derBody(data)
	if len(body) < 64 || !bytes.HasPrefix(body, []byte{0x02, 0x01}) || body[2] > 1 {
		return false
	}
	switch body[3] {
	case 0x30:
		n := int(body[4])
		return n > 4 && n < 48 && body[5] == 0x06 && len(body) > 5+n && body[5+n] == 0x04
	case 0x02:
		return body[4] == 0x82 && len(body) > 512
	}
	return body[2] == 1 && body[3] == 0x04 // RFC 5915: of an elliptic curve
}

// derBody is what stands in the sequence that begins data.
func derBody(data []byte) []byte {
	if len(data) < 8 || data[0] != 0x30 {
		return nil
	}
	if data[1] < 0x80 {
		return data[2:]
	}
	n := int(data[1] & 0x7f)
	if n > 4 || len(data) < 2+n {
		return nil
	}
	return data[2+n:]
}
