package scan

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// places prints what was located, one per line: line, key, rule.
func places(path, text string) string {
	var out []string
	for _, p := range Locate(path, []byte(text)) {
		out = append(out, fmt.Sprintf("%d %s (%s)", p.Line, p.Key, p.Rule))
	}
	return strings.Join(out, "\n")
}

func TestLocateFinds(t *testing.T) {
	const c = canary
	tests := []struct{ name, path, text, want string }{
		{"ini", "app.ini", "[db]\nhost = a\npassword = " + c + "\n", "3 db.password (key name)"},
		{"ini value below its key", "app.cfg", "[db]\npassword =\n    " + c + "\n", "2 db.password (key name)"},
		{"properties", "a.properties", "# x\nspring.datasource.password=" + c + "\n", "2 spring.datasource.password (key name)"},
		{"properties over two lines", "a.properties", "app.secretKey=abc\\\n  " + c + "\nb=1\n", "1 app.secretKey (key name)"},
		{"env", "app.env", "export DB_PASS='" + c + "'\nOTHER=1\n", "1 DB_PASS (key name)"},
		{"dotenv", ".env", "API_KEY=" + c + "\n", "1 API_KEY (key name)"},
		{"environment file without a name", "/etc/default/app", "PORT=8\nJAVA_OPTS=\"-Xmx1g -Djavax.net.ssl.keyStorePassword=" + c + "\"\n", "2 JAVA_OPTS (key name inside a value)"},
		{"yaml", "a.yaml", "db:\n  host: a\n  user: b\n  password: \"" + c + "\"\n", "4 db.password (key name)"},
		{"yaml sequence", "a.yml", "users:\n  - name: vimes\n    password: " + c + "\n  - name: x\n    token: " + c + "\n", "3 users[0].password (key name)\n5 users[1].token (key name)"},
		{"yaml name and value", "a.yaml", "env:\n- name: DB_PASSWORD\n  value: " + c + "\n- name: PORT\n  value: \"1\"\n", "3 env[0].DB_PASSWORD (key name)"},
		{"yaml flow", "a.yaml", "db: {host: a, password: " + c + ", port: 1}\n", "1 db.password (key name)"},
		{"yaml flow over lines", "a.yaml", "db: {\n  host: a,\n  \"password\": '" + c + "'}\nx: 1\n", "3 db.password (key name)"},
		{"yaml gathered", "a.yaml", "secrets:\n  mail: " + c + "\n", "2 secrets.mail (key name)"},
		{"yaml folded", "a.yaml", "token: >-\n  " + c + "\n  more\nport: 1\n", "1 token (key name)"},
		{"yaml key", "a.yaml", "tls:\n  key: |\n    -----BEGIN RSA PRIVATE KEY-----\n    " + c + "=\n    -----END RSA PRIVATE KEY-----\nport: 1\n", "2 tls.key (private key)"},
		{"json", "a.json", "{\n \"db\": {\"password\": \"" + c + "\"},\n \"l\": [{\"apiKey\": \"" + c + "\"}]\n}", "2 db.password (key name)\n3 l[0].apiKey (key name)"},
		{"broken json", "a.json", "{\n // x\n \"password\": \"" + c + "\",\n}", "3 password (key name)"},
		{"docker", "config.json", `{"auths":{"r.golemtrust.am":{"auth":"` + c + `"}}}`, "1 auths.r.golemtrust.am.auth (key name)"},
		{"xml attribute", "server.xml", "<Server>\n <Connector port=\"1\"\n   keystorePass=\"" + c + "\"/>\n</Server>", "3 Server/Connector/@keystorePass (key name)"},
		{"xml text", "a.xml", "<a>\n<password>" + c + "</password></a>", "2 a/password/#text (key name)"},
		{"xml texts", "a.xml", "<a>\n<password>dragon</password>\n<password>" + c + "</password></a>", "2 a/password/#text (key name)\n3 a/password[1]/#text (key name)"},
		{"xml property", "a.xml", "<b><property name=\"dbPassword\" value=\"" + c + "\"/></b>", "1 b/property.dbPassword (key name)"},
		{"xml entry", "a.xml", "<b><entry key=\"password\">" + c + "</entry></b>", "1 b/entry.password (key name)"},
		{"hadoop", "a.xml", "<c><property>\n<name>fs.secret.key</name>\n<value>" + c + "</value></property></c>", "3 c/property.fs.secret.key (key name)"},
		{"xml without an end", "a.xml", "<a><b password=\"" + c + "\">\n", "1 line (key name inside a value)"},
		{"toml", "a.toml", "[server]\ntoken = \"\"\"\n" + c + "\"\"\"\nport = 1\n", "2 server.token (key name)"},
		{"php define", "wp-config.php", "<?php\ndefine( 'DB_PASSWORD', '" + c + "' );\ndefine('X', 1);\n", "2 DB_PASSWORD (key name)"},
		{"php array", "c.php", "<?php return [\n 'password' => '" + c + "',\n];", "2 password (key name)"},
		{"php variable", "c.php", "<?php\n$cfg['db_password'] = '" + c + "';", "2 $cfg[db_password] (key name)"},
		{"pgpass", ".pgpass", "# x\ndb:5432:bank:a:" + c + "\n", "2 pgpass (key name)"},
		{"netrc", ".netrc", "machine a login b password " + c + "\n", "1 machine.password (key name)"},
		{"htpasswd", "users", "vimes:$apr1$" + c + "\n", "1 user (password hash)"},
		{"url", "a.conf", "upstream postgres://bank:" + c + "@db/bank\n", "1 upstream (url)"},
		{"url in yaml", "a.yaml", "dsn: amqp://a:" + c + "@q:5672/\n", "1 dsn (url)"},
		{"jdbc", "a.properties", "url=jdbc:postgresql://db/bank?user=a&password=" + c + "\n", "1 url (key name inside a value)"},
		{"jdbc oracle", "a.properties", "url=jdbc:oracle:thin:bank/" + c + "@db:1521:x\n", "1 url (dsn)"},
		{"libpq", "a.ini", "dsn = host=a user=b password=" + c + "\n", "1 dsn (key name inside a value)"},
		{"go-sql-driver", "a.ini", "dsn = bank:" + c + "@tcp(db:3306)/bank\n", "1 dsn (dsn)"},
		{"azure", "a.ini", "queue = Endpoint=sb://x;SharedAccessKey=" + c + c + "\n", "1 queue (dsn)"},
		{"nginx header", "nginx.conf", "location / {\n  proxy_set_header Authorization \"Basic " + c + "\";\n}\n", "2 proxy_set_header.Authorization (authorization)"},
		{"apache SetEnv", "site.conf", "<VirtualHost *:80>\nSetEnv DB_PASSWORD " + c + "\n</VirtualHost>\n", "2 SetEnv.DB_PASSWORD (key name)"},
		{"php-fpm", "www.conf", "[www]\nuser = a\nenv[DB_PASSWORD] = " + c + "\n", "3 www.env[DB_PASSWORD] (key name)"},
		{"redis", "redis.conf", "port 1\nrequirepass " + c + "\n", "2 requirepass (key name)"},
		{"haproxy", "haproxy.cfg", "listen a\n  stats auth admin:" + c + "\nuserlist b\n  user c insecure-password " + c + "\n", "2 stats.auth (key name)\n4 user.insecure-password (key name)"},
		{"unit", "app.service", "[Service]\nEnvironment=\"DB_PASSWORD=" + c + "\" A=b\n", "2 Service.Environment (key name inside a value)"},
		{"private key", "tls.key", "-----BEGIN PRIVATE KEY-----\n" + c + "==\n-----END PRIVATE KEY-----\n", "1 private key (private key)"},
		{"vendor", "notes.txt", "use glpat-" + c + " here\n", "1 line (vendor)"},
		{"commented url", "a.conf", "a b\n# old: postgres://bank:" + c + "@db/bank\n", "2 line (url)"},
		{"javascript", "settings.js", "const dbPassword = \"" + c + "\";\n", "1 dbPassword (key name)"},
		{"python", "settings.py", "SECRET_KEY = '" + c + "'\n", "1 SECRET_KEY (key name)"},
		{"number", "a.ini", "password = 123456\n", "1 password (key name)"},
		{"a default that works", "server.xml", `<a keystorePass="changeit"/>`, "1 a/@keystorePass (key name)"},
		{"jks", "a.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00", "0 keystore (keystore)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := places(tt.path, tt.text)
			if got != tt.want {
				t.Errorf("located\n%s\nwant\n%s", got, tt.want)
			}
			if strings.Contains(got, c) {
				t.Error("the value is among what was located")
			}
		})
	}
}

