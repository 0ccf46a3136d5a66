//go:build linux

package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// One file of every format with a secret in it: the places are found, and not
// one byte of the secret leaves.
func TestSecretsAreLocatedAndStay(t *testing.T) {
	files := map[string]string{
		"/etc/bank/a.ini":           "[db]\npassword = " + canary + "\n",
		"/etc/bank/b.properties":    "db.password=" + canary + "\nurl=jdbc:postgresql://u/d?password=" + canary + "\n",
		"/etc/bank/c.yaml":          "db:\n  password: " + canary + "\n",
		"/etc/bank/d.json":          `{"token":"` + canary + `"}`,
		"/etc/bank/e.xml":           `<a><b password="` + canary + `"/></a>`,
		"/etc/bank/f.toml":          "secret = \"" + canary + "\"\n",
		"/etc/bank/g.php":           "<?php define('DB_PASSWORD', '" + canary + "');\n",
		"/etc/bank/.pgpass":         "h:5432:d:u:" + canary + "\n",
		"/etc/bank/.netrc":          "machine h login u password " + canary + "\n",
		"/etc/bank/.htpasswd":       "u:$apr1$" + canary + "\n",
		"/etc/bank/h.conf":          "upstream amqp://u:" + canary + "@q/\nheader Authorization \"Bearer " + canary + "\"\n",
		"/etc/bank/i.key":           "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n",
		"/etc/bank/j.env":           "DB_PASS=" + canary + "\n",
		"/etc/bank/k":               "a=1\n-----BEGIN PRIVATE KEY-----\n" + canary + "Ab0Cd1Ef2=\n-----END PRIVATE KEY-----\nb=2\n",
		"/etc/default/bank":         "API_TOKEN='" + canary + "'\n",
		"/etc/systemd/bank.service": "[Service]\n# Environment=OLD_PASSWORD=x\nEnvironment=\"DB_PASSWORD=" + canary + "\" PORT=80 \\\n  API_KEY=" + canary + "\nExecStart=/opt/bank --token " + canary + "\nExecStop=/bin/true\nSetCredential=tls:" + canary + "\n",
		"/etc/systemd/bank.conf":    "[Service]\nEnvironment=SECRET=" + canary + "\n",
	}
	w := newWorld(t, files)
	w.facts.Unit = &inventory.Unit{Name: "other.service", Path: "/etc/systemd/bank.service", DropIns: []string{"/etc/systemd/bank.conf"}, EnvironmentFiles: []string{"/etc/default/bank"}}
	f := w.finish("/etc/bank")
	found := map[string]int{}
	var unit []string
	for _, p := range f.Secrets {
		found[p.File]++
		if p.In == "unit" {
			unit = append(unit, fmt.Sprintf("%s:%d %s (%s)", p.File, p.Line, p.Key, p.Rule))
		}
	}
	for name := range files {
		if found[name] == 0 {
			t.Errorf("nothing was located in %s", name)
		}
	}
	want := "/etc/systemd/bank.service:3 DB_PASSWORD (key name)\n/etc/systemd/bank.service:3 API_KEY (key name)\n/etc/systemd/bank.service:5 ExecStart (argument)\n/etc/systemd/bank.service:7 tls (credential)\n/etc/systemd/bank.conf:2 SECRET (key name)"
	if got := strings.Join(unit, "\n"); got != want {
		t.Errorf("of the unit\n%s\nwant\n%s", got, want)
	}
	text, err := json.Marshal(f)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("%v: the secret is in the facts: %s", err, text)
	}
}

func TestAUnitThatCannotBeReadIsAGap(t *testing.T) {
	w := newWorld(t, nil)
	w.facts.Unit = &inventory.Unit{Name: "bank.service", Path: "/etc/systemd/bank.service"}
	w.finish()
	if !strings.Contains(w.gaps(), "secrets /etc/systemd/bank.service") {
		t.Errorf("gaps %s", w.gaps())
	}
}

