package scan

import (
	"slices"
	"strings"
)

// settings judges every setting alone, and the value of a pair of settings by
// what its sibling calls it: name: DB_PASSWORD, value: ….
func (l *locator) settings(all []Setting) {
	names := map[string]string{}
	gathered := false
	for _, s := range all {
		if !l.isHot(s.Line, s.last) {
			continue
		}
		gathered = gathered || gathers(s.Key)
		parent, last := splitKey(strings.TrimSuffix(s.Key, "/#text"))
		if last == "name" || last == "key" || last == "param-name" || last == "@name" || last == "@key" || last == "id" {
			names[parent] = s.Value
		}
	}
	manifests := secretManifests(all)
	every := gathered || gathersAnywhere(l, all)
	for _, s := range all {
		name, hot := "", l.isHot(s.Line, s.last)
		if len(names) > 0 {
			name = names[named(s.Key)]
		}
		if label, is := variableLabel(s.Key); is {
			name = label
		}
		if !hot && name == "" && s.rule == "" && len(manifests) == 0 && !(every && gathers(s.Key)) {
			continue
		}
		l.setting(s, name, manifests)
	}
}

// gathers says whether a part of the key above its last makes secrets of all below.
func gathers(key string) bool {
	return containsAny(key, "ecrets", "ECRETS", "asswords", "ASSWORDS", "tringData", "auths")
}

// gathersAnywhere looks for a mapping whose own line says that it gathers secrets, so
// that the lines of its members say nothing.
func gathersAnywhere(l *locator, _ []Setting) bool {
	for _, h := range l.hot {
		if h.why&whyWord != 0 && h.to-h.from < 256 && gathers(string(l.data[h.from:h.to])) {
			return true
		}
	}
	return false
}

func (l *locator) setting(s Setting, name string, manifests []manifest) {
	if strings.HasPrefix(s.Key, "sops.") || strings.Contains(s.Key, "encryptedData.") {
		return
	}
	if in, is := manifestOf(manifests, s); is {
		rule, v := l.manifestData(in, s)
		if v != innocent {
			l.add(found{s.Line, safeKey(s.Key), rule, s.Value, v, s.offset})
		}
		return
	}
	if done := l.credential(s); done {
		return
	}
	if s.last > s.Line && l.embedded(s) {
		return
	}
	key := s.Key
	rule, v := judge(s.Key, s.Value, l.manner)
	switch {
	case s.rule != "":
		if rule, v = s.rule, sure; harmless(s.Value) || isExample(s.Value) {
			v = innocent
		}
	case v != innocent && v != doubtful && listsNames(s.Key) && rule == ruleKeyName && !telling(s.Value):
		v = innocent
	}
	if v != sure && name != "" && secretName(name) {
		rule, v = judge(name, s.Value, l.manner)
		key = join(named(s.Key), name)
	}
	if v == innocent && len(s.Value) >= longWord {
		if rule, v = l.wrapped(s.Key, s.Value); v != innocent && harmless(s.Value) {
			v = innocent
		}
	}
	if v != innocent {
		l.add(found{s.Line, safeKey(key), rule, s.Value, v, s.offset})
	}
}

// embedded looks into a value of several lines as into a file of its own, unless its
// name says that it is a secret as a whole: manifests carry whole files.
func (l *locator) embedded(s Setting) bool {
	if s.offset > 0 || strings.Count(s.Value, "\n") < 1 || secretName(s.Key) || strings.Contains(s.Value, "-----BEGIN ") || l.depth > 1 {
		return false
	}
	from := l.lineStart(s.Line + 1)
	to := l.lineStart(s.last + 1)
	if from >= to {
		return false
	}
	places := locate(s.Key[strings.LastIndexByte(s.Key, '/')+1:], l.data[from:to], l.depth+1)
	for _, p := range places {
		l.addAt(s.Line+p.Line, p.Column, join(s.Key, p.Key), p.Rule, map[bool]verdict{true: doubtful, false: sure}[p.Doubtful])
	}
	return len(places) > 0
}