func TestLocatePassesOver(t *testing.T) {
	tests := []struct{ name, path, text string }{
		{"empty", "a.ini", "password =\ntoken = \"\"\n[x]\n"},
		{"references", "a.properties", "db.password=${DB_PASSWORD}\na.secret=vault:kv/app#x\nb.token=file:/run/secrets/t\nc.secret=$SECRET\nd.password={{ .Values.x }}\n"},
		{"files", "a.yaml", "password_file: /run/secrets/db\ntokenPath: /etc/app/token\nssl_key: /etc/ssl/a.key\npassword: /run/secrets/db\nprivateKey: ./keys/a.pem\n"},
		{"encrypted", "a.yaml", "password: ENC[AES256_GCM,data:abc]\nsecret: '{cipher}abcdef'\ntoken: !vault |\n  $ANSIBLE_VAULT;1.1\n  6162\nport: 1\n"},
		{"whole file encrypted", "a.yaml", "$ANSIBLE_VAULT;1.1;AES256\n3132password=333\n"},
		{"about it", "a.yaml", "password_min_length: 8\ntoken_ttl: 3600\ntokenTimeout: 5\npasswordPolicy: strict\nsecretName: bank\ntoken_url: https://a/b\n"},
		{"switches", "a.ini", "use_password = true\npassword_required = yes\nrequire_token = on\ntokens = off\nuse_token = header\npublic_token = abc123\nmin_password = 8\n"},
		{"placeholders", "a.env", "DB_PASSWORD=<your password>\nAPI_KEY=xxxxxxxx\nTOKEN=CHANGE_ME\nSECRET=********\nX_SECRET=your-secret-here\n"},
		{"public", "a.yaml", "public_key: ssh-ed25519 AAAAC3Nza\nprivate_key: |\n  -----BEGIN PUBLIC KEY-----\n  MIIB\n  -----END PUBLIC KEY-----\nx: 1\n"},
		{"certificate", "tls.crt", "-----BEGIN CERTIFICATE-----\nMIIBpassword=\n-----END CERTIFICATE-----\n"},
		{"comments", "redis.conf", "port 6379\n# requirepass foobared\n; password=x\n"},
		{"commented example", "a.conf", "a b\n# postgres://user:password@localhost/db\n"},
		{"url without password", "a.ini", "url = https://golemtrust.am:8080/a\nb = http://user@host/\nc = postgres://u:${PW}@db/x\n"},
		{"environment in code", "a.py", "SECRET_KEY = os.environ['SECRET_KEY']\nTOKEN = os.getenv('TOKEN')\n"},
		{"text", "README.md", "# Passwords\nThe password: must be long, token = none of your business\n"},
		{"words like it", "a.ini", "bypass = 1\ncompass = north\ntokenizer = x\nkeyboard = de\nauthor = me\nmonkey = a\n"},
		{"binary", "a.bin", "password=" + canary + "\x00\x01"},
		{"truststore", "trust.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00"},
		{"kubernetes reference", "a.yaml", "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: bank\n      key: password\n"},
		{"empty file", "a.yaml", ""},
		{"names of secrets", "a.yaml", "gmsaCredentialSpec: gmsa\nsecretNamespace: bank\nexistingSecret: bank-db\nsecretKey: password\nauthSecretStrategy: watch\n"},
		{"versions", "package.json", "{\"dependencies\": {\"parse-passwd\": \"^1.0.0\", \"jsonwebtoken\": \"~9.0\"}}"},
		{"checksums", "a.json", "{\"integrity\": \"sha512-Zk3vQ9wLmT7rYp2nXc8bHd4fGsE4Pw==\"}"},
		{"operations on secrets", "swagger.json", "{\"paths\": {\"/api/v1/secrets\": {\"get\": {\"tags\": [\"core_v1\"]}}}}"},
		{"imports", "a.go", "import (\n\twebhooktoken \"k8s.io/apiserver/plugin/token/webhook\"\n)\n"},
		{"tags", "a.go", "\tKey Secret `yaml:\"client_key,omitempty\" json:\"key\"`\n"},
		{"types", "a.ts", "interface A { password: string; token?: string }\nlet t = token === 'Bearer'\n"},
		{"constants", "a.java", "static final String HMAC_SHA256 = \"HMAC-SHA256\";\nString PASSWORD_KEY = \"db.password\";\n"},
		{"message ids", "copyright", "2014-08-22:BF7CEF794F9.000003F0@inbox.com:\n2017-10-17:59E56E30.9060503@alibaba-inc.com:\n"},
		{"package urls", "a.go", "x := \"pkg:docker/alpine@latest\"\n"},
		{"ports", "services", "passwd-server\t752/udp\t\tpasswd_server\t# Kerberos passwd server\n"},
		{"sentences", "NOTES", "The user enters a password and the token is sent to the server.\nIt never keeps the secret credentials of users.\n"},
		{"regular expressions", "a.py", "token = r'(?:[a-z]+\\d)'\n"},
		{"addresses of examples", "a.md", "const u = new URL('https://abc:xyz@example.com');\nhttps://user:password@host/\n"},
		{"English", "a.py", "\"\"\"Add a bearer token to the Authorization header.\"\"\"\nraise ValueError('Basic authentication failed')\n"},
		{"questions of PAM", "/etc/pam.d/common-password", "password\trequisite\tpam_deny.so\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := places(tt.path, tt.text); got != "" {
				t.Errorf("located\n%s", got)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	tests := []struct {
		name, path, text string
		format           Format
		want             []string
	}{
		{"ini", "a", "[a]\nb = 1 ; why\nc = \"x # y\"\n", FormatLines, []string{"2 a.b=1", "3 a.c=x # y"}},
		{"yaml", "a.yaml", "a:\n  b: 1\n  c:\n  - x\n  - y: 2\n    z: [p, {q: r}]\n  d: 'it''s'\ne: http://a:80/x\nf:\n", FormatYAML,
			[]string{"2 a.b=1", "4 a.c[0]=x", "5 a.c[1].y=2", "6 a.c[1].z[0]=p", "6 a.c[1].z[1].q=r", "7 a.d=it", "8 e=http://a:80/x", "9 f="}},
		{"yaml nested sequences", "a.yaml", "a:\n- - 1\n  - 2\n- b: c\nd: e\n", FormatYAML, []string{"2 a[0][0]=1", "3 a[0][1]=2", "4 a[1].b=c", "5 d=e"}},
		{"yaml plain over lines", "a.yml", "a: one\n  two\nb: |\n  x: 1\n\n  y\nc: 3\n", FormatYAML, []string{"1 a=one two", "3 b=x: 1\n\ny", "7 c=3"}},
		{"json", "a.json", "{\"a\":{\"b\":[1,true,null]},\n\"c\":\"d\"}", FormatJSON, []string{"1 a.b[0]=1", "1 a.b[1]=true", "1 a.b[2]=", "2 c=d"}},
		{"xml", "a.xml", "<a x='1'>\n<b>t</b><b y='2'/>\n</a>", FormatXML, []string{"1 a/@x=1", "2 a/b/#text=t", "2 a/b[1]/@y=2"}},
		{"private key", "a", "a=1\n-----BEGIN PRIVATE KEY-----\nMIIB=\nc=3\n-----END PRIVATE KEY-----\nb=2\n", FormatLines, []string{"1 a=1", "6 b=2"}},
		{"words", "redis.conf", "port 6379\nsave 900 1\nbind 127.0.0.1 ::1\n", FormatWords, []string{"1 port=6379", "2 save=900 1", "3 bind=127.0.0.1 ::1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			format, settings := Settings(tt.path, []byte(tt.text))
			var got []string
			for _, s := range settings {
				got = append(got, fmt.Sprintf("%d %s=%s", s.Line, s.Key, s.Value))
			}
			if format != tt.format || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: %q\nwant %s: %q", format, got, tt.format, tt.want)
			}
		})
	}
}

// A file that is not what it looks like must not give away its content as keys.
func TestPrintableKeysHoldNoContent(t *testing.T) {
	for _, text := range []string{
		"a=1\nb=2\n-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAq9vTzB6J" + canary + "x=\n-----END RSA PRIVATE KEY-----\n",
		"a=1\nMIIEowIBAAKCAQEAq9vTzB6J" + canary + "x=\n",
		"a=1\nhttps://bank:" + canary + "@host=1\n",
		"a: 1\npassword:" + canary + ": 2\n",
		`{"https://bank:` + canary + `@host": 1}`,
	} {
		_, settings := Settings("a", []byte(text))
		for _, s := range settings {
			if strings.Contains(s.Printable(), canary) {
				t.Errorf("%q is shown as %q", s.Key, s.Printable())
			}
		}
		if got := places("a", text); strings.Contains(got, canary) {
			t.Errorf("located %s", got)
		}
	}
}

func FuzzLocate(f *testing.F) {
	for _, name := range []string{"a.yaml", "a.json", "a.xml", "a.ini", "a.php", ".pgpass", "a", "a.tf", "a.go", "a.py", "a.md", "a.env", "userlist.txt", "a.sh"} {
		f.Add(name, []byte("x = f(\"password\", b'y' + \"\"\"z\n\nvariable \"password\" {\n default = \"Zk3vQ9wLmT7rYp2n\"\n}\n"))
		f.Add(name, []byte("kind: Secret\ndata: {a: cGFzc3dvcmQ6IHg=}\n---\npassword: ${A:-b}\n\\\"token\\\":\\\"x\\\" http://a:b@c\n"))
		f.Add(name, []byte("a:\n  - password: x\n    b: {c: 'd', e: [f]}\n"))
		f.Add(name, []byte("[s]\nk = \"\"\"v\n\"\"\"\n<a b='c'>d</a>\n{\"a\":[1]}"))
	}
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range Locate(path, data) {
			if p.Line < 0 || p.Line > lines || p.Column < 0 || p.Column > len(data)+1 || p.Rule == "" || p.Key == "" {
				t.Errorf("%+v in a file of %d lines", p, lines)
			}
		}
		_, settings := Settings(path, data)
		for _, s := range settings {
			if s.Line < 1 || s.last < s.Line {
				t.Errorf("%+v", s)
			}
		}
	})
}

