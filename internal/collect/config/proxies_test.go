//go:build linux

package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// leads prints what leads to the application, without the root of the test.
func leads(f *inventory.Facts) string {
	var out []string
	for _, p := range f.Proxies {
		out = append(out, fmt.Sprintf("%s %s:%d [%s] -> %s sticky=%q tls=%t", p.Kind, p.File, p.Line, p.Listens, strings.Join(p.Backends, " "), p.Sticky, p.TLS))
	}
	return strings.Join(out, "\n")
}

// behind is a machine whose application listens on port 8080 of all addresses, on
// 9000 of the loopback, and on a unix socket.
func behind(t *testing.T, files map[string]string) *world {
	w := newWorld(t, files)
	w.facts.Host = inventory.Host{Name: "bank-vm1", Interfaces: []inventory.Interface{{Name: "eth0", Addresses: []string{"192.0.2.10/24"}}}}
	w.facts.Listeners = []inventory.Listener{{Protocol: "tcp", Address: "0.0.0.0", Port: 8080}, {Protocol: "tcp", Address: "127.0.0.1", Port: 9000}}
	w.facts.Sockets = []inventory.UnixSocket{{Path: "/run/bank.sock", Listening: true}}
	return w
}

func TestNginx(t *testing.T) {
	w := behind(t, map[string]string{
		"/etc/hosts":               "192.0.2.10 bank.golemtrust.am\n",
		"/etc/nginx/nginx.conf":    "user www-data;\nevents { worker_connections 1; }\nhttp {\n  include mime.types;\n  include /etc/nginx/conf.d/*.conf;\n  include sites-enabled/*;\n}\nstream {\n  server { listen 5000; proxy_pass 127.0.0.1:9000; }\n}\n",
		"/etc/nginx/mime.types":    "types { text/html html; }\n",
		"/etc/nginx/conf.d/u.conf": "upstream bank { ip_hash; server 127.0.0.1:8080 weight=2; server 192.0.2.11:8080; }\nupstream sock { sticky cookie srv_id expires=1h; server unix:/run/bank.sock; }\nupstream other { server 192.0.2.99:8080; }\n",
		"/etc/nginx/sites-enabled/bank": "server {\n  listen 80;\n  listen 443 ssl;\n  proxy_set_header Authorization \"Basic " + canary + "\";\n  location / { proxy_pass http://bank; }\n  location /a { if ($x) { proxy_pass http://bank/b; } }\n" +
			"  location /s { fastcgi_pass sock; }\n  location /n { proxy_pass http://bank.golemtrust.am:8080/x; }\n  location /o { proxy_pass https://other/; }\n  location /l { proxy_pass http://localhost:9001; }\n}\n",
	})
	compare(t, leads(w.finish()),
		`nginx /etc/nginx/sites-enabled/bank:5 [80, 443] -> 127.0.0.1:8080 192.0.2.11:8080 sticky="ip_hash" tls=true`,
		`nginx /etc/nginx/sites-enabled/bank:7 [80, 443] -> unix:/run/bank.sock sticky="sticky cookie srv_id expires=1h" tls=true`,
		`nginx /etc/nginx/sites-enabled/bank:8 [80, 443] -> bank.golemtrust.am:8080 sticky="" tls=true`,
		`nginx /etc/nginx/nginx.conf:9 [5000] -> 127.0.0.1:9000 sticky="" tls=false`)
	if g := w.gaps(); g != "" {
		t.Errorf("gaps %s", g)
	}
	if text, _ := json.Marshal(w.facts); strings.Contains(string(text), canary) {
		t.Error("a secret is in the facts")
	}
}

