package scan

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

var (
	// assignment is key=value inside of a longer value: -Dx.password=…, a DSN,
	// a JAAS line, Environment= of systemd; and key: value of JSON.
	assignment = lazy.New(`([A-Za-z_][\w.-]*)(?:\s*=|\\?["']\s*:)\s*(\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;&)]+)`)
	// flag is an option of a command line with its value as the next word.
	flag = lazy.New(`(?:^|\s)--?([A-Za-z][\w-]*)\s+("[^"]*"|'[^']*'|[^\s"'-]\S*)`)

	jdbcOracle = lazy.New(`(?i)jdbc:oracle:\w+:[^\s/@:]+/([^\s@]+)@`)
	userAt     = lazy.New(`^[A-Za-z_][\w.+%-]*:([^\s@/,:()\[\]]\S*?)@(?:\w+\(|[A-Za-z0-9[][\w.:\[\]-]*(?:$|[/?,"' ]))`)
	urlUser    = lazy.New(`\b[a-zA-Z][a-zA-Z0-9+.-]*://([^\s/:@"'<>]*):([^\s/@"']+)@`)
	bearer     = lazy.New(`(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})`)
	basic      = lazy.New(`(?i)\bbasic\s+([A-Za-z0-9+/_-]{8,}={0,2})`)
	headerName = lazy.New(`(?i)\b(?:authorization|x-api-key|x-auth-token|x-vault-token)\b["']?(?:\s*[:=]\s*["']?(?:(?:basic|bearer|digest|token|apikey)\s+)?|\s+["']?(?:basic|bearer|digest|token|apikey)\s+)([^\s"',;]{4,})`)
	azureKey   = lazy.New(`(?i)\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=]{16,})`)
)

// shape names the rule by which a value is a secret whatever it is called. The
// expressions are slow, so that a word that each needs is looked for first.
func shape(value string) string {
	lower := strings.ToLower(value)
	at := strings.IndexByte(value, '@') >= 0
	switch {
	case at && strings.Contains(value, "://") && urlSecret(value):
		return "url"
	case at && (anyLiteral(jdbcOracle, value) || bareUser(value)):
		return ruleDSN
	case containsAny(lower, "accountkey", "sharedaccesskey") && anyLiteral(azureKey, value):
		return ruleDSN
	case containsAny(lower, "authorization", "x-api-key", "x-auth-token", "x-vault-token") && anyTelling(headerName, value):
		return "authorization"
	case strings.Contains(lower, "bearer") && anyTelling(bearer, value):
		return "authorization"
	case strings.Contains(lower, "basic") && anyCredentials(value):
		return "authorization"
	case strings.Contains(value, "$") && crypted.MatchString(value), strings.Contains(lower, "{s") && directoryHash.MatchString(value):
		return ruleHash
	case containsAny(value, "hooks.slack.com/services/", "/api/webhooks/") && webhook.MatchString(value):
		return "vendor"
	case strings.Contains(value, "eyJ") && ruleOf("jwt").value.MatchString(value):
		return "jwt"
	}
	if _, _, is := vendorToken(value); is {
		return "vendor"
	}
	return ""
}

var (
	crypted       = lazy.New(`\$(?:apr1|1|2[abxy]?|5|6|7|y|gy|sha1|pbkdf2-sha\d+|argon2(?:id?|d))\$[./A-Za-z0-9=,$+*-]{16,}|pbkdf2_sha256\$\d+\$\S{16,}|SCRAM-SHA-256\$\d+:\S{16,}`)
	directoryHash = lazy.New(`\{(?:SSHA|SHA|SMD5|SSHA256|SSHA512|SHA256|SHA512)\}[A-Za-z0-9+/=]{20,}`)
	webhook       = lazy.New(`hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}|/api/webhooks/\d{15,}/[\w-]{40,}`)
)

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

func urlSecret(value string) bool {
	for _, m := range urlUser.FindAllStringSubmatch(value, -1) {
		word := m[2]
		if plain, err := url.PathUnescape(word); err == nil {
			word = plain
		}
		if !harmless(word) && !isExample(word) && !verbs.MatchString(word) {
			return true
		}
	}
	return false
}

// anyTelling is anyLiteral where the words around the value are words of English too.
func anyTelling(expr *lazy.Regexp, value string) bool {
	for _, m := range expr.FindAllStringSubmatch(value, -1) {
		if telling(m[1]) && !harmless(m[1]) && !isExample(m[1]) {
			return true
		}
	}
	return false
}

func anyLiteral(expr *lazy.Regexp, value string) bool {
	for _, m := range expr.FindAllStringSubmatch(value, -1) {
		if !harmless(m[1]) {
			return true
		}
	}
	return false
}

// userPassword finds the password in user:password@host, without the scheme of a
// URL. An address of mail and an image with its digest look like it.
func userPassword(value string) (from, to int, found bool) {
	m := userAt.FindStringSubmatchIndex(value)
	if m == nil || strings.HasPrefix(value[m[3]:], "@sha256:") || strings.HasPrefix(value[m[2]:], redacted) {
		return 0, 0, false
	}
	switch scheme, _, _ := strings.Cut(value, ":"); strings.ToLower(scheme) {
	case "mailto", "sip", "sips", "xmpp", "acct", "pkg", "npm", "git", "docker", "emails":
		return 0, 0, false
	}
	return m[2], m[3], true
}

func bareUser(value string) bool {
	from, to, found := userPassword(value)
	return found && !harmless(value[from:to]) && !isExample(value[from:to]) && !verbs.MatchString(value[from:to])
}

