package convert

import (
	"bytes"
	"strings"
	"testing"
)

// known are trees as the packages of a distribution lay them out, in small: what stands
// behind a ! goes into a Secret.
var known = map[string]map[string]string{
	"nginx": {
		"nginx.conf":              "user www-data;\nhttp {\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n}\n",
		"mime.types":              "types {\n\ttext/html html htm;\n}\n",
		"sites-available/default": "server {\n\tlisten 80;\n\troot /var/www/html;\n\tauth_basic_user_file /etc/nginx/.htpasswd;\n}\n",
		"sites-enabled/default -> /etc/nginx/sites-available/default": "",
		"!.htpasswd":               "vimes:$apr1$k1Yh9vQ2$Wq6cJ3J1x0cK8m3n2r7aB.\n",
		"snippets/fastcgi.conf":    "fastcgi_pass unix:/run/php/php-fpm.sock;\n",
		"conf.d/":                  "",
		"fastcgi_params":           "fastcgi_param  QUERY_STRING       $query_string;\n",
		"sites-available/upstream": "upstream bank { server 10.0.0.7:8080; }\n",
	},
	"postgresql": {
		"17/main/postgresql.conf\t644 postgres:postgres": "data_directory = '/var/lib/postgresql/17/main'\nmax_connections = 100\n",
		"17/main/pg_hba.conf\t640 postgres:postgres":     "local all postgres peer\nhost all all 127.0.0.1/32 scram-sha-256\n",
		"17/main/conf.d/":     "",
		"17/main/environment": "# environment variables for postgres process\n",
	},
	"redis": {
		"!redis.conf\t640 redis:redis":   "bind 127.0.0.1\nport 6379\nrequirepass " + canary + "\n",
		"sentinel.conf\t640 redis:redis": "port 26379\ndaemonize yes\n",
	},
	"tomcat": {
		"server.xml":           "<?xml version=\"1.0\"?>\n<Server port=\"8005\"><Service name=\"Catalina\"><Connector port=\"8080\"/></Service></Server>\n",
		"!tomcat-users.xml":    "<?xml version=\"1.0\"?>\n<tomcat-users>\n  <user username=\"vimes\" password=\"" + canary + "\" roles=\"manager-gui\"/>\n</tomcat-users>\n",
		"Catalina/localhost/":  "",
		"policy.d/01.policy":   "grant codeBase \"file:${java.home}/lib/-\" { permission java.security.AllPermission; };\n",
		"logging.properties":   "handlers = java.util.logging.ConsoleHandler\n",
		"!context.d/jdbc.xml":  "<Context><Resource name=\"jdbc/bank\" username=\"bank\" password=\"" + canary + "\"/></Context>\n",
		"jaspic-providers.xml": "<?xml version='1.0'?>\n<jaspic-providers/>\n",
	},
	"postfix": {
		"main.cf":                   "myhostname = mail.golemtrust.am\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n",
		"master.cf":                 "smtp      inet  n       -       y       -       -       smtpd\n",
		"!sasl_passwd\t600":         "[relay.golemtrust.am]:587 bank:" + canary + "\n",
		"postfix-script\t755":       "#!/bin/sh\nexec true\n",
		"dynamicmaps.cf":            "ldap postfix-ldap.so dict_ldap_open\n",
		"sasl/":                     "",
		"!pgsql-virtual.cf\t640":    "hosts = db\nuser = mail\npassword = " + canary + "\n",
		"makedefs.out -> main.cf":   "",
		"post-install/postfix.sh":   "set -e\n",
		"resolv/hosts -> ./nothing": "",
	},
	"mediawiki": {
		"!LocalSettings.php": "<?php\n$wgSitename = \"Bank\";\n$wgDBserver = \"db\";\n$wgDBpassword = \"" + canary + "\";\n",
		"mediawiki.conf":     "Alias /mediawiki /var/lib/mediawiki\n",
	},
	"grafana": {
		"!grafana.ini":                            "[server]\nhttp_port = 3000\n[database]\ntype = postgres\npassword = " + canary + "\n[security]\nadmin_user = admin\n",
		"provisioning/dashboards/sample.yaml":     "apiVersion: 1\nproviders:\n  - name: default\n    type: file\n",
		"!provisioning/datasources/postgres.yaml": "apiVersion: 1\ndatasources:\n  - name: bank\n    secureJsonData:\n      password: " + canary + "\n",
		"ldap.toml": "verbose_logging = false\n[[servers]]\nhost = \"127.0.0.1\"\nport = 389\n",
	},
}

// The configuration of usual packages is placed as a person would, and found again.
func TestKnownPackages(t *testing.T) {
	for name, marked := range known {
		files, secret := map[string]string{}, map[string]bool{}
		for at, content := range marked {
			plain, is := strings.CutPrefix(at, "!")
			files[plain] = content
			path, _, _ := strings.Cut(plain, "\t")
			secret[path] = is
		}
		want := grow(files)
		o := options()
		o.Mount = "/etc/" + name
		p := Make(want, o)
		for _, x := range p.Problems {
			if x.Code != CodeLinkBroken {
				t.Errorf("%s: %+v", name, x)
			}
			o.Decisions = append(o.Decisions, Decision{File: x.Path, Is: DecideSkip})
		}
		p = Make(want, o)
		for _, q := range p.Questions {
			t.Errorf("%s: a person is asked: %+v", name, q)
		}
		for _, f := range p.Files {
			if is, ok := secret[f.Path]; ok && f.Placement != Skip && (f.Placement == InSecret) != is {
				t.Errorf("%s: %s goes into a %s: %+v", name, f.Path, f.Placement, f.Reasons)
			}
		}
		got := mounted(t, p)
		for _, e := range got.Entries {
			if wanted, ok := want.At(e.Path); ok && !bytes.Equal(wanted.Content, e.Content) && wanted.Target == "" {
				t.Errorf("%s: %s differs", name, e.Path)
			}
		}
		for _, o := range p.Objects {
			for key, v := range o.Data {
				if o.Kind == ConfigMap && bytes.Contains(v, []byte(canary)) {
					t.Errorf("%s: a secret in the ConfigMap, key %s", name, key)
				}
			}
		}
	}
}
