package scan

import (
	"bytes"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

var (
	// settingLine is a key, a separator and a value, as far as the line goes.
	settingLine = lazy.New(`^(?:(?:export|set|const|let|var|my|our|static|final|private|public|readonly|declare)\s+)*` +
		`["']?([A-Za-z_$][\w.$\[\]/@-]*(?:\[["'][\w.-]+["']\])*(?: [\w.$\[\]/@-]+){0,3})["']?\s*(=>|:=|\?=|=|:)\s?(.*)$`)
	word = lazy.New(`"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+`)
)

// reader goes through a file line by line and knows where it is.
type reader struct {
	lines   []string
	at      int // index of the next line
	section string
	words   bool
	out     []Setting
	indent  int    // of the last setting
	hot     []line // where it is not nil, only these lines are asked for
}

// cold says that nobody asks for a line.
func (r *reader) cold(n int) bool {
	if r.hot == nil {
		return false
	}
	for len(r.hot) > 0 && r.hot[0].number < n {
		r.hot = r.hot[1:]
	}
	return len(r.hot) == 0 || r.hot[0].number != n
}

func splitLines(data []byte) []string {
	var lines []string
	for text := string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); text != ""; {
		line, rest, _ := strings.Cut(text, "\n")
		lines = append(lines, strings.TrimRight(line, "\r"))
		text = rest
	}
	return lines
}

// readLines reads what has one setting to a line. Where words is true, a line
// without a separator is a directive and its value.
func readLines(data []byte, words bool, hot []line) []Setting {
	r := reader{lines: splitLines(data), words: words, hot: hot}
	for r.at < len(r.lines) {
		r.line()
	}
	return r.out
}

func (r *reader) line() {
	first := r.at
	raw := r.lines[r.at]
	text := strings.TrimSpace(raw)
	r.at++
	switch {
	case text == "" || isComment(text) || len(text) > longestLine:
		return
	case strings.HasPrefix(text, "-----BEGIN "):
		r.skipPEM(text)
		return
	case text[0] == '[' && sectionLine.MatchString(text):
		r.section = strings.Trim(text[:strings.IndexByte(text, ']')], "[] \t")
		return
	}
	if i := strings.Index(text, ":_"); i > 0 && strings.HasPrefix(text, "//") { // npmrc(5): //registry/:_authToken=x
		text = text[i+1:]
	}
	indent := len(raw) - len(strings.TrimLeft(raw, " \t"))
	if n := len(r.out); n > 0 && indent > r.indent && r.out[n-1].last == first && r.out[n-1].Value == "" && !r.words {
		r.out[n-1].Value, r.out[n-1].last = text, first+1 // the value of an ini key may stand below it
		return
	}
	if r.hot != nil && r.cold(first+1) && !gathers(r.section) {
		return
	}
	if m := settingOf(text); m != nil && (m[2] != ":" || !strings.HasPrefix(m[3], "//")) && !r.isDirective(text, m) {
		r.indent = indent
		value := r.whole(strings.TrimSpace(m[3]))
		r.add(first, strings.TrimSpace(m[1]), value)
		return
	}
	if r.words {
		r.directive(first, text)
	}
}

func settingOf(text string) []string {
	if !strings.ContainsAny(text, "=:") {
		return nil
	}
	return settingLine.FindStringSubmatch(text)
}

// isDirective says that the separator of a directive's line belongs to its
// value: server_name a:80, requirepass a=b.
func (r *reader) isDirective(text string, m []string) bool {
	if !r.words {
		return false
	}
	key := strings.TrimSpace(m[1])
	return strings.Contains(key, " ") || strings.IndexAny(text, "=:") > strings.IndexAny(text, " \t") && strings.ContainsAny(text[:strings.IndexAny(text, "=:")], " \t") && m[2] == ":"
}

var withoutQuotes = strings.NewReplacer(`"`, "", `'`, "")

func (r *reader) add(first int, key, value string) {
	key = withoutQuotes.Replace(key)
	r.out = append(r.out, Setting{Line: first + 1, last: r.at, Key: join(r.section, key), Value: value})
}

// whole takes a value to its end: over lines that end in a backslash, quotes that
// are open, TOML's three quotes and private keys.
func (r *reader) whole(value string) string {
	for _, quote := range []string{`"""`, "'''"} {
		if rest, is := strings.CutPrefix(value, quote); is {
			return r.until(rest, quote)
		}
	}
	if parts := []string{value}; goesOn(value) {
		for goesOn(parts[len(parts)-1]) && r.at < len(r.lines) {
			parts[len(parts)-1] = strings.TrimSuffix(parts[len(parts)-1], `\`)
			parts = append(parts, strings.TrimSpace(r.lines[r.at]))
			r.at++
		}
		value = strings.Join(parts, "")
	}
	if value != "" && (value[0] == '"' || value[0] == '\'') && !closed(value) {
		if end := r.closing(value[0]); end > 0 {
			value += "\n" + strings.Join(r.lines[r.at:end], "\n")
			r.at = end
		}
	}
	if pemBegin.MatchString(value) && !pemEnd.MatchString(value) {
		r.skipPEM(value)
	}
	return tidy(value)
}

// goesOn says that a line ends in a backslash that nothing escapes.
func goesOn(line string) bool {
	return strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`)
}

// until is a value of several lines up to the quote that ends it.
func (r *reader) until(rest, quote string) string {
	from := r.at
	for last := rest; !strings.Contains(last, quote) && r.at < len(r.lines); r.at++ {
		last = r.lines[r.at]
	}
	rest = strings.Join(append([]string{rest}, r.lines[from:r.at]...), "\n")
	before, _, _ := strings.Cut(rest, quote)
	return before
}

func closed(value string) bool {
	quote := value[0]
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case quote:
			return true
		}
	}
	return false
}

