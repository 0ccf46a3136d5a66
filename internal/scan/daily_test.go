package scan

import (
	"slices"
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
	} {
		clean, found := Arguments(test.argv)
		if len(found) > 0 != test.want || slices.Contains(clean, "hunter2") {
			t.Errorf("%q: %q, %+v", test.argv, clean, found)
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
