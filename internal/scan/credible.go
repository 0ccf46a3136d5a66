package scan

import (
	"math"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// verdict is what is thought of a value under a name.
type verdict int

const (
	innocent verdict = iota
	doubtful         // a person has to say
	sure
)

// manner is how a text is to be taken: what is set in a configuration is in force;
// a program's text holds more names of secrets than secrets, so that only its
// literals count, and of these not what looks like a name; prose speaks about
// secrets, and holds one only where a value looks like nothing else.
type manner int

const (
	asConfig manner = iota
	asCode
	asProse
)

// credible judges a value by what it looks like, where its key has a secret's name.
// strong says that the name is that of a password, and not only of a token or key.
func credible(value string, strong bool, m manner) verdict {
	switch {
	case value == "" || len(value) > longestLine:
		return innocent
	case pemBegin.MatchString(value):
		return sure
	case harmless(value), isExample(value), strings.Trim(value, "[]{}(),;=<>|&'\"` ") == "", m == asCode && (structTag.MatchString(value) || strings.HasPrefix(value, `{"`)), len(value) > 2 && strings.Trim(value, value[:1]) == "" && (value[0] < '0' || value[0] > '9'):
		return innocent
	case isTemplate(value, m):
		return innocent
	case strings.ContainsAny(value, " \t\n"):
		return ofWords(value, strong, m)
	case namesOnly(value, m), fileName.MatchString(value), m != asConfig && pattern.MatchString(value), isExpression(value, m), webAddress.MatchString(value):
		return innocent
	}
	if m == asConfig {
		return inForce(value, strong)
	}
	return literal(strings.TrimRight(value, "."), strong, m)
}

// inForce judges one word in a configuration.
func inForce(value string, strong bool) verdict {
	switch {
	case kinds[strings.ToLower(value)] || strings.Contains(value, "pam_") && strings.Contains(value, ".so"):
		return innocent
	case pinned.MatchString(value):
		return innocent
	case strong:
		return sure
	case identifier.MatchString(value) && hasVocabulary(value): // tokenValue
		return doubtful
	case numeric(value) && len(value) < 7, versions.MatchString(value):
		return innocent
	case lowerWord.MatchString(value) && len(value) < 8:
		return doubtful
	}
	return sure
}

// literal judges one word in quotes in a program's text.
func literal(value string, strong bool, m manner) verdict {
	n := len([]rune(value))
	switch {
	case versions.MatchString(value), qualified.MatchString(value), strings.HasSuffix(value, "{"), strings.HasSuffix(value, "("):
		return innocent
	case n < 3 || kinds[strings.ToLower(value)] || inTests[strings.ToLower(value)]:
		return innocent
	case telling(value):
		return sure
	case m == asProse:
		return innocent
	case !strong:
		if n >= 16 && !lowerWord.MatchString(value) && entropy(value) > 3.2 && !identifier.MatchString(value) {
			return sure
		}
		return innocent
	case numeric(value):
		if n >= 4 {
			return sure
		}
		return innocent
	case identifier.MatchString(value) && mentions.MatchString(value) && strings.ToLower(value) != value:
		return innocent // newPasswordField
	case hasVocabulary(value) && strings.ContainsAny(value, "_-."):
		return innocent // password_again
	case dotted.MatchString(value), strings.HasPrefix(value, "--"), strings.HasSuffix(value, ":"), strings.HasSuffix(value, "="):
		return innocent
	}
	if n < 4 {
		return doubtful
	}
	return sure
}

// ofWords judges a value with blanks: a sentence about a password is none, a
// passphrase is one.
func ofWords(value string, strong bool, m manner) verdict {
	words := strings.Fields(value)
	if m == asProse || !strong || len(words) > 12 {
		if m == asConfig && !strong && len(words) < 4 && slices.ContainsFunc(words, telling) {
			return sure // Bearer …
		}
		return innocent
	}
	if m == asConfig && slices.ContainsFunc(words, withDigits) && !slices.ContainsFunc(words, hasVocabulary) {
		return sure
	}
	alphabetic := 0
	for _, w := range words {
		if speaks[strings.ToLower(strings.Trim(w, ".,:;!?()'\""))] || hasVocabulary(w) {
			return innocent
		}
		if strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz.,:'!?-") == "" {
			alphabetic++
		}
	}
	last := value[len(value)-1]
	switch {
	case last == ':' || last == '.' || strings.HasSuffix(value, "…"):
		return innocent
	case strings.ContainsAny(value, "()[]{}<>|=") && alphabetic < len(words):
		return doubtful
	case m == asCode && alphabetic == len(words) && len(words) < 3:
		return innocent
	case m == asCode && alphabetic == len(words):
		return doubtful
	}
	return sure
}

