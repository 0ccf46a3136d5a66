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
)

// Locate finds the secrets of one configuration file, in the order of its lines.
// The path decides the format only where the content does not. What is empty, a
// placeholder, a reference to a secret kept elsewhere, encrypted or public is
// none.
func Locate(path string, data []byte) []Place {
	if p, ok := keystore(path, data); ok {
		return []Place{p}
	}
	if bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0 {
		return nil
	}
	format, settings := Settings(path, data)
	if format == FormatEncrypted {
		return nil
	}
	l := locator{seen: map[Place]bool{}}
	l.settings(settings)
	l.lines(data, format, settings)
	slices.SortStableFunc(l.places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Key, b.Key))
	})
	return l.places
}

// Secret says by which rule a setting, variable or argument of this name and
// value is a secret. The key is a path with "." or "/" between its parts.
func Secret(key, value string) (rule string, secret bool) {
	if (key == "PWD" || key == "OLDPWD") && strings.HasPrefix(value, "/") { // a shell's directory
		return "", false
	}
	value = unquote(value)
	switch {
	case value == "":
		return "", false
	case strings.Contains(value, "-----BEGIN ") && pemBegin.MatchString(value):
		rule = rulePrivate
	default:
		rule = shape(value)
	}
	switch {
	case rule != "":
	case secretName(key) && !pointsElsewhere(key, value):
		rule = ruleKeyName
	case assigns(value):
		rule = ruleInside
	}
	if rule == "" || harmless(value) {
		return "", false
	}
	return rule, true
}

type locator struct {
	places []Place
	seen   map[Place]bool
}

func (l *locator) add(line int, key, rule string) {
	at := Place{Line: line, Key: key}
	if l.seen[at] {
		return
	}
	l.seen[at] = true
	l.places = append(l.places, Place{Line: line, Key: key, Rule: rule})
}

// settings judges every setting alone, and the value of a pair of settings by
// what its sibling calls it: name: DB_PASSWORD, value: ….
func (l *locator) settings(all []Setting) {
	names := map[string]string{}
	for _, s := range all {
		parent, last := splitKey(strings.TrimSuffix(s.Key, "/#text"))
		if slices.Contains([]string{"name", "key", "param-name"}, last) {
			names[parent] = s.Value
		}
	}
	for _, s := range all {
		rule, secret := Secret(s.Key, s.Value)
		if s.rule != "" {
			rule, secret = s.rule, !harmless(s.Value)
		}
		key := s.Key
		if name := names[named(s.Key)]; !secret && secretName(name) {
			rule, secret = Secret(name, s.Value)
			key = join(named(s.Key), name)
		}
		if secret {
			l.add(s.Line, safeKey(key), rule)
		}
	}
}

// named is the path whose name says what the value at key is, "-" where no
// sibling does.
func named(key string) string {
	parent, last := splitKey(strings.TrimSuffix(key, "/#text"))
	if slices.Contains([]string{"value", "param-value"}, last) {
		return parent
	}
	if text, is := strings.CutSuffix(key, "/#text"); is {
		return text
	}
	return "-"
}

// lines looks at every line for what needs no format: private keys, and values
// whose shape alone gives them away. Lines with a setting were judged before.
func (l *locator) lines(data []byte, format Format, settings []Setting) {
	taken := map[int]bool{}
	for _, p := range l.places {
		taken[p.Line] = true
	}
	owner := map[int]string{}
	for _, s := range settings {
		for i := s.Line; i <= s.last; i++ {
			owner[i] = s.Key
		}
	}
	n, inKey := 0, false
	for line := range bytes.Lines(data) {
		n++
		_, owned := owner[n]
		switch {
		case inKey:
			inKey = !pemEnd.Match(line)
		case bytes.Contains(line, []byte("-----BEGIN ")) && pemBegin.Match(line):
			inKey = !pemEnd.Match(line)
			if key := safeKey(owner[n]); !l.covered(n, owner[n], settings) {
				l.add(n, cmp.Or(key, rulePrivate), rulePrivate)
			}
		case !taken[n] && !owned && len(line) <= longestLine:
			l.bare(n, string(line), format)
		}
	}
}

// covered says whether the private key of this line belongs to a setting that
// stands in the list already, with the line on which it begins.
func (l *locator) covered(n int, key string, settings []Setting) bool {
	for _, s := range settings {
		if s.Line <= n && n <= s.last && s.Key == key && l.seen[Place{Line: s.Line, Key: safeKey(key)}] {
			return true
		}
	}
	return false
}

func (l *locator) bare(n int, line string, format Format) {
	if strings.Contains(line, "-----BEGIN ") || strings.Contains(line, "-----END ") {
		return
	}
	comment := isComment(strings.TrimSpace(line))
	rule := shape(line)
	switch {
	case rule != "" && comment && exampleOnly(line):
	case rule != "":
		l.add(n, "line", rule)
	case !comment && format != FormatText && assigns(line):
		l.add(n, "line", ruleInside)
	}
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
	case len(data) > 4 && data[0] == 0x30 && (strings.HasSuffix(name, ".p12") || strings.HasSuffix(name, ".pfx") || strings.HasSuffix(name, ".jks")):
		if strings.Contains(name, "trust") || strings.Contains(name, "cacerts") {
			return Place{}, false
		}
	default:
		return Place{}, false
	}
	return Place{Key: ruleKeystore, Rule: ruleKeystore}, true
}
