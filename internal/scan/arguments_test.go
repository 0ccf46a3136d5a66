package scan

import (
	"slices"
	"strings"
	"testing"
)

// Each line has the secret CANARY in another form.
func TestArgumentsTakeSecretsOut(t *testing.T) {
	for _, line := range [][]string{
		{"app", "--password", "CANARY"},
		{"app", "--password", "-CANARY"},
		{"app", "-p", "CANARY"},
		{"app", "--db-password=CANARY,with;signs&CANARY"},
		{"app", "-Dspring.datasource.password=CANARY"},
		{"java", "-Djavax.net.ssl.keyStorePassword=CANARY", "-jar", "x.jar"},
		{"app", "PGPASSWORD=CANARY"},
		{"mysqldump", "-uroot", "-pCANARY", "bank"},
		{"sshpass", "-pCANARY", "ssh", "host"},
		{"curl", "-u", "admin:CANARY", "http://localhost/"},
		{"redis-cli", "-a", "CANARY"},
		{"redis-server", "--requirepass", "CANARY"},
		{"ldapsearch", "-w", "CANARY"},
		{"app", "postgres://bank:CANARY@db/bank"},
		{"app", "bank:CANARY@tcp(127.0.0.1:3306)/bank"},
		{"app", "-H", "Authorization: Bearer CANARY"},
		{"sh", "-c", "export DB_PASSWORD='CANARY and CANARY'; exec app --token CANARY"},
		{"postgres: main: bank --secret CANARY"},
		{"app", "--storepass", "CANARY"},
		{"app", "--secret-id", "CANARY"},
		{"app", "-o", "user=a,DB_PASS=CANARY"},
		{"app", `{"db":{"pass":"CANARY"}}`},
		{"sudo", "-u", "bank", "/usr/bin/mysqldump", "-pCANARY"},
		{"sh", "-c", "cd /srv && mysqldump -pCANARY bank | gzip"},
		{"sshpass", "-p", "CANARY", "ssh", "host"},
		{"mongodump", "-p", "4711CANARY"},
		{"sqlcmd", "-PCANARY"},
		{"ldapsearch", "-wCANARY"},
		{"smbclient", "-U", "bank%CANARY", "//server/share"},
		{"curl", "--user=bank:CANARY", "http://localhost/"},
		{"curl", "-ubank:CANARY", "http://localhost/"},
	} {
		clean, found := Arguments(line)
		if strings.Contains(strings.Join(clean, " "), "CANARY") {
			t.Errorf("%q is left as %q", line, clean)
		}
		if len(found) == 0 {
			t.Errorf("%q: no place was told", line)
		}
		if len(clean) != len(line) {
			t.Errorf("%q has become %d arguments", line, len(clean))
		}
	}
}

func TestArgumentsLeaveTheRest(t *testing.T) {
	for _, line := range [][]string{
		{"memcached", "-m", "64", "-p", "11211", "-u", "memcache", "-l", "127.0.0.1"},
		{"nginx", "-g", "daemon on; master_process on;", "-p", "/srv/www"},
		{"app", "--password-file", "/etc/app/password", "--token-ttl=30"},
		{"app", "--bypass-cache", "yes", "--passive", "on"},
		{"docker-proxy", "-p", "80:8080"},
		{"app", "--password=/run/secrets/db", "--secret", "/run/secrets/x"},
		{"gunicorn", "-w", "4", "-b", "127.0.0.1:8000", "bank.wsgi:application"},
		{"uwsgi", "--user", "1000:1000"},
		{"app", "--password=${DB_PASSWORD}", "--token", "$TOKEN"},
		{"app", "--image", "nginx:1.25@sha256:0123", "--to", "mailto:vimes@watch.am"},
		{"mysql", "-p", "bank"},
		{"postgres: 15/main: walwriter"},
	} {
		clean, found := Arguments(line)
		if !slices.Equal(clean, line) || len(found) > 0 {
			t.Errorf("%q is changed to %q, %v", line, clean, found)
		}
	}
}

func TestCommandLine(t *testing.T) {
	if got, _ := CommandLine(`/usr/bin/app "--name=a b" --password "x y" -v`); strings.Contains(got, "x y") || !strings.Contains(got, "-v") {
		t.Errorf("got %s", got)
	}
	if got, _ := CommandLine(`/usr/bin/app "--name=a b"`); got != `/usr/bin/app "--name=a b"` {
		t.Errorf("a line without secrets is changed to %s", got)
	}
}

