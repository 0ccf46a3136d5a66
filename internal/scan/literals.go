package scan

import (
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// literalText is a text in quotes on one line: the offsets are those of what stands
// between the quotes.
type literalText struct {
	from, to int
	open     int // of the quote, or of the letter before it that belongs to it
	escaped  bool
}

// quoted finds the texts in quotes of a line. Quotes that are themselves escaped, in
// a text within a text, count too: \"password\": \"x\". What is not closed on the
// line goes to its end.
func quoted(text string, out []literalText) []literalText {
	for i := 0; i < len(text); i++ {
		q := text[i]
		if q != '"' && q != '\'' && q != '`' {
			continue
		}
		if q == '\'' && i > 0 && i+1 < len(text) && letter(text[i-1]) && letter(text[i+1]) && !prefixed(text, i) {
			continue // don't
		}
		escaped := i > 0 && text[i-1] == '\\'
		open := i
		if strings.HasPrefix(text[i:], `"""`) || strings.HasPrefix(text[i:], "'''") {
			i += 2
		}
		end := closingQuote(text, i+1, q, escaped)
		l := literalText{from: i + 1, to: end, open: open, escaped: escaped}
		if escaped {
			l.open--
		}
		for l.open > 0 && prefixed(text, l.open) {
			l.open--
		}
		out = append(out, l)
		i = end
		if escaped {
			i++
		}
		for i+1 < len(text) && text[i+1] == q && q != '`' && strings.HasPrefix(text[open:], strings.Repeat(string(q), 3)) {
			i++
		}
	}
	return out
}

// closingQuote is where the text that begins at from ends.
func closingQuote(text string, from int, q byte, escaped bool) int {
	for i := from; i < len(text); i++ {
		switch {
		case escaped && text[i] == '\\' && i+1 < len(text) && text[i+1] == q:
			return i
		case !escaped && text[i] == '\\' && q != '`':
			i++
		case !escaped && text[i] == q:
			return i
		}
	}
	return len(text)
}

// prefixed says whether the letter before the quote at i belongs to it: b"", f”,
// @"", L"".
func prefixed(text string, i int) bool {
	if i == 0 || !strings.ContainsRune("bBrRuUfFLN@$", rune(text[i-1])) {
		return false
	}
	return i == 1 || !letter(text[i-2]) && text[i-2] != '"' && text[i-2] != '\'' || i > 1 && strings.ContainsRune("bBrRfF@$", rune(text[i-2])) && (i == 2 || !letter(text[i-3]))
}

func letter(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// naming is how a line names a literal.
type naming int

const (
	unnamed  naming = iota
	assigned        // key = "x", key: "x", "key" => "x"
	compared        // key == "x"
	passed          // setKey("x")
	paired          // f("key", "x")
	spoken          // KEY "x", as SQL and some languages of configuration have it
)

// nameOf is what the text before a literal calls it.
func nameOf(before string) (key string, how naming) {
	before = strings.TrimRight(before, " \t")
	if before == "" {
		return "", unnamed
	}
	n := len(before)
	switch before[n-1] {
	case '=', '>', '~':
		op := strings.TrimRight(before, "=>~")
		how = assigned
		switch before[len(op):] {
		case "=":
			if op != "" && strings.IndexByte("!<", op[len(op)-1]) >= 0 {
				how = compared
			}
			op = strings.TrimRight(op, ":?|+!<&-")
		case "=>":
		case "==", "===", "=~", "~=", ">=":
			how, op = compared, strings.TrimRight(op, "!<")
		default:
			return "", unnamed
		}
		return identBefore(op), how
	case ':':
		if strings.HasSuffix(before, "::") {
			return "", unnamed
		}
		return identBefore(before[:n-1]), assigned
	case '(':
		key = identBefore(before[:n-1])
		if key == "" && n > 1 {
			return nameOf(before[:n-1])
		}
		if rest, is := strings.CutSuffix(before[:n-1], key); is && wrappers[strings.ToLower(lastName(key))] {
			return nameOf(rest)
		}
		return key, passed
	case ',':
		return literalBefore(before[:n-1])
	}
	if letter(before[n-1]) || before[n-1] == ')' {
		return spokenBefore(before)
	}
	return "", unnamed
}

// wrappers make another form of a text, so that what they are given is named by what
// they are given to.
var wrappers = set("some", "string", "str", "from", "new", "bytes", "byte", "just", "encode", "secretstr", "secretstring", "securestring", "b", "u", "text", "tostring", "strdup", "to_string", "buffer", "value", "pointer", "ptr", "stringptr", "freeze", "char", "chars", "n", "_", "lit", "convertto-securestring", "unquote", "trim", "fromstring", "ascii", "utf8", "[]byte")

func lastName(key string) string { return key[strings.LastIndexAny(key, ".:>")+1:] }

// literalBefore is the text in quotes at the end, the first of its call.
func literalBefore(before string) (string, naming) {
	before = strings.TrimRight(before, " \t")
	n := len(before)
	if n < 3 || before[n-1] != '"' && before[n-1] != '\'' {
		return "", unnamed
	}
	start := strings.LastIndexByte(before[:n-1], before[n-1])
	if start < 1 {
		return "", unnamed
	}
	return before[start+1 : n-1], paired
}

// nearness is how far before a literal its name may stand.
const nearness = 160

var typeWord = set("string", "str", "std::string", "char", "wchar_t", "text", "varchar", "nvarchar", "secretstr", "any", "object", "optional", "bytes", "final", "static", "cstring", "nsstring", "byte", "var", "let", "const", "val", "u8")

// identBefore is the name at the end of a text: an identifier, one in brackets
// behind it, a text in quotes; what stands there as its type is passed over.
func identBefore(text string) string {
	text = strings.TrimRight(text, " \t")
	if len(text) > nearness {
		text = text[len(text)-nearness:]
	}
	for range 4 {
		n := len(text)
		if n == 0 {
			return ""
		}
		switch c := text[n-1]; c {
		case ']', '}', ')':
			open := strings.LastIndexByte(text, map[byte]byte{']': '[', '}': '{', ')': '('}[c])
			if open < 0 {
				return ""
			}
			if inside := strings.Trim(text[open+1:n-1], `"'\: `); inside != "" && !numeric(inside) && c != ')' && !strings.ContainsAny(inside, " ;,") {
				return plainIdent(text[:open]) + "[" + inside + "]"
			}
			if c == ')' {
				return ""
			}
			text = strings.TrimRight(text[:open], " \t")
			continue
		case '"', '\'', '`':
			start := strings.LastIndexByte(strings.TrimSuffix(text[:n-1], `\`), c)
			if start < 0 {
				return ""
			}
			return strings.TrimSuffix(text[start+1:n-1], `\`)
		case '?', '!', '*', '&':
			text = strings.TrimRight(text[:n-1], " \t")
			continue
		}
		ident := plainIdent(text)
		rest := strings.TrimRight(text[:n-len(ident)], " \t&*'<")
		switch {
		case ident == "":
			return ""
		case strings.HasSuffix(rest, ":") && !strings.HasSuffix(rest, "::"): // key: type =
			if key := identBefore(strings.TrimSuffix(rest, ":")); key != "" && !typeLike(key) {
				return key
			}
		case typeWord[strings.ToLower(ident)] && rest != "" && letter(rest[len(rest)-1]): // key string =
			if key := plainIdent(rest); secretName(key) {
				return key
			}
		}
		return ident
	}
	return ""
}

func typeLike(key string) bool { return key == "case" || key == "default" || key == "else" }

// plainIdent is the identifier at the end of a text, with the objects it is of.
func plainIdent(text string) string {
	i := len(text)
	for i > 0 && (letter(text[i-1]) || strings.IndexByte("$.@-", text[i-1]) >= 0 || text[i-1] > 127 || text[i-1] == '>' && i > 1 && text[i-2] == '-') {
		i--
	}
	return strings.TrimLeft(text[i:], "-.")
}

var (
	identifiedBy = lazy.New(`(?i)\b(?:identified\s+(?:with\s+\w+\s+)?(?:by|as)(?:\s+password)?|(?:encrypted\s+)?password|passphrase)\s*$`)
	setters      = set("set", "with", "put", "add", "use", "update", "change")
	statement    = lazy.New(`^\s*(?:[-#\w]+\s+){0,3}$`)
)

// spokenBefore is the word before a literal that says what it is.
func spokenBefore(before string) (string, naming) {
	if len(before) > nearness {
		before = before[len(before)-nearness:]
	}
	if identifiedBy.MatchString(before) {
		return "password", spoken
	}
	if ident := plainIdent(before); strings.EqualFold(ident, "convertto-securestring") {
		return nameOf(before[:len(before)-len(ident)])
	} else if strings.Contains(before, "ConvertTo-SecureString -") && strings.EqualFold(ident, "string") {
		return "password", spoken
	} else if secretName(strings.TrimLeft(ident, "-")) && statement.MatchString(before[:len(before)-len(ident)]) {
		return ident, spoken
	}
	return "", unnamed
}

// takesSecret says whether a call with this name is given the secret itself.
func takesSecret(function string) bool {
	name := function[strings.LastIndexAny(function, ".>")+1:]
	words := keyParts(name)
	if len(words) == 0 || !secretPart(words) {
		return false
	}
	return len(words) == 1 && words[0] != "secret" && words[0] != "token" || setters[words[0]] || len(words) == 2 && (words[0] == "secret" || words[0] == "api" || words[0] == "access" || words[0] == "private") && words[1] == "key"
}

// putsPair says whether a call with a name and a value keeps them, rather than
// looking for the name.
var (
	keepsPair = lazy.New(`(?i)(?:\bdefine|put|set\w*|putenv|append|add\w*|header|property|env|with|arg|option|insert|entry|of|pair|tuple|const)\s*\(\s*["'][^"']*["']\s*,\s*$`)
	logsIn    = lazy.New(`(?i)(?:(?:auth\w*|credentials?|login|sign_?in)\s*\(\s*[bu]?["'][^"']*["']|(?:connect\w*|getconnection|login|pdo|mysqli)\s*\([^()]+,[^(),]+)\s*,\s*$`)
	firstPair = lazy.New(`[\w>]\s*\(\s*[bu]?["'][^"']*["']\s*,\s*$`)
	getsPair  = lazy.New(`(?i)(?:get\w*|lookup|fetch|env|default|config|param\w*|field|replace\w*|equals|assert\w*|log\w*|print\w*|error\w*|find\w*|t|translate)\s*\(\s*["'][^"']*["']\s*,\s*$`)
)