func TestNginxThatCannotBeUnderstoodIsAGap(t *testing.T) {
	for name, text := range map[string]string{
		"its files include one another in a circle":                        "http { include /etc/nginx/nginx.conf; }\n",
		"/etc/nginx/nginx.conf:1: where it leads is decided by a variable": "http { server { listen 80; location / { proxy_pass http://$backend; } } }\n",
		"cannot be read as configuration of nginx":                         "http { server { listen 80; \n",
		"line 1: cannot be read as configuration of nginx":                 "include /etc/nginx/missing.conf;\n",
	} {
		w := behind(t, map[string]string{"/etc/nginx/nginx.conf": text})
		w.finish()
		if !strings.Contains(w.gaps(), "proxies ") || !strings.Contains(w.gaps(), name) {
			t.Errorf("%q: gaps %s", text, w.gaps())
		}
	}
}

func TestHAProxy(t *testing.T) {
	w := behind(t, map[string]string{"/etc/haproxy/haproxy.cfg": `global
  stats socket /run/haproxy.sock
defaults
  mode http
  balance source # all of them
frontend www
  bind *:80
  bind *:443 ssl crt /etc/ssl/x.pem
  use_backend bank if { path /a }
  default_backend plain
backend bank
  balance roundrobin
  cookie SERVERID insert indirect nocache
  stick-table type ip size 1m expire 1h store http_req_rate(10s)
  server a 127.0.0.1:8080 check cookie a
  server b 192.0.2.11:8080 check cookie b
backend plain
  server a ipv4@192.0.2.10:8080
backend elsewhere
  server a 192.0.2.12:8080
listen direct
  bind 0.0.0.0:9999
  stick on src
  server s /run/bank.sock
userlist users
  user admin insecure-password ` + canary + "\n"})
	compare(t, leads(w.finish()),
		`haproxy /etc/haproxy/haproxy.cfg:11 [*:80, *:443] -> 127.0.0.1:8080 192.0.2.11:8080 sticky="cookie SERVERID insert indirect nocache" tls=true`,
		`haproxy /etc/haproxy/haproxy.cfg:17 [*:80, *:443] -> 192.0.2.10:8080 sticky="balance source" tls=true`,
		`haproxy /etc/haproxy/haproxy.cfg:21 [0.0.0.0:9999] -> unix:/run/bank.sock sticky="stick on src" tls=false`)
	if text, _ := json.Marshal(w.facts); strings.Contains(string(text), canary) {
		t.Error("a secret is in the facts")
	}
}

func TestARateLimitIsNotSticky(t *testing.T) {
	got := haproxy("listen a\n bind :1\n balance leastconn\n stick-table type ip size 1m\n server a 127.0.0.1:1\n", "x")
	if len(got) != 1 || got[0].Sticky != "" {
		t.Errorf("%+v", got)
	}
	if got := haproxy("defaults\n cookie A insert\nlisten a\n server a 127.0.0.1:1\ndefaults\n mode http\nlisten b\n server a 127.0.0.1:1\n", "x"); got[0].Sticky == "" || got[1].Sticky != "" {
		t.Errorf("%+v", got)
	}
}

