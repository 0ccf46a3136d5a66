package scan

import (
	"slices"
	"strings"
	"unicode"

	"rehome.dev/rehome/internal/lazy"
)

// secretWords are what a secret's key says of it; a word of a key is what stands
// between separators and changes of case.
var secretWords = []string{
	"password", "passwords", "passwd", "passwort", "pwd", "pass", "passphrase", "passcode", "pw", "bindpw", "rootpw",
	"secret", "secrets", "token", "tokens", "credential", "credentials", "psk", "apikey", "accesskey", "secretkey", "privatekey",
	"requirepass", "masterauth", "storepass", "keypass", "hmac", "salt", "authorization", "authtok", "community", "rocommunity", "rwcommunity",
}

// keyWords make a secret of the word key that follows them.
var keyWords = []string{"api", "access", "secret", "private", "encryption", "encrypt", "signing", "sign", "auth", "master", "shared", "account", "storage", "crypt", "cipher", "aes", "session", "cookie", "app", "deploy", "service", "jwt", "hmac"}

// otherWords at the end of a key say that it is about the secret, and not it.
var otherWords = []string{
	"ttl", "timeout", "length", "len", "size", "min", "max", "policy", "expiry", "expires", "expiration", "expire", "lifetime", "age", "type", "types",
	"file", "files", "filename", "path", "paths", "dir", "directory", "location", "url", "uri", "endpoint", "enabled", "enable", "required", "header", "headers", "field", "param", "parameter",
	"name", "names", "encoder", "encoding", "algorithm", "alg", "digest", "count", "limit", "prompt", "hint", "regex", "regexp", "pattern", "format", "ref", "provider",
	"rotation", "cost", "rounds", "attempts", "retries", "id", "ids", "version", "class", "method", "mode", "strength", "reset", "change", "interval", "seconds", "days", "hours",
	"issuer", "audience", "scope", "validity", "prefix", "suffix", "index", "label", "column", "query", "env", "command", "attribute", "store", "manager", "engine", "bytes", "mount", "volume", "authentication", "complexity", "history",
	"scheme", "schemes", "spec", "namespace", "strategy", "controls", "handling", "maps", "map", "title", "text", "message", "msg", "error", "errors", "help", "description", "desc", "placeholder", "tooltip", "icon", "validator", "validation", "validators", "rule", "rules", "form", "page", "view", "screen", "dialog", "button", "box", "element", "selector",
	"event", "handler", "callback", "listener", "func", "function", "factory", "builder", "resolver", "generator", "utils", "helper", "repository", "table", "schema", "template", "subject", "response", "checker", "status", "state", "flag", "visible", "group", "role", "user", "username", "host", "port",
	"realm", "kind", "separator", "delimiter", "characters", "level", "at", "on", "until", "expired", "changed", "updated", "created", "warning", "notice", "link", "arn", "supported", "plugin", "extension", "exception", "controller", "model", "middleware", "syntax", "usage", "caption", "words", "list", "backend", "entropy", "digits", "verifier", "hook",
}

// otherFronts at the beginning of a key say that it is no secret.
var otherFronts = []string{"public", "use", "require", "requires", "allow", "disable", "enable", "no", "skip", "show", "has", "is", "min", "max", "reset", "num", "publishable", "forgot", "invalid", "wrong", "missing", "empty", "enter", "verify", "validate", "check", "get", "find", "nopasswd", "existing", "ask", "supports", "should", "can", "with", "without", "enforce"}

var squashed = []string{"passw", "passphrase", "secret", "apikey", "accesskey", "privatekey", "credential"}