func TestCommandLineKeepsTheRest(t *testing.T) {
	for in, want := range map[string]string{
		"backup --password " + canary + " --dir /srv":              "backup --password [redacted: argument] --dir /srv",
		"backup --db-password=" + canary + " x":                    "backup --db-password=[redacted: argument] x",
		"DB_PASS=" + canary + " /opt/a/run":                        "DB_PASS=[redacted: argument] /opt/a/run",
		"mysqldump -u bank -p" + canary + " bank":                  "mysqldump -u bank -p[redacted: argument] bank",
		"curl -u bank:" + canary + " https://a/":                   "curl -u bank:[redacted: argument] https://a/",
		"curl -H 'Authorization: Bearer " + canary + "' http":      "curl -H 'Authorization: [redacted: authorization]' http",
		"psql postgres://a:" + canary + "@db/x":                    "psql postgres://a:[redacted: url]@db/x",
		"/opt/a/bin/rotate --keep 5 --password-file /etc/x":        "/opt/a/bin/rotate --keep 5 --password-file /etc/x",
		`cd "/srv/my files" && mysqldump -p` + canary + ` > 'a b'`: `cd "/srv/my files" && mysqldump -p[redacted: argument] > 'a b'`,
		`app --password "` + canary + ` x" "y z"`:                  `app --password "[redacted: argument]" "y z"`,
		"sudo -u bank PGPASSWORD=" + canary + " psql":              "sudo -u bank PGPASSWORD=[redacted: argument] psql",
		"nc -H Authorization: Bearer " + canary:                    "nc -H Authorization: [redacted: authorization]",
		"app --password $DB_PASSWORD --token=${T}":                 "app --password $DB_PASSWORD --token=${T}",
		"java -Dapp.secret=" + canary + " -jar a.jar":              "java -Dapp.secret=[redacted: argument] -jar a.jar",
	} {
		got, found := CommandLine(in)
		if got != want || len(found) > 0 != strings.Contains(want, "[redacted") {
			t.Errorf("%q\nwant %q", got, want)
		}
		if again, more := CommandLine(got); again != got || len(more) > 0 {
			t.Errorf("what is redacted is redacted again: %q", again)
		}
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string]string{
		`"A=b c" 'D=e' F=g\ h  I=""`: "A=b c|D=e|F=g h|I=",
		"a '' \t\"b'\"c 'd\\'\n'e f": "a||b'c|d\\|e f",
		"":                           "",
	} {
		if got := strings.Join(Words(line), "|"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestSecret(t *testing.T) {
	for setting, rule := range map[string]string{
		"DB_PASSWORD=hunter2":                    ruleKeyName,
		"TOKEN2=hunter2":                         ruleKeyName,
		"VAULT_SECRET_ID=hunter2":                ruleKeyName,
		"DATABASE_URL=postgres://a:b@db":         "url",
		"JAVA_OPTS=-Dx.password=y":               ruleInside,
		`SERVICES={"db":{"password":"y"}}`:       ruleInside,
		`SERVICES={\"db\":{\"password\":\"y\"}}`: ruleInside,
		"DSN=bank:hunter2@tcp(db:3306)/":         ruleDSN,
		"DSN=bank:hunter2@db:3306":               ruleDSN,
		"IMAGE=nginx:1.25@sha256:0123":           "",
		"MAIL=mailto:vimes@watch.am":             "",
		"DB_PASSWORD=":                           "",
		"DB_PASSWORD_FILE=/run/secrets":          "",
		"SECRET=/run/secrets/x":                  "",
		"SECRETS_ENABLED=true":                   "",
		"HOME=/root":                             "",
	} {
		name, value, _ := strings.Cut(setting, "=")
		if got, is := Secret(name, value); got != rule || is != (rule != "") {
			t.Errorf("%s: rule %q, want %q", setting, got, rule)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("app", "--password", "x y 'z")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		clean, _ := Arguments([]string{a, b, c})
		if len(clean) != 3 {
			t.Errorf("%d arguments", len(clean))
		}
		CommandLine(a + " " + b + " " + c)
	})
}
