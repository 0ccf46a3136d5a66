package gitleaks

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"
)

// unused are the rules that are left out: what package scan judges by key, format or
// shape, and what is an identifier or a public key and no secret.
var unused = map[string]bool{
	"generic-api-key": true, "private-key": true, "jwt": true, "pkcs12-file": true, "kubernetes-secret-yaml": true,
	"curl-auth-header": true, "curl-auth-user": true, "hashicorp-tf-password": true, "nuget-config-password": true,

	"adobe-client-id": true, "asana-client-id": true, "bitbucket-client-id": true, "discord-client-id": true,
	"linkedin-client-id": true, "looker-client-id": true, "messagebird-client-id": true, "plaid-client-id": true,
	"sendbird-access-id": true, "sumologic-access-id": true, "new-relic-user-api-id": true,
	"flutterwave-public-key": true, "lob-pub-api-key": true, "mailgun-pub-key": true, "mapbox-api-token": true, "new-relic-browser-api-token": true,

	// Their keywords are parts of usual words, and what they find has a telling name.
	"lob-api-key": true, "gocardless-api-token": true,
}

// certain are rules whose tokens cannot be anything else, though they do not hold the
// keyword of their rule.
var certain = map[string]bool{"airtable-personnal-access-token": true, "openai-api-key": true}

// named is how an expression begins that asks for the vendor's name before a value.
const named = `[\w.-]{0,50}?`

// engine is gitleaks' detector, with the rules that are used.
type engine struct {
	detector *detect.Detector
	keywords map[string][]string // of each rule, in lower case
}

// compiled compiles the rules once, when a text first holds one of their keywords.
var compiled = sync.OnceValues(func() (*engine, error) {
	// It would write to standard error, and of some findings what they are.
	logging.Logger = logging.Logger.Output(io.Discard)
	whole, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, fmt.Errorf("read the rules of gitleaks: %w", err)
	}
	cfg := whole.Config
	e := &engine{keywords: map[string][]string{}}
	rules, words := map[string]config.Rule{}, map[string]struct{}{}
	for id, r := range cfg.Rules {
		if unused[id] || r.Regex == nil || len(r.Keywords) == 0 {
			continue
		}
		rules[id], e.keywords[id] = r, r.Keywords
		for _, k := range r.Keywords {
			words[k] = struct{}{}
		}
	}
	cfg.Rules, cfg.Keywords = rules, words
	cfg.OrderedRules = slices.Sorted(maps.Keys(rules))
	e.detector = detect.NewDetector(cfg)
	e.detector.IgnoreGitleaksAllow = true // what is let pass stands in one list, with an end
	return e, nil
})

// passesOver says that gitleaks does not look into files of this name: pictures, lists
// of checksums, what was installed by others.
func (e *engine) passesOver(path string) bool {
	return path != "" && slices.ContainsFunc(e.detector.Config.Allowlists, func(a *config.Allowlist) bool { return a.PathAllowed(path) })
}

// keyword is a word without which a rule finds nothing. One that names the vendor
// stands before a token, any other in it.
type keyword struct {
	word string
	name bool
}

// keywords reads the keywords of the used rules out of gitleaks' embedded
// configuration, without compiling an expression. It relies on its layout, which a
// test holds against what gitleaks itself reads.
var keywords = sync.OnceValue(func() []keyword {
	found := map[string]bool{} // whether each names a vendor only
	id, name, inList := "", false, false
	for line := range strings.Lines(config.DefaultConfig) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, " = ")
		switch {
		case inList:
			key, value, inList = "keywords", line, !strings.HasSuffix(line, "]")
		case key == "[[rules]]":
			id, name = "", false
		case key == "id":
			id = strings.Trim(value, `"`)
		case key == "regex":
			name = strings.Contains(value, named)
		case key == "keywords":
			inList = !strings.HasSuffix(value, "]")
		}
		if key != "keywords" || id == "" || unused[id] {
			continue
		}
		for w := range strings.SplitSeq(value, ",") {
			if w = strings.ToLower(strings.Trim(w, `[]" `)); w != "" {
				was, known := found[w]
				found[w] = name && (!known || was)
			}
		}
	}
	out := make([]keyword, 0, len(found))
	for _, w := range slices.Sorted(maps.Keys(found)) {
		out = append(out, keyword{w, found[w]})
	}
	return out
})
