package scan

import (
	"path"
	"regexp"
	"strings"
)

// Argument is the place of a secret in a command line: never what it is.
type Argument struct {
	Position int    // from 0, the program itself
	Key      string // the flag or name that gave it away; empty where its shape did
	Rule     string
}

// Arguments gives a command line without what looks like a secret, and where it
// was. It knows "--password x", "--password=x", "-Dpassword=x", "-px" of the
// MySQL programs, user:password pairs, and what Redact knows; an argument that is a
// whole command line itself (sh -c) is read as one. What may as well be a port or a
// path ("-p 8080", "--secret /run/secrets/x") is left alone.
func Arguments(argv []string) ([]string, []Argument) {
	a := arguments{program: program(argv)}
	for i, arg := range argv {
		a.read(i, arg)
	}
	return a.out, a.found
}

// CommandLine is Arguments for a line as a shell or systemd writes it.
func CommandLine(line string) (string, []Argument) {
	clean, found := Arguments(Words(line))
	if len(found) == 0 && same(clean, Words(line)) {
		return line, nil
	}
	return strings.Join(clean, " "), found
}

func same(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Words splits a line at blanks outside of quotes, which it takes off.
func Words(line string) []string {
	var words []string
	var word strings.Builder
	quote, inside, escaped := rune(0), false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inside = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inside = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n' || r == '\r'):
			if inside {
				words = append(words, word.String())
				word.Reset()
				inside = false
			}
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}

// next is what is known of the argument that follows a flag.
type next int

const (
	plain next = iota
	secret
	perhaps // -p: a password, a port or a path
	pair    // user:password
)

type arguments struct {
	program string
	flag    string
	next    next
	out     []string
	found   []Argument
}

const taken = "[redacted: argument]"

var (
	flagged   = regexp.MustCompile(`(?s)^(-{1,2}D?|[A-Za-z_][\w.-]*?)([\w.-]*)(=|:=)(.*)$`)
	switches  = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|0|1|none|null)$`)
	digits    = regexp.MustCompile(`^[0-9]{1,5}(:[0-9]{1,5})*$`)
	pathLike  = regexp.MustCompile(`^(~|\.{1,2})?/[\w./@-]*$`)
	userPair  = regexp.MustCompile(`(?s)^([^\s:/@=]*):(.+)$`)
	userAt    = regexp.MustCompile(`(?s)^([^\s:/@=]+):([^\s@/][^\s@]*)(@[\w.([\]-].*)$`)
	notSecret = regexp.MustCompile(`(?i)by-?pass|pass-?(?:through|ive|enger|age|es|ed)|compass|token-?(?:iz|s?-?ttl|-?expir)|(?:file|path|dir|url|uri|length|min|max|ttl|days|age|name|type|policy)$`)
	secretKey = regexp.MustCompile(`(?i)passw|passwd|pwd|pass|secret|token|api[._-]?key|access[._-]?key|private[._-]?key|encryption[._-]?key|credential|masterauth`)
)

// SecretName says whether something of this name is likely to hold a secret:
// DB_PASSWORD does, PASSWORD_FILE and BYPASS_CACHE do not.
func SecretName(name string) bool {
	return secretKey.MatchString(name) && !notSecret.MatchString(name)
}

// SecretValue names the rule by which a setting or variable of this name and
// value holds a secret, "" where it seems to hold none. A name alone is not enough
// where the value is a switch or the path of a file.
func SecretValue(name, value string) string {
	switch {
	case value == "":
		return ""
	case SecretName(name) && !pathLike.MatchString(value) && !switches.MatchString(value):
		return "name"
	}
	if _, n := Redact([]byte(value)); n > 0 {
		return "shape"
	}
	if userAt.MatchString(value) {
		return "user and password"
	}
	return ""
}

func (a *arguments) read(i int, arg string) {
	was, flag := a.next, a.flag
	a.next, a.flag = plain, ""
	if was != plain && !(strings.HasPrefix(arg, "-") && len(arg) > 1 && was != secret) {
		if a.value(i, was, flag, arg) {
			return
		}
	}
	if m := flagged.FindStringSubmatch(arg); m != nil && !strings.ContainsAny(m[1]+m[2], " \t\n") {
		name := strings.TrimPrefix(m[1], "-D") + m[2]
		if SecretName(name) && m[4] != "" && !pathLike.MatchString(m[4]) {
			a.take(i, strings.TrimLeft(name, "-"), "key-value")
			a.out = append(a.out, m[1]+m[2]+m[3]+taken)
			return
		}
		if secretKey.MatchString(name) { // Redact would take it for a secret by its name
			a.out = append(a.out, m[1]+m[2]+m[3]+a.text(i, m[4]))
			return
		}
	}
	if strings.HasPrefix(arg, "-") && !strings.ContainsAny(arg, "= \t") {
		if rest, ok := strings.CutPrefix(arg, "-p"); ok && rest != "" && a.mysql() {
			a.take(i, "-p", "flag")
			a.out = append(a.out, "-p"+taken)
			return
		}
		a.next, a.flag = a.after(arg), arg
	}
	a.out = append(a.out, a.text(i, arg))
}

// value handles the argument of a flag; false leaves it to be read as any other.
func (a *arguments) value(i int, was next, flag, arg string) bool {
	key := strings.TrimLeft(flag, "-")
	switch was {
	case secret:
		if arg == "" || pathLike.MatchString(arg) {
			return false
		}
		a.take(i, key, "flag")
		a.out = append(a.out, taken)
		return true
	case perhaps:
		if arg == "" || digits.MatchString(arg) || strings.HasPrefix(arg, "$") { // a reference that nobody has resolved
			return false
		}
		if !pathLike.MatchString(arg) {
			a.take(i, key, "flag")
			a.out = append(a.out, taken)
			return true
		}
		return false
	case pair:
		m := userPair.FindStringSubmatch(arg)
		if m == nil || (digits.MatchString(m[1]) && digits.MatchString(m[2])) { // uid:gid
			return false
		}
		a.take(i, key, "user and password")
		a.out = append(a.out, m[1]+":"+taken)
		return true
	}
	return false
}

// after says what follows a flag that stands alone.
func (a *arguments) after(flag string) next {
	name := strings.TrimLeft(flag, "-")
	switch {
	case SecretName(name):
		return secret
	case flag == "-p" && !a.mysql(): // of mysql it asks for one
		return perhaps
	case flag == "-u", flag == "-U", name == "user", name == "proxy-user":
		return pair
	case flag == "-a" && strings.HasPrefix(a.program, "redis"),
		flag == "-w" && strings.HasPrefix(a.program, "ldap"):
		return secret
	}
	return plain
}

func (a *arguments) mysql() bool {
	return strings.HasPrefix(a.program, "mysql") || strings.HasPrefix(a.program, "mariadb") || a.program == "sshpass"
}

// text is an argument that no flag speaks of.
func (a *arguments) text(i int, arg string) string {
	if strings.ContainsAny(arg, " \t\n") {
		if words := Words(arg); len(words) > 1 || (len(words) == 1 && words[0] != arg) {
			clean, found := Arguments(words)
			for _, f := range found {
				a.take(i, f.Key, f.Rule)
			}
			if len(found) > 0 {
				arg = strings.Join(clean, " ")
			}
		}
	}
	if m := userAt.FindStringSubmatch(arg); m != nil {
		a.take(i, "", "user and password")
		arg = m[1] + ":" + taken + m[3]
	}
	clean, n := Redact([]byte(arg))
	if n > 0 {
		a.take(i, "", "shape")
	}
	return string(clean)
}

func (a *arguments) take(i int, key, rule string) {
	a.found = append(a.found, Argument{Position: i, Key: key, Rule: rule})
}

func program(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return path.Base(argv[0])
}
