package scan

import (
	"bytes"
	"slices"

	"rehome.dev/rehome/internal/lazy"
)

// rule is one shape of a secret in free text. Its expression has one group,
// which is the value that is taken out.
type rule struct {
	name  string
	value *lazy.Regexp
}

// secretWord is what stands in the name of a secret in free text.
const secretWord = `passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential`

var mentions = lazy.New(`(?i)` + secretWord)

// rules err on the side of taking out: a log line that has lost a word can still
// be read, a secret on a disk cannot be taken back.
var rules = []rule{
	{"authorization", lazy.New(`(?i)\b(?:authorization|proxy-authorization|x-api-key|x-auth-token|x-vault-token)["']?\s*[:=]\s*["']?((?:(?:basic|bearer|digest|token|apikey)\s+)?[^\s"',;]+)`)},
	{"cookie", lazy.New(`(?i)\b(?:set-cookie|cookie)["']?\s*[:=]\s*["']?([^\r\n"']+)`)},
	{"url", lazy.New(`\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@"']*:([^\s/@"']+)@`)},
	{"key-value", lazy.New(`(?i)[\w.-]*(?:` + secretWord + `|signature)[\w.-]*\\?["']?\s*(?:=>|:=|[:=])\s*\\?["']?([^\s"',;&}\\]+)`)},
	{"bearer", lazy.New(`(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})`)},
	{"jwt", lazy.New(`\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)`)},
	{"vendor", lazy.New(`\b((?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|hvs\.[A-Za-z0-9_-]{16,}|sk_(?:live|test)_[A-Za-z0-9]{16,})`)},
}

var (
	pemBegin = lazy.New(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
	pemEnd   = lazy.New(`-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`)
)

// Redact gives text without the values that look like secrets, each replaced by
// the name of the rule that found it, and how many there were. Private keys go
// from their first line to their last, or to the end of a text that is cut off.
func Redact(text []byte) ([]byte, int) {
	var out []byte
	found, inKey := 0, false
	for line := range bytes.Lines(text) {
		switch {
		case inKey:
			inKey = !pemEnd.Match(line)
			continue
		case pemBegin.Match(line):
			found++
			inKey = !pemEnd.Match(line)
			out = append(out, "[redacted: private key]\n"...)
			continue
		}
		clean, n := apply(line, rules)
		out = append(out, clean...)
		found += n
	}
	return out, found
}

// acrossWords are the rules for what goes over several words of a command line.
var acrossWords = []rule{ruleOf("authorization"), ruleOf("bearer")}

func ruleOf(name string) rule {
	return rules[slices.IndexFunc(rules, func(r rule) bool { return r.name == name })]
}

func apply(line []byte, rules []rule) ([]byte, int) {
	found := 0
	for _, r := range rules {
		spans := r.value.FindAllSubmatchIndex(line, -1)
		for i := len(spans) - 1; i >= 0; i-- {
			from, to := spans[i][2], spans[i][3]
			if bytes.HasPrefix(line[from:to], []byte(redacted)) {
				continue
			}
			line = append(append(append([]byte{}, line[:from]...), "[redacted: "+r.name+"]"...), line[to:]...)
			found++
		}
	}
	return line, found
}
