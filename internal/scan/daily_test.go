package scan

import (
	"slices"
	"strings"
	"testing"
)

// What Debian installs looks like a secret here and there and is none; beside each
// is what looks the same and is one.
func TestWhatIsInstalledEverywhereIsNoSecret(t *testing.T) {
	for _, test := range []struct {
		text string
		want bool
	}{
		{"http {\n\t##\n\t# Basic Settings\n\t##\n}\n", false},
		{"proxy_set_header Authorization \"Basic dmltZXM6aHVudGVyMg==\";\n", true},
		{"# basic dmltZXM6aHVudGVyMg==\n", true},
		{"fastcgi_pass unix:/run/php/php-fpm.sock;\n", false},
		{"\tproxy_pass http://tellers/examples/;\n", false},
		{"\tproxy_pass http://vimes:hunter2@tellers/;\n", true},
		{"PROXY_PASS=hunter2\n", true},
	} {
		if found := Locate("/etc/nginx/nginx.conf", []byte(test.text)); len(found) > 0 != test.want {
			t.Errorf("%q: %+v", test.text, found)
		}
	}
	for _, test := range []struct {
		argv []string
		want bool
	}{
		{[]string{"/usr/sbin/haproxy", "-Ws", "-f", "$CONFIG", "-p", "$PIDFILE"}, false},
		{[]string{"/opt/teller", "-p", "hunter2"}, true},
		{[]string{"/usr/sbin/postmulti", "-i", "%i", "-p", "start"}, false},
		{[]string{"-/usr/sbin/postmulti", "-i", "-", "-p", "stop"}, false},
		{[]string{"/usr/sbin/postmulti", "-i", "%i", "-p", "hunter"}, true},
		{[]string{"/opt/teller", "start", "-p", "hunter"}, true},
		{[]string{"/opt/teller", "postmulti", "-p", "hunter"}, true},
		{[]string{"postmulti", "--password", "hunter"}, true},
		{[]string{"mysql", "-phunter"}, true},
		{[]string{"mysqldump", "-phunter", "bank"}, true},
		{[]string{"sshpass", "-p", "hunter", "ssh", "vm"}, true},
		{[]string{"redis-cli", "-a", "hunter"}, true},
		{[]string{"ldapsearch", "-w", "hunter"}, true},
	} {
		clean, found := Arguments(test.argv)
		if len(found) > 0 != test.want || slices.ContainsFunc(clean, func(a string) bool { return strings.Contains(a, "hunter") }) {
			t.Errorf("%q: %q, %+v", test.argv, clean, found)
		}
	}
	for line, want := range map[string]int{
		"-/usr/sbin/postmulti -i %i -p reload":        0,
		"postmulti -p start && /opt/teller -p hunter": 1,
		"/opt/teller -p hunter":                       1,
	} {
		if clean, found := CommandLine(line); len(found) != want || strings.Contains(clean, "hunter") {
			t.Errorf("%q: %q, %+v", line, clean, found)
		}
	}
	for _, test := range []struct {
		key, value string
		want       bool
	}{
		{"PWD", "/var/lib/postgresql", false},
		{"OLDPWD", "/", false},
		{"PWD", "hunter2hunter2", true},
		{"DB_PWD", "hunter2hunter2", true},
	} {
		if _, got := Secret(test.key, test.value); got != test.want {
			t.Errorf("%s=%s: %t", test.key, test.value, got)
		}
	}
}
