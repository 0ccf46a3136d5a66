package convert

import (
	"path"
	"strings"
)

// dialect is how a file of one kind refers to an environment variable. Only what the
// application's own documents promise stands here: a reference that nobody replaces is
// taken for the password itself.
type dialect struct {
	name     string
	files    []string // patterns of path.Match: of the name, or of the end of the path where they hold a slash
	before   string
	after    string
	verbatim bool   // a value is taken as it is; otherwise it is read once more as text of the format
	never    string // what may not stand in a value all the same
}

var dialects = []dialect{
	{name: "Spring placeholders", before: "${", after: "}", verbatim: true, never: "${}#",
		files: []string{"application.properties", "application-*.properties", "bootstrap.properties", "bootstrap-*.properties",
			"application.yml", "application-*.yml", "application.yaml", "application-*.yaml", "bootstrap.yml", "bootstrap-*.yml"}},
	{name: "Symfony parameters", before: "'%env(", after: ")%'", verbatim: true, never: "%",
		files: []string{"config/packages/*.yaml", "config/packages/*/*.yaml", "config/services.yaml"}},
	{name: "ERB of Rails", before: `<%= ENV.fetch("`, after: `").to_json %>`, verbatim: true,
		files: []string{"config/database.yml", "config/secrets.yml", "config/cable.yml", "config/storage.yml", "database.yml"}},
	{name: "Grafana's providers", before: "$__env{", after: "}", verbatim: true, never: "${}#;",
		files: []string{"grafana.ini"}},
	{name: "Keycloak's placeholders", before: "${", after: "}", verbatim: true, never: "${}",
		files: []string{"keycloak.conf"}},
	{name: "variables of Beats, Logstash and Kibana", before: "${", after: "}",
		files: []string{"filebeat.yml", "metricbeat.yml", "heartbeat.yml", "auditbeat.yml", "packetbeat.yml", "logstash.yml", "kibana.yml", "elasticsearch.yml"}},
	{name: "variables of Telegraf", before: "${", after: "}",
		files: []string{"telegraf.conf", "telegraf.d/*.conf"}},
	{name: "variables of Vector and Fluent Bit", before: "${", after: "}",
		files: []string{"vector.yaml", "vector.toml", "fluent-bit.conf", "fluent-bit.yaml"}},
	{name: "variables of PHP's ini files", before: "${", after: "}",
		files: []string{"php.ini", "conf.d/*.ini", "mods-available/*.ini"}},
}

// dialectOf is the dialect of a file by its path below the mount.
func dialectOf(at, mount string) (dialect, bool) {
	full := path.Join(mount, at)
	for _, d := range dialects {
		for _, pattern := range d.files {
			subject := path.Base(full)
			if n := strings.Count(pattern, "/"); n > 0 {
				parts := strings.Split(full, "/")
				subject = strings.Join(parts[max(0, len(parts)-n-1):], "/")
			}
			if ok, _ := path.Match(pattern, subject); ok {
				return d, true
			}
		}
	}
	return dialect{}, false
}

// plainValue are the bytes that mean nothing but themselves in every format that is
// substituted as text.
const plainValue = "._~+/=@!*-^"

// carries says whether a value comes through the variable as it is.
func (d dialect) carries(value string) bool {
	if value == "" || strings.TrimSpace(value) != value || strings.ContainsAny(value, "\\\"'`\r\n\t\x00"+d.never) {
		return false
	}
	if d.verbatim {
		return true
	}
	letters := 0
	for _, c := range []byte(value) {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			letters++
		case '0' <= c && c <= '9', strings.IndexByte(plainValue, c) >= 0:
		default:
			return false
		}
	}
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "null", "none":
		return false
	}
	return letters > 1 && (value[0] < '0' || value[0] > '9')
}

func (d dialect) ref(variable string) string { return d.before + variable + d.after }
