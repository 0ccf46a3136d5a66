package scan

import (
	"bytes"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// code looks at a program's text line by line: at the literals of the lines that the
// sieve has caught.
func (l *locator) code() {
	in := keyBlocks{}
	for i := 0; i < len(l.hot); i++ {
		h := l.hot[i]
		if h.to-h.from > longestLine {
			continue
		}
		text := string(l.data[h.from:h.to])
		if in.over(l, h, text) {
			continue
		}
		before := ""
		if h.why == whyNext {
			before = l.before(h)
		}
		l.codeLine(h, text, before)
		if h.why&whyWord != 0 && asksForMore(text) {
			i = l.next(i)
		}
	}
}

// asksForMore says whether the value of a line's last name stands on the next one.
func asksForMore(text string) bool {
	text = strings.TrimRight(text, " \t")
	return strings.HasSuffix(text, "=") || strings.HasSuffix(text, ":") || strings.HasSuffix(text, "(") || strings.HasSuffix(text, "=>") || strings.HasSuffix(text, "',") || strings.HasSuffix(text, `",`)
}

// next makes the line behind the one at i hot, if it is not; it gives back i.
func (l *locator) next(i int) int {
	from := l.hot[i].to
	for from < len(l.data) && l.data[from] != '\n' {
		from++
	}
	if from++; from >= len(l.data) || i+1 < len(l.hot) && l.hot[i+1].from <= from {
		return i
	}
	to := len(l.data)
	if end := bytes.IndexByte(l.data[from:], '\n'); end >= 0 {
		to = from + end
	}
	l.hot[i] = line{from: from, to: to, number: l.hot[i].number + 1, why: whyNext}
	return i - 1
}

// before is the line before one.
func (l *locator) before(h line) string {
	if h.from == 0 {
		return ""
	}
	from := bytes.LastIndexByte(l.data[:h.from-1], '\n') + 1
	return strings.TrimSpace(string(l.data[from : h.from-1]))
}

func (l *locator) codeLine(h line, text, before string) {
	comment := isCodeComment(text)
	if !strings.ContainsAny(text, "\"'`") {
		l.tail(h, text, comment)
		return
	}
	for _, q := range quoted(text, nil) {
		value, front := text[q.from:q.to], text[:q.open]
		if strings.TrimSpace(front) == "" && before != "" {
			front = before
		}
		key, how := nameOf(front)
		rule, v := judgeLiteral(key, how, value, front)
		if v == innocent && len(value) >= longWord {
			rule, v = l.wrapped(key, value)
		}
		if comment && v == sure && rule == ruleKeyName {
			if v = doubtful; !telling(value) {
				v = innocent
			}
			rule = ruleComment
		}
		l.addAt(h.number, q.from+1, key, rule, v)
	}
	l.tail(h, text, comment)
}

// tail looks for what needs no quotes: an assignment alone on its line, as in a text
// over several lines, and shapes that are secrets wherever they stand.
func (l *locator) tail(h line, text string, comment bool) {
	for _, p := range l.places[max(0, len(l.places)-8):] {
		if p.Line == h.number {
			return
		}
	}
	if strings.ContainsAny(text, "\"'`") || !strings.ContainsAny(text, "=:@") && h.why&whyRun == 0 {
		return
	}
	if m := aloneSetting.FindStringSubmatchIndex(text); m != nil && !comment {
		key, value := text[m[2]:m[3]], text[m[4]:m[5]]
		if secretName(key) && telling(value) && credible(value, strongName(key), asProse) == sure && !identifierLike(value) {
			l.addAt(h.number, m[4]+1, key, ruleKeyName, sure)
			return
		}
	}
	if h.why&(whyAt|whyRun) != 0 {
		if rule := shape(text); rule != "" && rule != "authorization" && (rule != "url" || urlInText(text)) && rule != ruleDSN && !isExample(text) && !exampleOnly(text) {
			l.addAt(h.number, len(text)-len(strings.TrimLeft(text, " \t"))+1, "line", rule, sure)
		}
	}
}

var aloneSetting = lazy.New(`^\s*(?:export\s+|-?\s)?([A-Za-z_][\w.-]*)(?:=|:\s)\s*([^\s"'();,&{}[\]][^\s"'();,{}[\]]*)\s*$`)

// identifierLike says that a word may as well be a variable's name: password2.
func identifierLike(value string) bool {
	for _, r := range value {
		if r != '_' && r != '.' && r != '$' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	digits := strings.Count(value, "") - 1 - len(strings.TrimRight(value, "0123456789"))
	return hasVocabulary(value) || strings.Trim(value, "0123456789") == strings.TrimRight(value, "0123456789") && digits < 3 && !strings.ContainsAny(strings.TrimRight(value, "0123456789"), "0123456789")
}

// judgeLiteral judges a literal by how the program's text names it.
func judgeLiteral(key string, how naming, value, front string) (string, verdict) {
	if value == "" || strings.TrimSpace(value) == "" {
		return "", innocent
	}
	front = front[max(0, strings.LastIndexByte(front, '(')-nearness/2, len(front)-2*nearness):]
	if pemBegin.MatchString(value) {
		if rest := value[pemBegin.FindStringIndex(value)[1]:]; len(rest) > 40 || rest == "" {
			return rulePrivate, sure
		}
		return "", innocent
	}
	if strings.EqualFold(key, "pass") && lowerWord.MatchString(value) {
		return "", innocent
	}
	if key != "" && how != unnamed && secretName(key) && !sameName(key, value) && !pointsElsewhere(key, value) {
		v := credible(value, strongName(key), asCode)
		if v == sure && !passwordName(key) && !telling(value) && len(value) < 16 {
			v = doubtful // the name of a Secret as well
		}
		switch {
		case how == compared && !telling(value):
			v = innocent
		case how == passed && !takesSecret(key):
			v = innocent
		case how == passed && !telling(value) && v == sure && !setsPassword.MatchString(key):
			v = doubtful
		case how == paired && getsPair.MatchString(front):
			if !telling(value) {
				v = innocent
			}
		case how == paired && !keepsPair.MatchString(front) && (!telling(value) || !firstPair.MatchString(front)):
			v = innocent
		}
		if v != innocent && shape(value) == "" {
			return ruleKeyName, v
		}
	}
	if how == assigned && keyLike(key, value) {
		return ruleKeyName, sure
	}
	rule := shape(value)
	switch {
	case rule != "":
		if exampleOnly(value) || isTemplate(value, asCode) || rule == "url" && !urlInText(value) {
			return "", innocent
		}
	case (how == paired || how == unnamed) && strings.IndexByte(front, ',') > 0 && telling(value) && logsIn.MatchString(unwrapped(front)) && !isTemplate(value, asCode):
		rule = rulePair
	case assigns(value, asCode):
		rule = ruleInside
	}
	if rule == "" || harmless(value) || isExample(value) {
		return "", innocent
	}
	return rule, sure
}

// unwrapped is the text before a literal without what only makes another form of it.
func unwrapped(front string) string {
	front = strings.TrimRight(front, " \t")
	if rest, is := strings.CutSuffix(front, "("); is {
		if key := identBefore(rest); wrappers[strings.ToLower(lastName(key))] {
			return strings.TrimSuffix(rest, key)
		}
	}
	return front
}

var setsPassword = lazy.New(`(?i)(?:^|[.>])(?:set|with)_?\w*pass(?:word|wd|phrase)$`)

// sameName says that the value is what the key is called: PASSWORD = "password".
func sameName(key, value string) bool {
	_, last := splitKey(key)
	return strings.Join(keyParts(last), "") == strings.Join(keyParts(value), "") && !strings.ContainsAny(value, "!#%&*+=^~0123456789")
}

func isCodeComment(text string) bool {
	text = strings.TrimSpace(text)
	return isComment(text) && !strings.HasPrefix(text, ";") && !strings.HasPrefix(text, "#define") && !strings.HasPrefix(text, "#if") && !strings.HasPrefix(text, "!")
}

// keyBlocks knows whether a line stands inside a private key or a certificate.
type keyBlocks struct {
	end int // the offset at which the block ends
}

// over says whether the line is a part of a block in PEM; where a private one begins
// it is told.
func (k *keyBlocks) over(l *locator, h line, text string) bool {
	if h.from < k.end {
		return true
	}
	begin := strings.Index(text, "-----BEGIN ")
	if begin < 0 {
		return false
	}
	at := strings.Index(text[begin:], "-----END ")
	inLine := at >= 0
	private := pemBegin.FindStringIndex(text)
	if !inLine {
		k.end = blockEnd(l.data, h.to)
	}
	switch {
	case private == nil:
		return !inLine
	case inLine && at > 120, !inLine && k.end-h.to > 40:
		l.addAt(h.number, private[0]+1, rulePrivate, rulePrivate, sure)
	case !inLine && len(text)-private[1] > 40: // \n inside of a literal, cut off
		l.addAt(h.number, private[0]+1, rulePrivate, rulePrivate, sure)
	}
	return private != nil && !inLine
}

// blockEnd is the offset behind the lines of base64 that follow at, their headers
// and their end.
func blockEnd(data []byte, at int) int {
	for at < len(data) {
		from := at
		if data[from] == '\r' {
			from++
		}
		if from < len(data) && data[from] == '\n' {
			from++
		}
		to := len(data)
		if end := bytes.IndexByte(data[from:], '\n'); end >= 0 {
			to = from + end
		}
		text := strings.Trim(string(data[from:min(to, from+256)]), " \t\r\"'+,;\\`#*/")
		text = strings.TrimSuffix(text, `\n`)
		if strings.HasPrefix(text, "-----END ") {
			return to
		}
		if text != "" && !pemLine.MatchString(text) || to == len(data) {
			return max(at, from)
		}
		at = to
	}
	return at
}

var pemLine = lazy.New(`^(?:[A-Za-z0-9+/=._-]+|(?:Proc-Type|DEK-Info|Comment|Version|X-[\w-]+): .*)$`)