// speaks are words of sentences, in the languages in which forms are written most.
var speaks = set("a", "an", "the", "is", "are", "be", "was", "must", "should", "can", "cannot", "not", "your", "you", "my", "enter", "please", "type", "confirm", "repeat", "forgot", "reset",
	"change", "new", "old", "current", "invalid", "incorrect", "wrong", "for", "to", "of", "in", "on", "with", "and", "or", "if", "at", "from", "by", "no", "missing", "required", "empty",
	"choose", "set", "show", "hide", "save", "weak", "short", "long", "least", "characters", "votre", "le", "la", "de", "el", "una", "ihr", "das", "der", "und", "ist", "bitte", "neues",
	"mot", "contraseña", "passe", "select", "use", "using", "that", "this", "we", "will", "has", "have", "been", "does", "do", "match", "expired", "optional")

// vocabulary are the words that names of secrets and of what surrounds them are
// made of.
var vocabulary = set("password", "passwords", "passwd", "pass", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys", "credential", "credentials", "cred", "creds", "auth", "authorization",
	"authentication", "api", "access", "private", "public", "client", "user", "username", "login", "admin", "root", "db", "database", "my", "your", "the", "new", "old", "current", "confirm", "repeat", "id", "name",
	"field", "value", "header", "x", "csrf", "xsrf", "session", "cookie", "bearer", "basic", "refresh", "reset", "app", "service", "oauth", "oauth2", "jwt", "aws", "encryption", "signing", "shared", "hash", "salt",
	"input", "param", "string", "text", "type", "hmac", "webhook", "account", "email", "code", "grant", "form", "data", "default", "store", "ssh", "ssl", "tls", "smtp", "mail", "redis", "mysql", "postgres", "postgresql", "mongo", "mongodb", "http", "https", "proxy",
	"config", "env", "file", "path", "url", "and", "or", "is", "has", "of", "for", "to", "in", "a", "s3", "gcp", "azure", "github", "gitlab", "slack", "docker", "registry", "server", "storage", "master", "tmp", "temp")

// kinds are what a setting that describes a password is set to.
var kinds = set("string", "str", "text", "bytes", "byte", "boolean", "bool", "int", "integer", "number", "object", "array", "any", "char", "varchar", "required", "optional", "hidden", "input", "secretstr", "uuid", "base64",
	"default", "disabled", "enabled", "prompt", "ask", "inherit", "plain", "plaintext", "auto", "automatic", "generate", "generated", "random", "external", "self", "this", "false,", "true,", "void", "undefined", "nullable", "never", "always", "missing", "empty", "unset", "not_set",
	"bearer", "basic", "digest", "jwt", "oauth2", "saml", "kerberos", "ldap", "hs256", "rs256", "sha256", "sha512", "sha1", "md5", "bcrypt", "argon2", "scrypt", "pbkdf2", "aes", "rsa", "ed25519", "utf-8", "utf8", "header", "cookie", "query", "body", "form",
	"strict", "lax", "deny", "allow", "readonly", "read-only", "cleartext", "md5sum", "crypt", "pam", "file", "env", "environment", "vault", "keyring", "keychain", "stdin", "refresh_token", "access_token", "id_token", "client_credentials", "authorization_code", "client_secret_basic", "client_secret_post", "system")

// inTests are words that tests hand over where it does not matter what.
var inTests = set("wrong", "invalid", "incorrect", "bad", "short", "weak", "strong", "foo", "bar", "baz", "qux", "abc", "unknown", "valid", "something", "anything", "whatever", "hello", "test", "testing", "dummy", "fake", "mock", "stub", "one", "two", "first", "second", "left", "right", "same", "other", "different", "expected", "actual", "result", "unused", "ignored")

func set(words ...string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}

// hasVocabulary says whether a word of the value is one of those for secrets.
func hasVocabulary(value string) bool {
	return slices.ContainsFunc(keyParts(value), func(w string) bool { return slices.Contains(secretWords, w) })
}

