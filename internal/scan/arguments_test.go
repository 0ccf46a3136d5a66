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

func TestSecretValue(t *testing.T) {
	for setting, rule := range map[string]string{
		"DB_PASSWORD=hunter2":            "name",
		"DATABASE_URL=postgres://a:b@db": "shape",
		"JAVA_OPTS=-Dx.password=y":       "shape",
		"DSN=bank:hunter2@tcp(db:3306)/": "user and password",
		"DB_PASSWORD=":                   "",
		"DB_PASSWORD_FILE=/run/secrets":  "",
		"SECRET=/run/secrets/x":          "",
		"SECRETS_ENABLED=true":           "",
		"HOME=/root":                     "",
	} {
		name, value, _ := strings.Cut(setting, "=")
		if got := SecretValue(name, value); got != rule {
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