func TestApache(t *testing.T) {
	w := behind(t, map[string]string{
		"/etc/apache2/apache2.conf": "ServerRoot \"/etc/apache2\"\nListen 80\nIncludeOptional sites-enabled/*.conf\nIncludeOptional none/*.conf\nInclude conf-enabled\nProxyPass /main http://127.0.0.1:9000/\n",
		"/etc/apache2/sites-enabled/bank.conf": "<VirtualHost *:443 192.0.2.10:443>\n  SSLEngine on\n  <Proxy balancer://bank>\n    BalancerMember http://127.0.0.1:8080 route=a\n    BalancerMember http://192.0.2.11:8080 route=b\n    ProxySet lbmethod=byrequests \\\n      stickysession=JSESSIONID\n  </Proxy>\n" +
			"  ProxyPass \"/\" \"balancer://bank/\"\n  ProxyPass /x !\n  <Location /ajp>\n    ProxyPass ajp://localhost:8080/a stickysession=ROUTEID\n  </Location>\n  RewriteRule ^/r/(.*) http://127.0.0.1:8080/$1 [P,L]\n  RewriteRule ^/s/(.*) http://127.0.0.1:8080/$1 [R]\n  ProxyPass /o http://192.0.2.99:8080/\n</VirtualHost>\n",
		"/etc/apache2/conf-enabled/php.conf": "<FilesMatch \"\\.php$\">\n  SetHandler \"proxy:unix:/run/bank.sock|fcgi://localhost\"\n</FilesMatch>\n",
	})
	compare(t, leads(w.finish()),
		`apache /etc/apache2/conf-enabled/php.conf:2 [80] -> unix:/run/bank.sock sticky="" tls=false`,
		`apache /etc/apache2/apache2.conf:6 [80] -> 127.0.0.1:9000 sticky="" tls=false`,
		`apache /etc/apache2/sites-enabled/bank.conf:9 [*:443, 192.0.2.10:443] -> 127.0.0.1:8080 192.0.2.11:8080 sticky="stickysession=JSESSIONID" tls=true`,
		`apache /etc/apache2/sites-enabled/bank.conf:12 [*:443, 192.0.2.10:443] -> localhost:8080 sticky="stickysession=ROUTEID" tls=true`,
		`apache /etc/apache2/sites-enabled/bank.conf:14 [*:443, 192.0.2.10:443] -> 127.0.0.1:8080 sticky="" tls=true`)
	if g := w.gaps(); g != "" {
		t.Errorf("gaps %s", g)
	}
}

func TestApacheThatCannotBeUnderstoodIsAGap(t *testing.T) {
	for want, text := range map[string]string{
		"what it includes is not known":           "Include ${WHERE}/*.conf\n",
		"where it leads is decided by a variable": "ProxyPass / http://%{ENV:BACKEND}/\n",
		"includes too many files":                 "Include /etc/apache2/apache2.conf\n",
	} {
		w := behind(t, map[string]string{"/etc/apache2/apache2.conf": text})
		w.finish()
		if !strings.Contains(w.gaps(), want) {
			t.Errorf("%q: gaps %s", text, w.gaps())
		}
	}
}

func TestBackends(t *testing.T) {
	for target, want := range map[string]string{
		"http://a":                            "a:80",
		"https://a/b":                         "a:443",
		"a:1":                                 "a:1",
		"http://[::1]:8080/x":                 "[::1]:8080",
		"unix:/run/a.sock":                    "unix:/run/a.sock",
		"http://unix:/run/a.sock:/x":          "unix:/run/a.sock",
		"unix:/run/a.sock|fcgi://localhost/x": "unix:/run/a.sock",
		"ajp://a":                             "a:8009",
		"http://$a":                           "",
		"":                                    "",
	} {
		got, known := backendOf(target)
		if got != want || known != (want != "") {
			t.Errorf("%q: %q %t, want %q", target, got, known, want)
		}
	}
	w := behind(t, map[string]string{"/etc/hosts": "127.0.0.1 me\n192.0.2.77 you\n"})
	r := &reading{scope: w.scope, facts: w.facts, own: ownNames(w.scope, w.facts)}
	for backend, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:9000": true, "192.0.2.10:8080": true, "192.0.2.10:9000": false, "me:9000": true, "you:8080": false, "bank-vm1:8080": true,
		"127.0.0.1:81": false, "[::1]:8080": true, "192.0.2.11:8080": false, "unix:/run/bank.sock": true, "unix:/run/other.sock": false, "nonsense": false,
	} {
		if got := r.ours(backend); got != want {
			t.Errorf("%s: %t", backend, got)
		}
	}
}

func compare(t *testing.T, got string, want ...string) {
	t.Helper()
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("got\n%s\nwant\n%s", got, w)
	}
}

func FuzzHAProxy(f *testing.F) {
	f.Add("listen a\n bind :1 ssl\n server a 127.0.0.1:1\n cookie 'a b\\\n")
	f.Add("defaults\nfrontend x\n default_backend y\nbackend y\n balance source\n server a ::1:80\n")
	f.Fuzz(func(_ *testing.T, text string) { haproxy(text, "x") })
}