// namesOnly says that a value consists of nothing but what secrets are called:
// access_token, db-password. A single such word in a configuration is in force.
func namesOnly(value string, m manner) bool {
	if value = strings.TrimRight(value, `"';`); len(value) > 64 || strings.ContainsAny(value, "!#$%&*+=^~") {
		return false
	}
	words := keyParts(value)
	for _, w := range words {
		if !vocabulary[w] {
			return false
		}
	}
	return len(words) > 1 && strings.ContainsAny(value, "_-.:/") || len(words) > 0 && len(value) > 3 && strings.ToUpper(value) == value || len(words) > 0 && m != asConfig
}

var (
	fileName   = lazy.New(`(?i)^[\w./@+-]+\.(?:[ocha]|so|js|ts|css|py|go|rb|java|class|jar|ya?ml|json|xml|html?|pem|crt|cer|csr|key|pub|p12|jks|pfx|keystore|txt|conf|cnf|cfg|ini|properties|env|sh|log|db|sql|gz|png|svg|md|asc|gpg|tpl|php)$`)
	pattern    = lazy.New(`\(\?[:=!<P]|\[\^|\\[swdbSWDB]|\.[*+]|\]\+|\]\*|\{\d+,`)
	qualified  = lazy.New(`^[\w-]+(?:::\w+)+$|^[\w-]+(?:\.[\w-]+)+(?:/[\w.-]+){2,}$`)
	structTag  = lazy.New(`^[a-z]+:"`)
	lowerWord  = lazy.New(`^[a-z]+$`)
	identifier = lazy.New(`^[A-Za-z_]+$`)
	dotted     = lazy.New(`^[A-Za-z_][A-Za-z_-]*(?:[.:/][A-Za-z_][A-Za-z_-]*)+$`)
	webAddress = lazy.New(`^[a-zA-Z][a-zA-Z0-9+.-]*://[^\s@]*$`)
	calls      = lazy.New(`^(?:new\s+|await\s+|&|\*|!)?[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*(?:\(.*\)|\(|\[.*\])[;,)]*$`)
	member     = lazy.New(`^(?:self|this|var|local|data|module|settings|config|conf|cfg|props|properties|args|opts|options|req|request|params|ctx|context|env|process|os|event|input|output|state|each|github|inputs|secrets|steps|vars|values|Values|kwargs|app|user|obj|cls|super|me|it|m|r|s|c|e|u|a|random_\w+|aws_\w+|azurerm_\w+|google_\w+|kubernetes_\w+)(?:\.|->|::|\?\.)[A-Za-z_$][\w$.>:-]*[;,)]*$`)
	bracketed  = lazy.New(`^(?:[<\[({%@_$#:]+)[A-Za-z][\w .:-]*(?:[>\])}%@_$#:]+)$`)
	embedded   = lazy.New(`\$\{[^}]*\}|\{\{.*\}\}|<%.*%>|#\{[^}]*\}|%\([\w.]+\)[sd]|@@\w+@@|__[A-Z][A-Z_]+__|\$\([^)]*\)|\$\[[^\]]*\]|` + "`[^`]+`")
	verbs      = lazy.New(`^[^%{]*(?:%[-+0-9.]*[sdvqxu]|%[@r]|\{[\w.:!]*\})[^%{]*$|^\$[A-Za-z_]\w*|\{\$|\\\(`)
	example    = lazy.New(`(?i)example|placeholder|dummy|redacted|replace[-_ ]?(?:me|this|with)|insert[-_ ]|your[-_ ]?(?:own[-_ ]?)?(?:password|passwd|secret|token|key|api|access|client|auth|db|here|user|account|pass\b)|not[-_ ]?(?:a[-_ ]?)?(?:real|secret|used)|^fake|[-_]fake|\bfake|^sample|to[-_ ]?be[-_ ]?(?:filled|set|changed|replaced)|fixme|^todo|^tbd$|xxxx|\*\*\*|\.\.\.$|…|put[-_ ].*here|goes[-_ ]?here|<.*>`)
)

// exampleStems are of what each alternative of example needs one.
var exampleStems = []string{"example", "placeholder", "dummy", "redacted", "replace", "insert", "your", "not", "fake", "sample", "to", "fixme", "tbd", "xxxx", "***", "...", "…", "put", "goes", "<"}

// isExample says that a value shows where one would stand.
func isExample(value string) bool {
	return containsAny(strings.ToLower(value), exampleStems...) && example.MatchString(value) || bracketed.MatchString(value)
}