// credential knows the settings of systemd.exec(5) with which a unit is handed a
// secret: one has it in its value, behind its name, and the others say where it is.
func (l *locator) credential(s Setting) bool {
	_, last := splitKey(s.Key)
	switch last {
	case "loadcredential", "loadcredentialencrypted", "importcredential", "setcredentialencrypted":
		return true
	case "setcredential":
		if _, value, is := strings.Cut(s.Value, ":"); is && !harmless(value) && !isExample(value) {
			l.add(found{s.Line, safeKey(s.Key), ruleKeyName, value, sure, 0})
		}
		return true
	}
	return false
}

// listsNames says that a value is an element of a list: imagePullSecrets: [a, b].
func listsNames(key string) bool {
	return strings.HasSuffix(key, "]") && !strings.ContainsAny(key[strings.LastIndexByte(key, '['):], `"'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz`)
}

// named is the path whose name says what the value at key is, "-" where no
// sibling does.
func named(key string) string {
	parent, last := splitKey(strings.TrimSuffix(key, "/#text"))
	if slices.Contains([]string{"value", "param-value", "default", "stringvalue"}, last) {
		return parent
	}
	if text, is := strings.CutSuffix(key, "/#text"); is {
		return text
	}
	return "-"
}

// variableLabel is what the block of a Terraform variable calls its default.
func variableLabel(key string) (string, bool) {
	rest, is := strings.CutPrefix(key, "variable.")
	if !is {
		return "", false
	}
	label, last, _ := strings.Cut(rest, ".")
	return label, last == "default"
}

// manifest is a Secret of Kubernetes among the settings of a file.
type manifest struct {
	document int
	prefix   string // of its keys, with the dot
}

func secretManifests(all []Setting) []manifest {
	var out []manifest
	for _, s := range all {
		if s.Value == "Secret" && (s.Key == "kind" || strings.HasSuffix(s.Key, ".kind")) {
			out = append(out, manifest{s.document, strings.TrimSuffix(s.Key, "kind")})
		}
	}
	return out
}

// manifestOf says whether the setting is one of a Secret's data, and by which name.
func manifestOf(all []manifest, s Setting) (name string, is bool) {
	for _, m := range all {
		rest, in := strings.CutPrefix(s.Key, m.prefix)
		if !in || m.document != s.document {
			continue
		}
		for _, gather := range []string{"data.", "stringData."} {
			if name, in := strings.CutPrefix(rest, gather); in {
				return rest[:len(gather)] + name, true
			}
		}
	}
	return "", false
}

// plainNames are what stands beside secrets in a Secret and is none.
var plainNames = set("username", "user", "login", "host", "hostname", "port", "database", "dbname", "db", "region", "bucket", "email", "url", "uri", "endpoint", "type", "name", "namespace", "ca.crt", "tls.crt", "ca", "cert", "certificate", "server", "registry", "domain", "sslmode", "config", "hosts", "project", "insecure", "account", "client_id", "clientid", "client-id", "tenant_id", "username_")

// manifestData judges one value of a Secret: below data it is in base64.
func (l *locator) manifestData(in string, s Setting) (string, verdict) {
	name, value := strings.TrimPrefix(in, "stringData."), s.Value
	if plain, is := strings.CutPrefix(in, "data."); is {
		name = plain
		decoded, text := unwrap(value)
		if !text {
			if _, store := keystore("", decoded); store {
				return ruleKeystore, sure
			}
			if len(decoded) == 0 || harmless(value) {
				return "", innocent
			}
			return ruleRandom, doubtful
		}
		value = strings.TrimSpace(string(decoded))
	}
	rule, v := judge(name, value, asConfig)
	if v == sure || harmless(value) || isExample(value) {
		return rule, v
	}
	if len(l.inner(name, []byte(value))) > 0 {
		return ruleBase64, sure
	}
	if v == innocent && !plainNames[strings.ToLower(name)] && telling(value) && !strings.ContainsAny(value, " \n") {
		return ruleRandom, doubtful
	}
	return rule, v
}
