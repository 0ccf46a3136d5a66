package scan

import (
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// Argument is the place of a secret in a command line: never what it is.
type Argument struct {
	Position int    // from 0, the program itself
	Key      string // the flag or name that gave it away; empty where its shape did
	Rule     string
}

// The rules of Arguments beyond those of Secret and Redact.
const (
	ruleFlag     = "flag"
	ruleKeyValue = "key-value"
	rulePair     = "user and password"
)

// Arguments gives a command line without what looks like a secret, and where it
// was. It knows "--password x", "--password=x", "-Dpassword=x", "-px" and its like of
// the usual clients, user:password pairs, and what Secret and Redact know; an
// argument that is a whole command line itself (sh -c) is read as one. What may as
// well be a port or a path ("-p 8080", "--secret /run/secrets/x") is left alone.
func Arguments(argv []string) ([]string, []Argument) {
	var a arguments
	for i, arg := range argv {
		a.read(i, arg)
	}
	return a.out, a.found
}

// CommandLine is Arguments for a line as a shell, cron or systemd has it. What is no
// secret stays as it is written.
func CommandLine(line string) (string, []Argument) {
	parts := split(line)
	argv := make([]string, len(parts))
	for i, p := range parts {
		argv[i] = p.text
	}
	clean, found := Arguments(argv)
	var out strings.Builder
	at := 0
	for i, p := range parts {
		if clean[i] != p.text {
			out.WriteString(line[at:p.from] + p.instead(line, clean[i]))
			at = p.to
		}
	}
	out.WriteString(line[at:])
	text, n := apply([]byte(out.String()), acrossWords)
	if n > 0 {
		found = append(found, Argument{Key: "header", Rule: "authorization"})
	}
	return string(text), found
}

// client is a program that takes a password behind a letter, or a user with one.
type client struct {
	name   string // or how it begins
	letter string
	asks   bool // the letter alone lets it ask: what follows is no password
	pair   bool // -u, -U and --user are user:password or user%password
}

var clients = []client{
	{name: "mysql", letter: "-p", asks: true}, {name: "mariadb", letter: "-p", asks: true},
	{name: "sshpass", letter: "-p"}, {name: "mongo", letter: "-p"},
	{name: "redis", letter: "-a"}, {name: "ldap", letter: "-w"},
	{name: "sqlcmd", letter: "-P"}, {name: "isql", letter: "-P"},
	{name: "curl", pair: true}, {name: "wget", pair: true}, {name: "smbclient", pair: true}, {name: "lftp", pair: true}, {name: "rclone", pair: true},
}

// commands are the words behind -p of a program that takes a command there
// (postmulti(1), postfix(1)).
var commands = map[string][]string{
	"postmulti": {"start", "stop", "reload", "abort", "flush", "drain", "status", "check", "start-fg", "upgrade-configuration", "set-permissions"},
}

func clientOf(program string) client {
	for _, c := range clients {
		if strings.HasPrefix(path.Base(program), c.name) {
			return c
		}
	}
	return client{}
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
	client   client
	commands []string // that may stand behind -p
	flag     string
	next     next
	out      []string
	found    []Argument
}

// execSigns may stand before the program of a unit's command (systemd.service(5)).
const execSigns = "-@:+!"

const (
	redacted = "[redacted"
	taken    = redacted + ": argument]"
)

var (
	flagged  = lazy.New(`(?s)^(-{1,2}D?|[A-Za-z_][\w.-]*?)([\w.-]*)(=|:=)(.*)$`)
	digits   = lazy.New(`^[0-9]{1,5}(:[0-9]{1,5})*$`)
	pathLike = lazy.New(`^(~|\.{1,2})?/[\w./@-]*$`)
	userPair = lazy.New(`(?s)^([^\s:/@=%]*)([:%])(.+)$`)
)

func (a *arguments) read(i int, arg string) {
	was, flag := a.next, a.flag
	a.next, a.flag = plain, ""
	if c := clientOf(arg); i == 0 || was == plain && c.name != "" { // sudo mysqldump, x | mysql
		a.client = c
	}
	if i == 0 {
		a.commands = commands[path.Base(strings.TrimLeft(arg, execSigns))]
	}
	isFlag := strings.HasPrefix(arg, "-") && len(arg) > 1
	switch {
	case strings.HasPrefix(arg, redacted):
		a.out = append(a.out, arg)
	case (was == secret || !isFlag) && a.value(i, was, flag, arg):
	case a.keyValue(i, arg):
	case a.attached(i, arg):
	default:
		if isFlag && !strings.ContainsAny(arg, "= \t") {
			a.next, a.flag = a.after(arg), arg
		}
		a.out = append(a.out, a.text(i, arg))
	}
}

// value handles the argument of a flag; false leaves it to be read as any other.
func (a *arguments) value(i int, was next, flag, arg string) bool {
	key := strings.TrimLeft(flag, "-")
	switch was {
	case secret:
		return a.take(i, key, ruleFlag, "", arg)
	case perhaps:
		return !slices.Contains(a.commands, arg) && !digits.MatchString(arg) && !pathLike.MatchString(arg) && a.take(i, key, ruleFlag, "", arg)
	case pair:
		return a.takePair(i, key, "", arg)
	}
	return false
}

// keyValue handles what has its value behind an equals sign.
func (a *arguments) keyValue(i int, arg string) bool {
	m := flagged.FindStringSubmatch(arg)
	if m == nil {
		return false
	}
	key, front := strings.TrimLeft(strings.TrimPrefix(m[1], "-D")+m[2], "-"), m[1]+m[2]+m[3]
	switch {
	case secretName(key) && a.take(i, key, ruleKeyValue, front, m[4]):
		return true
	case a.client.pair && isPair("--"+key) && a.takePair(i, key, front, m[4]):
		return true
	case mentions.MatchString(key): // Redact would take it for a secret by its name
		a.out = append(a.out, front+a.text(i, m[4]))
		return true
	}
	return false
}

// attached handles the letter of a client with its value right behind it.
func (a *arguments) attached(i int, arg string) bool {
	if a.client.letter != "" {
		rest, is := strings.CutPrefix(arg, a.client.letter)
		return is && a.take(i, a.client.letter, ruleFlag, a.client.letter, rest)
	}
	if a.client.pair && len(arg) > 2 && isPair(arg[:2]) {
		return a.takePair(i, arg[:2], arg[:2], arg[2:])
	}
	return false
}

func isPair(flag string) bool {
	switch flag {
	case "-u", "-U", "--user", "-user", "--proxy-user":
		return true
	}
	return false
}

// after says what follows a flag that stands alone.
func (a *arguments) after(flag string) next {
	switch {
	case secretName(strings.TrimLeft(flag, "-")):
		return secret
	case flag == a.client.letter && a.client.asks:
		return plain
	case flag == a.client.letter:
		return secret
	case flag == "-p":
		return perhaps
	case isPair(flag):
		return pair
	}
	return plain
}

// take takes out value, which stands behind front, unless it says where the secret
// is, or nothing.
func (a *arguments) take(i int, key, rule, front, value string) bool {
	if strings.HasPrefix(value, redacted) || harmless(value) || pointsElsewhere(key, value) {
		return false
	}
	a.note(i, key, rule)
	a.out = append(a.out, front+taken)
	return true
}

// takePair takes out the password of user:password. With numbers it is a user and a
// group.
func (a *arguments) takePair(i int, key, front, value string) bool {
	m := userPair.FindStringSubmatch(value)
	if m == nil || m[2] == "%" && !a.client.pair || digits.MatchString(m[1]) && digits.MatchString(m[3]) {
		return false
	}
	return a.take(i, key, rulePair, front+m[1]+m[2], m[3])
}

// text is an argument that no flag speaks of.
func (a *arguments) text(i int, arg string) string {
	if strings.ContainsAny(arg, " \t\n") {
		if words := split(arg); len(words) > 1 || len(words) == 1 && words[0].text != arg {
			clean, found := CommandLine(arg)
			for _, f := range found {
				a.note(i, f.Key, f.Rule)
			}
			arg = clean
		}
	}
	if from, to, is := userPassword(arg); is {
		a.note(i, "", rulePair)
		arg = arg[:from] + taken + arg[to:]
	}
	arg = replaceGroup(assignment, arg, func(m []string) bool {
		is := secretName(m[1]) && !harmless(unquote(m[2])) && !pointsElsewhere(m[1], unquote(m[2]))
		if is {
			a.note(i, m[1], ruleInside)
		}
		return is
	})
	clean, n := Redact([]byte(arg))
	if n > 0 {
		a.note(i, "", "shape")
	}
	return string(clean)
}

func (a *arguments) note(i int, key, rule string) {
	a.found = append(a.found, Argument{Position: i, Key: key, Rule: rule})
}

// replaceGroup takes the last group out of every match that is wanted.
func replaceGroup(expr *lazy.Regexp, text string, wanted func([]string) bool) string {
	spans := expr.FindAllStringSubmatchIndex(text, -1)
	for i := len(spans) - 1; i >= 0; i-- {
		m := make([]string, len(spans[i])/2)
		for g := range m {
			if spans[i][2*g] >= 0 {
				m[g] = text[spans[i][2*g]:spans[i][2*g+1]]
			}
		}
		last := len(m) - 1
		if m[last] != "" && !strings.HasPrefix(m[last], redacted) && wanted(m) {
			text = text[:spans[i][2*last]] + taken + text[spans[i][2*last+1]:]
		}
	}
	return text
}