// secretName says whether a key with this name holds a secret. Only its last
// part counts, and a part above it that gathers secrets: secrets, stringData.
func secretName(key string) bool {
	if !hasStem(key) && !containsAny(key, "pw", "PW", "Pw") {
		return false
	}
	key = ownName(key)
	parts := strings.FieldsFunc(key, func(r rune) bool { return strings.ContainsRune("./[]@\"'#$", r) })
	for len(parts) > 0 && strings.Trim(parts[len(parts)-1], "0123456789") == "" {
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return false
	}
	if name := parts[len(parts)-1]; name == "_auth" || strings.HasSuffix(name, ":_auth") { // of npm
		return true
	}
	last := keyParts(parts[len(parts)-1])
	if above := len(parts) - 2; above >= 0 && len(last) == 1 && last[0] == "key" { // fs.secret.key
		if words := keyParts(parts[above]); len(words) > 0 {
			last = []string{words[len(words)-1], "key"}
		}
	}
	for i, above := range parts[:len(parts)-1] {
		switch strings.ToLower(above) {
		case "secrets", "passwords", "stringdata":
			if i < len(parts)-2 {
				continue
			}
			return len(last) > 0 && !slices.Contains(otherWords, last[len(last)-1])
		case "auths": // of a registry: auths.HOST.auth
			return slices.Equal(last, []string{"auth"})
		}
	}
	return secretPart(last)
}

// openKeys are words before key that make no secret of it.
var openKeys = set("public", "pub", "cache", "primary", "foreign", "sort", "partition", "row", "object", "lookup", "s3", "bucket", "group", "map", "index", "dict", "i18n", "trans", "translation", "unique", "routing", "site", "host", "publishable", "idempotency", "dedup", "license", "config", "registry", "answer", "hot", "event", "item", "react", "query", "field", "column", "data", "json", "xml", "sub", "parent", "child", "root", "node", "storage", "state", "header", "cookie", "param", "hash", "range", "natural", "composite", "surrogate", "id", "name", "path", "resource", "tag", "label", "message", "msg", "error", "kms", "known", "authorized")

// keyLike says that a name ends in key, of whatever, and that its value is one that a
// generator made.
func keyLike(key, value string) bool {
	parent, name := splitKey(key)
	switch _, above := splitKey(parent); above {
	case "tokens", "apikeys", "api_keys", "apitokens", "api_tokens":
		return len(value) >= 16 && telling(value) && !isExample(value)
	}
	if len(key) < 4 || !strings.EqualFold(key[len(key)-3:], "key") && name != "encrypt" {
		return false
	}
	words := keyParts(key[strings.LastIndexAny(key, "./")+1:])
	if name == "encrypt" { // of Consul and Serf
		words = []string{"gossip", "key"}
	}
	n := len(words)
	if n < 2 || words[n-1] != "key" || openKeys[words[n-2]] || len(value) < 16 || len(value) > 128 || strings.Trim(value, base64Letters+"=") != "" || uuid.MatchString(value) {
		return false
	}
	digits := 0
	for i := range len(value) {
		if value[i] >= '0' && value[i] <= '9' {
			digits++
		}
	}
	return digits > 2 && len(value)-digits > 2 && entropy(value) > 3 && !technical.MatchString(value) && !isExample(value) && !strings.ContainsAny(value[1:len(value)-1], "=") && strings.Count(value, "-")+strings.Count(value, "_")+strings.Count(value, "/") < 3
}

func secretPart(words []string) bool {
	if n := len(words); n > 1 && words[n-2] == "secret" && words[n-1] == "id" { // of Vault's AppRole
		return true
	}
	if len(words) == 0 || slices.Contains(otherWords, words[len(words)-1]) {
		return false
	}
	if len(words) > 1 && slices.Contains(otherFronts, words[0]) {
		return false
	}
	for i, w := range words {
		w = strings.TrimRight(w, "0123456789")
		if slices.Contains(secretWords, w) {
			return true
		}
		if w == "key" && i > 0 && slices.Contains(keyWords, words[i-1]) {
			return true
		}
	}
	joined := strings.Join(words, "")
	for _, s := range squashed {
		if strings.Contains(joined, s) {
			return true
		}
	}
	for _, end := range []string{"pass", "pwd", "token"} {
		if strings.HasSuffix(joined, end) {
			return !strings.HasSuffix(joined, "bypass") && !strings.HasSuffix(joined, "compass") && !strings.HasSuffix(joined, "trespass")
		}
	}
	return false
}

