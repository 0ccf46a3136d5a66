package convert

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/tree"
)

func extracting() Options {
	o := options()
	o.Extract = true
	return o
}

// Where an application replaces variables, the file stays in the ConfigMap, and the
// value comes from the environment.
func TestExtract(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"application.properties": {"server.port=8080\nspring.datasource.password=" + canary + "\n",
			"server.port=8080\nspring.datasource.password=${APPLICATION_PROPERTIES_SPRING_DATASOURCE_PASSWORD}\n"},
		"application-prod.yml": {"spring:\n  datasource:\n    url: jdbc:postgresql://db/bank\n    password: \"" + canary + "\"\r\n",
			"spring:\n  datasource:\n    url: jdbc:postgresql://db/bank\n    password: \"${APPLICATION_PROD_YML_SPRING_DATASOURCE_PASSWORD}\"\r\n"},
		"config/packages/doctrine.yaml": {"doctrine:\n  dbal:\n    password: " + canary + "\n",
			"doctrine:\n  dbal:\n    password: '%env(CONFIG_PACKAGES_DOCTRINE_YAML_DOCTRINE_DBAL_PASSWORD)%'\n"},
		"config/database.yml": {"production:\n  password: " + canary + "\n",
			"production:\n  password: <%= ENV.fetch(\"CONFIG_DATABASE_YML_PRODUCTION_PASSWORD\").to_json %>\n"},
		"grafana.ini": {"[database]\npassword = " + canary + "\n", "[database]\npassword = $__env{GRAFANA_INI_DATABASE_PASSWORD}\n"},
	}
	for at, tt := range tests {
		p := Make(grow(map[string]string{at: tt.content}), extracting())
		f := file(t, p, at)
		if !p.Whole() || f.Placement != InConfigMap || f.Reasons[0].Code != CodeExtracted {
			t.Errorf("%s: %s %+v", at, f.Placement, f.Reasons)
			continue
		}
		if got := string(p.Objects[0].Data[f.Key]); got != tt.want {
			t.Errorf("%s becomes\n%s", at, got)
		}
		env := p.Mounts[1]
		values := p.Objects[1].Data
		if !env.Env || env.Kind != Secret || len(values) != 1 {
			t.Errorf("%s: %+v", at, env)
		}
		for name, v := range values {
			if string(v) != canary || !strings.Contains(tt.want, name) {
				t.Errorf("%s: the variable %s is not what the file refers to", at, name)
			}
		}
	}
}

// Where it is not certain that the application reads the same, the file goes as a
// whole, and says why.
func TestNotExtracted(t *testing.T) {
	tests := map[string]struct {
		at, content string
		why         error
	}{
		"nobody replaces variables in nginx": {"nginx.conf", "proxy_set_header Authorization \"Bearer " + canary + "\";\n", errNoDialect},
		"an unknown application":             {"bank.ini", "password = " + canary + "\n", errNoDialect},
		"a placeholder inside the value":     {"application.properties", "db.password=" + canary + "#{suffix}\n", errValue},
		"an escaped value":                   {"application.properties", "db.password=Grimble\\u0021Thrace\n", errValue},
		"a comment behind the value":         {"application.yml", "db:\n  password: " + canary + " # of 2019\n", errLine},
		"the value once more in a comment":   {"application.properties", "# was " + canary + "\ndb.password=" + canary + "\n", errRest},
		"a value in several lines":           {"application.yml", "db:\n  password: |\n    " + canary + "\n    more\n", errLine},
		"a number for a Beat":                {"filebeat.yml", "output:\n  password: 12345678\n", errValue},
	}
	for name, tt := range tests {
		p := Make(grow(map[string]string{tt.at: tt.content}), extracting())
		f := file(t, p, tt.at)
		if f.Placement != InSecret || !slices.Contains(codes(f), CodeNotExtract) || f.Reasons[len(f.Reasons)-1].Text != tt.why.Error() {
			t.Errorf("%s: %s %+v", name, f.Placement, f.Reasons)
		}
		for _, o := range p.Objects {
			if o.Kind == ConfigMap {
				t.Errorf("%s: there is a ConfigMap", name)
			}
		}
	}
}

// No file, whatever stands in it, keeps a value that was taken out.
func FuzzExtract(f *testing.F) {
	f.Add("application.properties", "a=1\ndb.password="+canary+"\n")
	f.Add("application.yml", "db:\n  password: '"+canary+"'\n")
	f.Add("grafana.ini", "[a]\nsecret_key = \"\"\"x y z\"\"\"\n")
	f.Fuzz(func(t *testing.T, at, content string) {
		o := extracting()
		o.DoubtfulSecret = true
		e := []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o755}, {Path: at, Kind: tree.File, Mode: 0o644, Content: tree.Content(content)}}
		if !tree.Proper(at) || strings.Contains(at, "/") {
			return
		}
		p := Make(tree.Tree{Root: "/etc/bank", Entries: e}, o)
		for _, m := range p.Mounts {
			if !m.Env {
				continue
			}
			for _, v := range p.Objects[1].Data {
				if bytes.Contains(p.Objects[0].Data[p.Mounts[0].Items[0].Key], v) {
					t.Errorf("%q stands in the ConfigMap still", v)
				}
			}
		}
	})
}
