package config

import (
	"net/url"
	"regexp"
	"strings"
)

var words = regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+`)

// secretWords end a name whose value is a secret; keyWords make one of a "key".
var (
	secretWords = map[string]bool{
		"secret": true, "password": true, "passwd": true, "pwd": true, "passphrase": true,
		"token": true, "apikey": true, "privatekey": true, "secretkey": true, "accesskey": true, "credentials": true,
	}
	keyWords = map[string]bool{
		"api": true, "private": true, "secret": true, "access": true, "encryption": true, "signing": true, "tsig": true, "master": true,
	}
)

// secretName says whether a value under that name must be a secret, judged by
// the name's last words: db_password and tsigSecret, not tsigSecretFile.
func secretName(name string) bool {
	w := words.FindAllString(name, -1)
	if len(w) == 0 {
		return false
	}
	last := strings.ToLower(w[len(w)-1])
	if secretWords[last] {
		return true
	}
	return last == "key" && len(w) > 1 && keyWords[strings.ToLower(w[len(w)-2])]
}

// hasCredentials says whether a text is an address with a password in it.
func hasCredentials(value string) bool {
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return false
	}
	u, err := url.Parse(value)
	if err != nil {
		return true // a password that is not escaped makes an address unreadable
	}
	_, set := u.User.Password()
	return set
}

// noCredentials refuses an address that carries a password.
func (s *source) noCredentials(field, value string) {
	if hasCredentials(value) {
		s.problem(field, "looks like an address with a password in it", "leave user and password out of the address")
	}
}