// ownName is the key of an XML element for its text, and of a list for its elements.
func ownName(key string) string {
	key = strings.TrimSuffix(key, "/#text")
	for strings.HasSuffix(key, "]") {
		open := strings.LastIndexByte(key, '[')
		if open < 0 || !numeric(key[open+1:len(key)-1]) {
			break
		}
		key = key[:open]
	}
	return key
}

// strongName says that a key is named for what people log in with, and not only for
// a token or key.
func strongName(key string) bool {
	_, last := splitKey(ownName(key))
	lower := strings.ToLower(last)
	for _, w := range []string{"pass", "pwd", "secret", "psk", "credential", "requirepass", "masterauth", "bindpw", "rootpw", "community"} {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return lower == "pw" || strings.HasSuffix(lower, "_pw") || strings.HasPrefix(lower, "pw_")
}

// passwordName says that a key is named for a password, and not only for a secret.
func passwordName(key string) bool {
	_, last := splitKey(key)
	return !strings.Contains(last, "secret") && !strings.Contains(last, "credential") || strings.Contains(last, "pass")
}

// keyParts splits a name at separators and changes of case, in lower case.
func keyParts(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			flush()
		}
		word = append(word, r)
	}
	flush()
	for len(words) > 1 && strings.Trim(words[len(words)-1], "0123456789") == "" {
		words = words[:len(words)-1]
	}
	return words
}

var filePath = lazy.New(`^(?:[A-Za-z]:\\|\.{0,2}/|classpath:|~/)[\w.@+ /\\-]*$`)

// passes are nginx's directives that say to whom a request is passed on.
var passes = []string{"fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"}

// pointsElsewhere says that the value names a file in which the secret is, or that
// it is no secret but another server. Of a password only a path with an extension
// or of a usual directory does so.
func pointsElsewhere(key, value string) bool {
	_, last := splitKey(key)
	if slices.Contains(passes, last) || last == "proxy_pass" && strings.Contains(value, "://") {
		return true
	}
	if !filePath.MatchString(value) {
		return false
	}
	words := keyParts(key)
	if slices.Contains(words, "key") || slices.Contains(words, "credentials") || slices.Contains(words, "token") {
		return true
	}
	for _, dir := range []string{"/etc/", "/run/", "/var/", "/opt/", "/srv/", "/home/", "/usr/", "/root/", "/mnt/"} {
		if strings.HasPrefix(value, dir) {
			return true
		}
	}
	return false
}

var (
	keyText = lazy.New(`^[\w .\-/@\[\]:$#+*,(){}<>|!?\\]*$`)
	random  = lazy.New(`[A-Za-z0-9+/_-]{24,}`)
)

// safeKey gives a key as it can be printed. A key that may itself hold a secret,
// since a file was not what it looked like, is left out.
func safeKey(key string) string {
	clean, n := []byte(key), 0
	if strings.ContainsAny(key, ":=@ ") || len(key) > 24 {
		clean, n = Redact(clean)
	}
	switch {
	case n > 0, len(clean) > 256, !keyText.MatchString(key), pemBegin.MatchString(key):
		return "[not shown]"
	}
	for _, m := range random.FindAllString(key, -1) {
		if strings.ContainsAny(m, "0123456789") && strings.ToLower(m) != m && strings.ToUpper(m) != m {
			return "[not shown]"
		}
	}
	return key
}

// splitKey gives the path above the last part of a key, and that part in lower
// case without the mark of an attribute.
func splitKey(key string) (parent, last string) {
	i := strings.LastIndexAny(key, "./")
	return key[:max(i, 0)], strings.ToLower(strings.TrimPrefix(key[i+1:], "@"))
}

// longestPath bounds a key path: a document of keys that are each a megabyte long
// would otherwise become one of paths that are.
const longestPath = 1024

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return shortened(parent) + "." + key
}

func shortened(path string) string {
	if len(path) > longestPath {
		return path[:longestPath]
	}
	return path
}