func BenchmarkLocate(b *testing.B) {
	yaml := []byte(strings.Repeat("- name: vimes\n  password: ${PASSWORD}\n  url: https://golemtrust.am:8080/accounts\n  limits: {cpu: 1, memory: 2}\n", 1000))
	ini := []byte("[a]\n" + strings.Repeat("# a comment\nsome.key = some value, and more of it\n", 2000))
	for name, data := range map[string][]byte{"a.yaml": yaml, "a.ini": ini} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				Locate(name, data)
			}
		})
	}
}

// Files that are made to be slow to read: each would take for ever where the work
// grew with the square of its size.
func TestLocateIsLinear(t *testing.T) {
	const n = repeated
	for name, text := range map[string]string{
		"quotes.toml":     "a = \"\"\"\n" + strings.Repeat("line\n", n),
		"backslashes.ini": "a = b\\\n" + strings.Repeat("line\\\n", n),
		"same.ini":        strings.Repeat("a = b\n", n),
		"quote.env":       strings.Repeat("a = \"b\n", n),
		"deep.yaml":       strings.Repeat("- ", n) + "a",
		"flow.yaml":       "a: [" + strings.Repeat("[", n) + "\n",
		"long.json":       `{"` + strings.Repeat("k", n) + `":{` + strings.Repeat(`"a":{"b":1},`, 1000) + `"c":1}}`,
		"deep.json":       strings.Repeat(`{"a":`, n),
		"deep.xml":        strings.Repeat("<a>", n),
		"keys.pem.yaml":   strings.Repeat("a: |\n  -----BEGIN PRIVATE KEY-----\n", 2000),
		"one line":        strings.Repeat("a=b ", n),
		"scalar.yaml":     "a: \"" + strings.Repeat("x\n  ", n),
		"literals.js":     strings.Repeat(`"password","a1b2c3",`, n/10),
		"one line.json":   `{"a":[` + strings.Repeat(`{"password":"Zk3vQ9wLmT7r"},`, n/10) + `{}]}`,
		"one line.yaml":   `a: [` + strings.Repeat(`{password: Zk3vQ9wLmT7r},`, n/10) + `{}]`,
		"one tag.xml":     "<a " + strings.Repeat("password='Zk3vQ9wLmT7r'\n", n/10) + "/>",
		"keys.go":         strings.Repeat("-----BEGIN PRIVATE KEY-----\nAbcd\n", n/5),
		"calls.py":        strings.Repeat("f(password(", n),
		"quotes.py":       strings.Repeat("token 'a", n),
		"blocks.tf":       strings.Repeat("password {\n", n),
		"secrets.yaml":    strings.Repeat("kind: Secret\ndata:\n  a: b\n---\n", 300),
		"runs.txt":        strings.Repeat("password=a1b2c3d4e5 ", n),
		"ats.conf":        strings.Repeat("a:b@c ", n),
		"comment.conf":    strings.Repeat("# http://a:b@", n),
	} {
		Locate(name, []byte(text))
	}
}
