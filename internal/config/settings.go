package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// connections checks one list of providers. dir is where relative paths begin.
func (s *source) connections(role Role, ws []v1alpha1.Provider, dir string) []migration.Connection {
	var out []migration.Connection
	var names []string
	list := "spec.providers." + string(role)
	for i, w := range ws {
		field := fmt.Sprintf("%s[%d]", list, i)
		c := migration.Connection{Name: w.Name, Type: w.Type}
		s.nameRule(field+".name", w.Name, validation.IsDNS1123Label)
		names = append(names, w.Name)
		t, ok := connectionType(role, w.Type)
		if ok {
			c.Settings = s.settings(field+".settings", t, w.Settings, dir)
		} else if s.said(field + ".type") {
			s.problem(field+".type", "there is no type "+quoted(w.Type), suggestion(w.Type, typesOf(role)))
		}
		out = append(out, c)
	}
	s.unique(list, names, "name")
	return out
}

// settings checks one provider's settings against what its type takes. No
// message quotes a value: it might be a secret that was written here by mistake.
func (s *source) settings(field string, t ConnectionType, given map[string]string, dir string) map[string]string {
	out := map[string]string{}
	mistakes := len(s.errs)
	for name, value := range given {
		at := child(field, name)
		setting, known := t.setting(name)
		switch {
		case !known && secretName(name):
			s.problem(at, "looks like a secret written into the file", s.secretRemedy(name, t))
		case !known:
			s.problem(at, "is not a setting of "+t.Type, suggestion(name, t.settingNames()))
		case strings.TrimSpace(value) == "":
			s.problem(at, "is empty", "fill it in, or leave it out")
		default:
			s.settingForm(at, setting.Form, value)
			out[name] = placed(setting.Form, value, dir)
		}
	}
	s.required(field, t, given)
	if len(s.errs) == mistakes {
		s.companions(field, t, given) // what is alone may be so for a mistake beside it
	}
	return out
}

func (s *source) required(field string, t ConnectionType, given map[string]string) {
	for _, setting := range t.Settings {
		if _, set := given[setting.Name]; setting.Required && !set && !s.bad[field] {
			s.problem(child(field, setting.Name), "is missing", "add it: "+setting.About)
		}
	}
}

// companions checks the settings that make sense only together, or only apart.
func (s *source) companions(field string, t ConnectionType, given map[string]string) {
	there := func(name string) bool { _, set := given[name]; return set }
	for _, setting := range t.Settings {
		at := child(field, setting.Name)
		if there(setting.Name) && len(setting.OneOf) > 0 && !slices.ContainsFunc(setting.OneOf, there) {
			s.problem(at, "stands alone", "add "+strings.Join(setting.OneOf, " or "))
		}
		if setting.Not != "" && there(setting.Name) && there(setting.Not) {
			s.problem(at, "stands beside "+setting.Not, "keep one of them")
		}
		if setting.WholeWith != "" && there(setting.Name) && there(setting.WholeWith) && !filepath.IsAbs(given[setting.Name]) {
			s.problem(at, "is not a whole path, and "+setting.WholeWith+" names another machine", "write the whole path there, such as /var/log/nginx/access.log")
		}
	}
}

// secretRemedy names the settings that say where the secret is kept.
func (s *source) secretRemedy(name string, t ConnectionType) string {
	var places []string
	for _, known := range t.settingNames() {
		base, _ := strings.CutSuffix(known, "File")
		base, _ = strings.CutSuffix(base, "Env")
		if base != known && secretName(base) {
			places = append(places, known)
		}
	}
	if len(places) == 0 {
		return "take it out: " + t.Type + " takes no secret"
	}
	return "take it out and change it if the file was shared; say where it is kept with " + strings.Join(places, " or ")
}

// placed makes a path absolute; other settings stay as they are.
func placed(form Form, value, dir string) string {
	if form == FormPath && !filepath.IsAbs(value) {
		return filepath.Join(dir, value)
	}
	return value
}

// settingForm checks how a setting is written.
func (s *source) settingForm(at string, form Form, value string) {
	switch form {
	case FormPath:
		s.pathForm(at, value)
	case FormVariable:
		if len(validation.IsEnvVarName(value)) > 0 || strings.ContainsAny(value, ".-") {
			s.problem(at, "is not the name of an environment variable", "write its name alone, such as TSIG_SECRET, without $")
		}
	case FormServer:
		s.serverForm(at, value)
	case FormServers:
		for server := range strings.SplitSeq(value, ",") {
			s.serverForm(at, strings.TrimSpace(server))
		}
	case FormReach:
		s.reach(at, value)
		if value == "local" {
			s.problem(at, "is this machine", "leave it out")
		}
	case FormURL:
		s.urlForm(at, value)
	case FormEndpoints:
		for address := range strings.SplitSeq(value, ",") {
			if address = strings.TrimSpace(address); !strings.HasPrefix(address, "pods://") {
				s.urlForm(at, address)
			}
		}
	case FormDuration:
		if d, err := time.ParseDuration(value); err != nil || d <= 0 {
			s.problem(at, "is not a time span", "write it like 5s")
		}
	case FormAlgorithm:
		algorithms := []string{"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"}
		if !slices.Contains(algorithms, strings.ToLower(strings.TrimSuffix(value, "."))) {
			s.problem(at, "is not an algorithm that is known here", "choose one of: "+strings.Join(algorithms, ", "))
		}
	}
}

func (s *source) pathForm(at, value string) {
	switch {
	case strings.HasPrefix(value, "~"):
		s.problem(at, "begins with ~, which nothing expands", "write the whole path, or one relative to this file")
	case strings.Contains(value, "$"):
		s.problem(at, "has a $ in it: variables are not expanded", "write the whole path, or one relative to this file")
	case strings.Contains(value, "PRIVATE KEY"):
		s.problem(at, "holds a key, not a path", "take it out and change the key if the file was shared; name the file that holds it")
	case strings.ContainsAny(value, "\n\x00"):
		s.problem(at, "holds more than a path", "name the file that holds the secret, not what is in it")
	}
}

// serverForm takes host, host:port, an address, and [address]:port.
func (s *source) serverForm(at, value string) {
	const remedy = "write host or host:port, such as 192.0.2.53:53"
	if _, err := netip.ParseAddr(value); err == nil {
		return
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = value, "53"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		host = "address"
	}
	if broken, _ := domainFault(host); broken != "" || onlyDigitsAndDots(host) {
		s.problem(at, "is not a server", remedy)
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		s.problem(at, "has a port that is none", remedy)
	}
}

func (s *source) urlForm(at, value string) {
	u, err := url.Parse(value)
	switch {
	case hasCredentials(value) || err == nil && u.User != nil:
		s.problem(at, "has a user or a password in it", "leave them out; say where the password is kept with username and passwordFile")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		s.problem(at, "is not a web address", "write it like https://prometheus.example.org:9090")
	}
}