func TestWhatNamesThisMachine(t *testing.T) {
	host := inventory.Host{Name: "bank-vm1", Interfaces: []inventory.Interface{{Name: "eth0", MAC: "00:50:56:aa:bb:cc", Addresses: []string{"192.0.2.10/24", "fe80::1/64", "2001:db8::10/64"}}}}
	for text, want := range map[string]bool{
		"node = bank-vm1\n":                      true,
		"node = BANK-VM1.golemtrust.am\n":        false, // another name, unless /etc/hosts says so
		"node = bank.golemtrust.am\n":            true,
		"bind 192.0.2.10:80\n":                   true,
		"bind [2001:db8::10]:80\n":               true,
		"bind 192.0.2.100\nx 1192.0.2.10\n":      false,
		"node = bank-vm10\nother-bank-vm1 = x\n": false,
		"listen fe80::1\nlocalhost\n":            false,
		"bank\n":                                 false,
	} {
		w := newWorld(t, map[string]string{"/etc/bank/a.conf": text, "/etc/hosts": "127.0.1.1 bank-vm1.golemtrust.am.invalid\n192.0.2.10 bank-vm1 bank.golemtrust.am\n127.0.0.1 localhost.localdomain\n"})
		w.facts.Host = host
		w.facts.Host.Name = "bank-vm1"
		if text == "node = bank.golemtrust.am\n" {
			w.facts.Host.Name = "bank.golemtrust.am"
		}
		w.finish("/etc/bank")
		if got := w.entry("a.conf").PerHost; got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// A machine called "bank" has a name that stands in any file of a bank.
func TestAWordIsNoNameOfAMachine(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/a.conf": "name bank\n"})
	w.facts.Host.Name = "bank"
	if w.finish("/etc/bank"); w.entry("a.conf").PerHost {
		t.Error("the word is taken for the machine")
	}
}

func TestWhatTheConfigurationUses(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/a.conf": "db queue.golemtrust.am:5672\nhostid 00:50:56:AA:BB:CC\n"})
	w.facts.Host = inventory.Host{Hosts: []inventory.HostEntry{{Address: "192.0.2.20", Names: []string{"q", "queue.golemtrust.am"}}, {Address: "192.0.2.21", Names: []string{"golemtrust.am"}}},
		Interfaces: []inventory.Interface{{Name: "eth0", MAC: "00:50:56:aa:bb:cc"}}}
	f := w.finish("/etc/bank")
	if !f.Host.Hosts[0].Used || f.Host.Hosts[1].Used {
		t.Errorf("%+v", f.Host.Hosts)
	}
	if len(f.Host.Licences) != 1 || f.Host.Licences[0] != "file /etc/bank/a.conf: names the address of the card eth0" {
		t.Errorf("%q", f.Host.Licences)
	}
}

func TestLiterals(t *testing.T) {
	tests := []struct{ path, text, want string }{
		{"a.ini", "[db]\nhost = 192.0.2.20\nport = 5432\n", "2 db.host 192.0.2.20"},
		{"a.yaml", "peers:\n  - 192.0.2.1:80\n  - \"[2001:db8::5]:443\"\nurl: http://192.0.2.9/x\n", "2 peers[0] 192.0.2.1\n3 peers[1] 2001:db8::5\n4 url 192.0.2.9"},
		{"a.json", "{\"a\": {\n\"b\": \"192.0.2.3\"}}", "2 a.b 192.0.2.3"},
		{"a.xml", "<!-- 192.0.2.1 --><a>\n<b host='192.0.2.4'/></a>", "2 a/b/@host 192.0.2.4"},
		{"nginx.conf", "upstream a {\n  server 192.0.2.5:80 weight=1;\n}\n", "2 server 192.0.2.5"},
		{"list", "a b\n192.0.2.6 192.0.2.7-192.0.2.9\n192.0.2.1\n", "2 192.0.2.6 192.0.2.6\n2 192.0.2.6 192.0.2.7\n2 192.0.2.6 192.0.2.9\n3  192.0.2.1"},
		{"a.ini", "a = 239.1.2.3\n", "1 a 239.1.2.3"},
		{"a.ini", "a = 192.0.2.7/24\nb = 192.0.2.7/32\n", "1 a 192.0.2.7\n2 b 192.0.2.7"},
		{"none.ini", "# 192.0.2.1\na = 127.0.0.1\nb = 0.0.0.0:80\nc = ::1\nd = ::\nnetmask = 255.255.255.0\nversion = 1.2.3.4\ne = 10.0.0.0/8\nf = 10.0.0.0/255.0.0.0\n", ""},
		{"none.ini", "a = foo-1.2.3.4.jar\nb = v1.2.3.4\nc = 1.3.6.1.4.1.5\nd = 1.2.3.4-rc1\ne = 999.1.1.1\nf = 12:30:45\ng = 00:50:56:aa:bb:cc\nh = Face::Dead\ni = 01.2.3.4\nj = 1.2.3.4_5\n", ""},
		{"none.ini", "a = x # 192.0.2.1\n", ""},
		{"none.yaml", "versions:\n  - 1.2.3.4\n", ""},
	}
	for _, tt := range tests {
		format, settings := scan.Settings(tt.path, []byte(tt.text))
		var got []string
		for _, l := range literals(format, []byte(tt.text), settings) {
			got = append(got, fmt.Sprintf("%d %s %s", l.Line, l.Key, l.Address))
		}
		if g := strings.Join(got, "\n"); g != tt.want {
			t.Errorf("%s %q:\n%s\nwant\n%s", tt.path, tt.text, g, tt.want)
		}
	}
}