func FuzzProxies(f *testing.F) {
	f.Add("http { upstream a { ip_hash; server b; } server { listen 1 ssl; location / { proxy_pass http://a; } } }")
	f.Add("<VirtualHost *:1>\nProxyPass / http://a/\nBalancerMember\nProxySet x\nRewriteRule a b [P]\n</VirtualHost>\nInclude\n<Proxy\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // from anywhere on this machine
		}
		w := newWorld(t, map[string]string{"/etc/nginx/nginx.conf": text, "/etc/apache2/apache2.conf": text})
		w.finish()
	})
}

func FuzzJudge(f *testing.F) {
	f.Add("a.ini", "[Service]\nEnvironment=\"A=b\" \\\nx 192.0.2.1-192.0.2.9/24 [::1]:80\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		unitPlaces(text)
		if filepath.Base(name) != name || strings.ContainsAny(name, "\x00/") || len(name) > 100 {
			name = "a.conf"
		}
		w := newWorld(t, map[string]string{"/etc/bank/x" + name: text})
		w.finish("/etc/bank")
		if _, err := json.Marshal(w.facts); err != nil {
			t.Error(err)
		}
	})
}

// What the application passes on itself, it dials: all of it is told, not only what
// comes back to it.
func TestTheApplicationIsAProxy(t *testing.T) {
	files := map[string]string{
		"/etc/nginx/nginx.conf":    "http { server { listen 80; location / { proxy_pass http://192.0.2.99:8080; } } }\n",
		"/srv/front/nginx.conf":    "http { upstream u { ip_hash; server 127.0.0.1:7000; } server { listen 81; location / { proxy_pass http://u; } } }\n",
		"/etc/haproxy/haproxy.cfg": "listen a\n bind *:90\n server s db.bank.example:5432\n",
		"/srv/lb/one.cfg":          "listen b\n bind *:91\n server s 192.0.2.98:5432\n",
	}
	for name, test := range map[string]struct {
		process inventory.Process
		want    string
		gap     bool
	}{
		"another program":        {inventory.Process{Name: "bank", Executable: "/opt/bank/bank"}, "", false},
		"by its usual settings":  {inventory.Process{Name: "nginx", Executable: "/usr/sbin/nginx", Command: []string{"nginx: worker process"}}, `nginx /etc/nginx/nginx.conf:1 [80] -> 192.0.2.99:8080 sticky="" tls=false`, false},
		"by settings of its own": {inventory.Process{Executable: "/usr/sbin/nginx", Command: []string{"nginx: master process nginx -c /srv/front/nginx.conf"}}, `nginx /srv/front/nginx.conf:1 [81] -> 127.0.0.1:7000 sticky="ip_hash" tls=false`, false},
		"HAProxy":                {inventory.Process{Name: "haproxy", Command: []string{"haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg"}}, `haproxy /etc/haproxy/haproxy.cfg:1 [*:90] -> db.bank.example:5432 sticky="" tls=false`, false},
		"HAProxy by a directory": {inventory.Process{Name: "haproxy", Command: []string{"haproxy", "-f", "/srv/lb"}}, `haproxy /srv/lb/one.cfg:1 [*:91] -> 192.0.2.98:5432 sticky="" tls=false`, false},
		"none to be found":       {inventory.Process{Name: "nginx", Command: []string{"nginx", "-c", "conf/nginx.conf"}}, "", true},
		"none of its kind":       {inventory.Process{Name: "apache2"}, "", true},
	} {
		w := newWorld(t, files)
		w.facts.Processes = []inventory.Process{test.process}
		f := w.finish()
		if got := leads(f); got != test.want || (w.gaps() != "") != test.gap {
			t.Errorf("%s: %q, gaps %q", name, got, w.gaps())
		}
		for _, p := range f.Proxies {
			if !p.Own {
				t.Errorf("%s: %+v is not told as its own", name, p)
			}
		}
	}
}