// closing is the index behind the line that closes an open quote, 0 where that is
// too far away to be one.
func (r *reader) closing(quote byte) int {
	for i := r.at; i < len(r.lines) && i < r.at+200; i++ {
		if strings.IndexByte(r.lines[i], quote) >= 0 {
			return i + 1
		}
	}
	return 0
}

func (r *reader) skipPEM(begin string) {
	if strings.Contains(begin, "-----END ") {
		return
	}
	for r.at < len(r.lines) {
		line := r.lines[r.at]
		r.at++
		if strings.Contains(line, "-----END ") {
			return
		}
	}
}

// tidy takes off what ends a statement or begins a comment behind a value.
func tidy(value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	if q := value[0]; q == '"' || q == '\'' {
		for i := 1; i < len(value); i++ {
			if value[i] == '\\' {
				i++
			} else if value[i] == q {
				return value[1:i]
			}
		}
		return value[1:]
	}
	if value[0] == '#' {
		return ""
	}
	for _, mark := range []string{" #", "\t#", " ;", "\t;"} {
		if i := strings.Index(value, mark); i >= 0 {
			value = value[:i]
		}
	}
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(value), ";,"))
}

var variable = lazy.New(`^[A-Za-z_]\w*=`)

// directive reads a line of words: the first is the key. A pair of neighbours
// counts too where the first of them is a secret's name: SetEnv DB_PASSWORD x.
func (r *reader) directive(first int, text string) {
	if i := strings.Index(text, " # "); i > 0 {
		text = text[:i]
	}
	words := word.FindAllString(strings.TrimRight(text, ";{ \t"), 32)
	if len(words) < 2 {
		return
	}
	sentence := len(words) > 9 || strings.ContainsAny(text[len(text)-1:], ".,:)")
	for i := 1; i+1 < len(words) && !sentence; i++ {
		if name := unquote(words[i]); secretName(name) && !strings.ContainsAny(name, "=:/") && !strings.HasPrefix(words[i+1], "-") && !variable.MatchString(words[i+1]) {
			r.add(first, words[0]+"."+name, unquote(words[i+1]))
			return
		}
	}
	if words[0] == "createUser" && len(words) > 3 || words[0] == "SQLConnectInfo" && len(words) > 3 { // snmpd.conf(5), proftpd
		r.add(first, words[0]+".password", unquote(words[3]))
		return
	}
	key := words[0]
	if strings.Contains(key, "/") { // no name of a directive
		return
	}
	if key == "pass" && len(words) > 2 { // the password manager
		return
	}
	if secretName(key) || len(words) == 2 {
		r.add(first, key, unquote(words[1]))
		if len(words) > 2 { // user password, or options behind it
			r.add(first, key, unquote(words[len(words)-1]))
		}
		return
	}
	if len(words) > 2 && words[0] == "stats" && words[1] == "auth" { // haproxy
		_, password, _ := strings.Cut(words[2], ":")
		r.out = append(r.out, Setting{Line: first + 1, last: r.at, Key: "stats.auth", Value: password, rule: ruleKeyName})
		return
	}
	r.add(first, key, strings.Join(words[1:], " "))
}

// readColons reads password files: host:port:database:user:password, and
// user:hash.
func readColons(data []byte, format Format) []Setting {
	var out []Setting
	for i, line := range splitLines(data) {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' {
			continue
		}
		s := Setting{Line: i + 1, last: i + 1, Key: "user", rule: ruleHash}
		if format == FormatPgpass {
			s.Key, s.rule = "pgpass", ruleKeyName
			for range 4 {
				_, text, _ = strings.Cut(strings.ReplaceAll(text, `\:`, `\`), ":")
			}
			s.Value = text
		} else {
			_, s.Value, _ = strings.Cut(text, ":")
		}
		out = append(out, s)
	}
	return out
}

var phpDefine = lazy.New(`\bdefine\s*\(\s*["']([^"']+)["']\s*,\s*(.*?)\s*\)\s*;`)

// readPHP reads constants, variables and arrays of literals.
func readPHP(data []byte) []Setting {
	var out []Setting
	for i, line := range splitLines(data) {
		for _, m := range phpDefine.FindAllStringSubmatch(line, -1) {
			out = append(out, Setting{Line: i + 1, last: i + 1, Key: m[1], Value: unquote(m[2])})
		}
	}
	taken := map[int]bool{}
	for _, s := range out {
		taken[s.Line] = true
	}
	for _, s := range readLines(data, false, nil) {
		if !taken[s.Line] {
			out = append(out, s)
		}
	}
	return out
}
