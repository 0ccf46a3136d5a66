package scan

import (
	"bytes"
	"cmp"
	"path"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// proseSetting is a name with a value, as documents and logs show them.
var proseSetting = lazy.New("([A-Za-z_][\\w.-]*)[\"'`*]{0,3}\\s*(?:=>|:=|=|:)\\s*[\"'`]?([^\\s\"'`,;<>]+)")

// prose looks at text for people: what it names a secret is one only where it looks
// like nothing else.
func (l *locator) prose() {
	in := keyBlocks{}
	for _, h := range l.hot {
		if h.to-h.from > longestLine {
			continue
		}
		text := string(l.data[h.from:h.to])
		if in.over(l, h, text) {
			continue
		}
		l.proseLine(h, text)
	}
}

func (l *locator) proseLine(h line, text string) {
	if rule := shape(text); rule != "" && !exampleOnly(text) && (rule == "url" && urlInText(text) || rule != "url" && !isExample(text)) {
		l.addAt(h.number, len(text)-len(strings.TrimLeft(text, " \t"))+1, "line", rule, sure)
		return
	}
	if h.why&whyWord == 0 {
		return
	}
	for _, m := range proseSetting.FindAllStringSubmatchIndex(text, 8) {
		key, value := text[m[2]:m[3]], strings.TrimRight(text[m[4]:m[5]], ".):")
		if secretName(key) && !strings.EqualFold(key, "pass") && !pointsElsewhere(key, value) && credible(value, strongName(key), asProse) == sure {
			l.addAt(h.number, m[4]+1, key, ruleKeyName, sure)
		}
	}
}

// urlInText says whether an address in a program or a document holds a password that
// is more than the show of one.
func urlInText(text string) bool {
	for _, m := range urlUser.FindAllStringSubmatchIndex(text, -1) {
		user, password, host := strings.ToLower(text[m[2]:m[3]]), text[m[4]:m[5]], strings.ToLower(text[m[1]:])
		lower := strings.ToLower(password)
		if len(password) < 4 || vocabulary[lower] || inTests[lower] || user == lower || isExample(password) || verbs.MatchString(password) || isTemplate(password, asCode) {
			continue
		}
		if !strings.HasPrefix(host, "example.") && !strings.HasPrefix(host, "host") || telling(password) && !strings.HasPrefix(host, "example.") {
			return true
		}
	}
	return false
}

// lines looks at the lines that the sieve has caught for what needs no format:
// private keys, commands, and values whose shape alone gives them away. Lines with a
// setting were judged before.
func (l *locator) lines(settings []Setting) {
	owner := map[int]*Setting{}
	for i := range settings {
		s := &settings[i]
		if !l.isHot(s.Line, s.last) {
			continue
		}
		for n := s.Line; n <= s.last; n++ {
			owner[n] = s
		}
	}
	taken := map[int]bool{}
	for _, p := range l.places {
		taken[p.Line] = true
	}
	in := keyBlocks{}
	for _, h := range l.hot {
		if h.to-h.from > longestLine {
			continue
		}
		text := string(l.data[h.from:h.to])
		switch s := owner[h.number]; {
		case s != nil && strings.Contains(text, "-----BEGIN ") && l.seen[Place{Line: s.Line, Key: safeKey(s.Key)}]:
			in.end = max(in.end, blockEnd(l.data, h.to))
		case in.over(l, h, text):
		case taken[h.number]:
		case containsAny(text, flagStems...) && l.command(h, text):
		case s == nil:
			l.bare(h, text)
		}
	}
}

func (l *locator) bare(h line, text string) {
	if strings.Contains(text, "-----BEGIN ") || strings.Contains(text, "-----END ") {
		return
	}
	trimmed := strings.TrimSpace(text)
	from := len(text) - len(strings.TrimLeft(text, " \t")) + 1
	comment := isComment(trimmed)
	rule := shape(text)
	switch {
	case rule != "" && (comment && exampleOnly(text) || isExample(text) && rule != "url"):
	case rule != "":
		l.addAt(h.number, from, "line", rule, sure)
	case !comment && assigns(text, asConfig):
		l.addAt(h.number, from, "line", ruleInside, sure)
	case comment:
		l.comment(h, text)
	}
}

// comment tells of a setting that is out of force and may be in force elsewhere.
func (l *locator) comment(h line, text string) {
	m := settingOf(strings.TrimLeft(text, "#;/*!- \t"))
	if m == nil {
		return
	}
	key, value := strings.TrimSpace(m[1]), tidy(m[3])
	if secretName(key) && !pointsElsewhere(key, value) && credible(value, strongName(key), asProse) == sure {
		l.addAt(h.number, max(strings.LastIndex(text, value), 0)+1, key, ruleComment, doubtful)
	}
}

// command reads a line as one of a shell, and tells what stands behind the flags of a
// program that it knows.
func (l *locator) command(h line, text string) bool {
	if isComment(strings.TrimSpace(text)) {
		return false
	}
	pieces := split(text)
	argv := make([]string, len(pieces))
	for i, p := range pieces {
		argv[i] = p.text
	}
	_, all := Arguments(argv)
	told := false
	for _, a := range all {
		if a.Rule != ruleFlag && a.Rule != rulePair || a.Position >= len(pieces) {
			continue
		}
		p := pieces[a.Position]
		column := p.from + 1
		if letter := cmp.Or(a.Key, "-"); strings.HasPrefix(p.text, letter) && len(letter) == 2 {
			column += 2
		} else if i := strings.IndexByte(text[p.from:p.to], ':'); a.Rule == rulePair && i > 0 {
			column += i + 1
		}
		l.addAt(h.number, column, a.Key, a.Rule, sure)
		told = true
	}
	return told
}

// passwordFiles are the files whose lines have a fixed order. The group is the secret.
var passwordFiles = map[string]*lazy.Regexp{
	"sasl_passwd":    lazy.New(`^[^#\s]\S*\s+[^\s:]+:(\S+)`),
	"userlist.txt":   lazy.New(`^"[^"]*"\s+"([^"]+)"`),
	"chap-secrets":   lazy.New(`^[^#\s]\S*\s+\S+\s+"?([^\s"]+)`),
	"pap-secrets":    lazy.New(`^[^#\s]\S*\s+\S+\s+"?([^\s"]+)`),
	"ipsec.secrets":  lazy.New(`^[^#]*:\s*(?:PSK|XAUTH|EAP|NTLM|PIN)\s+(?:%\w+\s+)?"?([^"\s%]+)"?`),
	"passwd.client":  lazy.New(`^[^:#\s]+:[^:]+:(\S+)`),
	".erlang.cookie": lazy.New(`^([A-Za-z0-9_-]{6,})$`),
}

// fixed reads such a file. False says that it is none.
func (l *locator) fixed(file string) bool {
	expr, is := passwordFiles[path.Base(strings.ToLower(file))]
	if !is {
		return false
	}
	number := 0
	for text := range bytes.Lines(l.data) {
		number++
		if m := expr.FindSubmatchIndex(bytes.TrimRight(text, "\r\n")); m != nil && len(text) < longestLine {
			if value := string(text[m[2]:m[3]]); !harmless(value) && !isExample(value) {
				l.addAt(number, m[2]+1, path.Base(file), ruleKeyName, sure)
			}
		}
	}
	return true
}