// isTemplate says that a part of the value comes from elsewhere.
func isTemplate(value string, m manner) bool {
	if !strings.ContainsAny(value, "${<%#@_`\\") {
		return false
	}
	if strings.Contains(value, "{{") {
		return true
	}
	if at := embedded.FindString(value); at != "" {
		return len(at)*2 >= len(value) || m != asConfig || strings.HasPrefix(at, "${") || strings.HasPrefix(at, "{{") || strings.HasPrefix(at, "$(")
	}
	return m != asConfig && verbs.MatchString(value)
}

// isExpression says that a value is computed where it stands.
func isExpression(value string, m manner) bool {
	if m != asConfig { // a literal is computed nowhere
		return filePath.MatchString(value) && strings.Count(value, "/") > 1
	}
	return calls.MatchString(value) || member.MatchString(value)
}

// withDigits says that a word has letters and digits as no word of a sentence has.
func withDigits(word string) bool {
	word = strings.Trim(word, ".,:;!?()\"'")
	return len(word) > 3 && strings.ContainsAny(word, "0123456789") && strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz") != word && !numeric(word) && strings.ContainsAny(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz")
}

func numeric(value string) bool {
	return value != "" && strings.Trim(value, "0123456789") == ""
}

var (
	technical = lazy.New(`(?i)^(?:v?\d+(?:\.\d+)+.*|\d{4}-\d\d-\d\d.*|[a-z]+-?\d{1,2}|(?:sha|md|aes|rsa|utf|oauth|base|hs|rs|es|ps|ecdsa|hmac[-_]?sha|hmac|pbkdf|bcrypt|argon|tls|ec|http|ipv|win|int|uint|float)[-_]?\d+[\w-]*|\d+(?:\.\d+)?[a-z%]{0,3}|0x[0-9a-f]{1,8}|#[0-9a-f]{3,8}|[a-z_]+_\d|.*[-_.](?:id|name|key|token|password|secret|header|field|label|input|title|text|url|path|file)s?\d?)$`)
	pinned    = lazy.New(`^[~^]v?\d+(?:\.\d+)*$|^\d+\.\d+\.\d+$`)
	versions  = lazy.New(`^(?:[~^<>=v]+\s?)?\d+(?:\.\d+){1,3}(?:[-+.][\w.]+)?$`)
	uuid      = lazy.New(`^\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?$`)
)

// telling says that a value looks like what a person or a generator makes for a
// secret: letters together with digits or signs, in no usual form of anything else.
func telling(value string) bool {
	if len(value) < 6 {
		return false
	}
	var letters, digits, signs int
	for _, r := range value {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r > 127:
			letters++
		case strings.ContainsRune("!@#$%^&*?~|;", r):
			signs++
		case strings.ContainsRune("()<>{}[]\"'`", r):
			signs--
		}
	}
	if (letters < 2 || digits == 0) && (letters < 4 || signs <= 0) && (len(value) < 20 || letters < 13 || !mixed(value)) {
		return false
	}
	return !technical.MatchString(value) && !filePath.MatchString(value)
}

// mixed says that small and capital letters alternate as in no name.
func mixed(value string) bool {
	turns := 0
	for i := 1; i < len(value); i++ {
		a, b := value[i-1], value[i]
		if a >= 'A' && a <= 'Z' && b >= 'a' && b <= 'z' || a >= 'a' && a <= 'z' && b >= 'A' && b <= 'Z' {
			turns++
		}
	}
	return turns*3 >= len(value)
}

// entropy is Shannon's, in bits a byte.
func entropy(value string) float64 {
	var count [256]int
	for i := range len(value) {
		count[value[i]]++
	}
	out := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(value))
			out -= p * math.Log2(p)
		}
	}
	return out
}

// random says that a word of letters and digits is one that a generator made; the
// usual forms of checksums and identifiers are not meant.
func generated(word string) bool {
	if len(word) < longWord || len(word) > 200 {
		return false
	}
	if strings.Trim(word, base64Letters+"=.") != "" || strings.HasPrefix(word, "_Z") || strings.Count(word, ".") > 2 {
		return false
	}
	var upper, lower, digits, turns int
	kind := byte(0)
	for i := range len(word) {
		k := byte('s')
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			k = 'd'
			digits++
		case c >= 'a' && c <= 'z':
			k = 'l'
			lower++
		case c >= 'A' && c <= 'Z':
			k = 'u'
			upper++
		}
		if k != kind && i > 0 {
			turns++
		}
		kind = k
	}
	return digits > 1 && lower > 2 && upper > 2 && turns*20 >= len(word)*9 && entropy(word) > 3.7 && !technical.MatchString(word)
}