// anyCredentials looks for what RFC 7617 puts behind the word Basic, which is a word
// of English too: user and password, in base64, or at least what no word looks like.
func anyCredentials(value string) bool {
	for _, m := range basic.FindAllStringSubmatch(value, -1) {
		text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(m[1], "="))
		if plain, err := base64.RawStdEncoding.DecodeString(text); err == nil && bytes.IndexByte(plain, ':') >= 0 && isText(plain) || strings.ContainsAny(m[1], "0123456789") && !harmless(m[1]) {
			return true
		}
	}
	return false
}

// assigns says whether somewhere inside of value a key with a secret's name gets
// a value.
func assigns(value string, m manner) bool {
	if !strings.ContainsAny(value, `=-"'`) || !hasStem(value) {
		return false
	}
	for _, a := range assignment.FindAllStringSubmatch(value, -1) {
		if v := unquote(strings.NewReplacer(`\"`, `"`).Replace(a[2])); !strings.HasPrefix(v, "=") && secretName(a[1]) && !pointsElsewhere(a[1], v) && credible(v, strongName(a[1]), m) == sure && !bound.MatchString(v) {
			return true
		}
	}
	if m != asConfig && !strings.Contains(value, "--") {
		return false
	}
	for _, a := range flag.FindAllStringSubmatch(value, -1) {
		if v := unquote(a[2]); secretName(a[1]) && !pointsElsewhere(a[1], v) && credible(v, strongName(a[1]), m) == sure && (m == asConfig || telling(v)) {
			return true
		}
	}
	return false
}

// bound is a value that a statement of SQL is given when it is run.
var bound = lazy.New(`^(?:\?|:\w+|\$\d+|@\w+|%s)$`)

// defaultOf is what a reference says where the variable is not set: ${A:-x} of a
// shell, ${A:x} of Spring. Where it is a reference again there is none.
func defaultOf(value string) (string, bool) {
	if !strings.HasPrefix(value, "${") {
		return "", false
	}
	m := withDefault.FindStringSubmatch(value)
	if m == nil || m[2] == "" || m[1] == "" && strings.HasPrefix(m[2], "/") {
		return "", false
	}
	return unquote(m[2]), true
}

var withDefault = lazy.New(`^\$\{[A-Za-z_][\w.-]*:([-=]?)([^${}?+]+)\}$`)

var (
	// reference is a value that says where the secret is.
	reference = lazy.New(`(?i)^(?:\$\{.*\}|\$\(.*\)|\$[A-Z_]\w*(?:::\w+)*|%\{.*\}|%\([\w.]+\)s|%[A-Z_]+%|\$[0-9@#*?]|\{\{.*\}\}|<%.*%>|@[\w.]+@|#\{.*\}|` +
		`(?:vault|env|file|exec|ssm|sm|op|awssm|gcpsm|keyvault|secretsmanager|credstash|doppler|akv|secret|secrets|configtree|systemd-credential|cmd)[:+]\S*|` +
		`ref\+\w+://\S*|arn:aws:(?:secretsmanager|ssm|kms):\S*|projects/[^/\s]+/secrets/\S*|@Microsoft\.KeyVault\(.*|` +
		`(?:file:)?/(?:var/)?run/(?:secrets|credentials)/\S*|` +
		`!(?:ref|sub|getatt|secret|env|env_var|vault)\b.*|\{resolve:.*|` +
		`(?:os\.)?(?:getenv|environ)\b.*|process\.env\b.*|system\.getenv\b.*|ENV[\[(.].*|env\(.*|\$_(?:env|server)\[.*|lookup\(.*)$`)
	// encrypted is a value that needs a key which does not stand beside it.
	encrypted = lazy.New(`^(?:ENC[\[(].*|\{cipher\}.*|\{AES\}.*|\{[A-Za-z0-9+/=]{20,}\}|!vault\b.*|\$ANSIBLE_VAULT.*|-----BEGIN (?:AGE|PGP MESSAGE).*|AgA[A-Za-z0-9+/=]{200,}|vault:v\d+:.*)`)
	// placeholder is what nobody can log in with. "changeme" and "changeit" are no
	// placeholders: products ship with them, and they work.
	placeholder = lazy.New(`(?i)^(?:<[^<>]*>|\[redacted.*|\[[a-z _-]*(?:password|secret|token|key)[a-z _-]*\]|x{3,}|\*+|\.{3,}|-+|_+|\?+|null|nil|none|undefined|~|true|false|yes|no|on|off|` +
		`your[-_ ].*|my[-_ ](?:secret|password|token)[-_ ]here|.*[-_ ]here|(?:change|replace|fill|insert|set|enter)[-_ ](?:me|it|this|in|with)\b.*|todo\b.*|fixme\b.*|redacted|masked|hidden|removed|n/a)$`)
	publicKey = lazy.New(`^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA|^-----BEGIN (?:[A-Z0-9 ]*PUBLIC KEY|CERTIFICATE|X509 CRL|DH PARAMETERS|EC PARAMETERS)`)
)

// harmless says that a value is no secret whatever its key is called.
func harmless(value string) bool {
	value = strings.TrimSpace(value)
	if value == "" || publicKey.MatchString(value) || reference.MatchString(value) || encrypted.MatchString(value) {
		return true
	}
	return placeholder.MatchString(value)
}

// exampleOnly says that a commented line shows how it would be written.
func exampleOnly(line string) bool {
	for _, m := range urlUser.FindAllStringSubmatch(line, -1) {
		switch strings.ToLower(m[2]) {
		case "password", "pass", "passwd", "pw", "pwd", "secret", "token", strings.ToLower(m[1]):
		default:
			return false
		}
	}
	return urlUser.MatchString(line)
}

func unquote(v string) string {
	v = strings.TrimSpace(v)
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'' || v[0] == '`') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}
