package drill

import (
	"slices"
	"strings"
	"testing"
)

func TestPeersIn(t *testing.T) {
	for text, want := range map[string][]string{
		"DATABASE_URL=postgres://bank:hunter2@db.example.org/bank?sslmode=require":  {"db.example.org:5432 database"},
		"postgres://bank:hun/ter2@db.example.org:6432/bank":                         {"db.example.org:6432 database"},
		"url: jdbc:postgresql://db1:5433,db2:5433/bank":                             {"db1:5433 database", "db2:5433 database"},
		"jdbc:oracle:thin:@ora.example.org:1521:BANK":                               {"ora.example.org:1521 database"},
		"jdbc:sqlserver://sql.example.org:1434;databaseName=bank;user=x;password=y": {"sql.example.org:1434 database"},
		"dsn = bank:hunter2@tcp(mysql.example.org:3306)/bank":                       {"mysql.example.org:3306 database"},
		"host=db.example.org port=5432 user=bank password=hunter2 dbname=bank":      {"db.example.org:5432 database"},
		"db_host = db.example.org\ndb_port = 5433\ndb_user = bank":                  {"db.example.org:5433 other"},
		"DB_HOST=10.0.0.7": {"10.0.0.7 other"},
		"bootstrap.servers=k1.example.org:9092,k2.example.org:9092":                              {"k1.example.org:9092 queue", "k2.example.org:9092 queue"},
		"amqp://guest:guest@mq.example.org//":                                                    {"mq.example.org:5672 queue"},
		"redis://:hunter2@[2001:db8::1]:6380/0":                                                  {"[2001:db8::1]:6380 cache"},
		"relayhost = mail.example.org:587":                                                       {"mail.example.org:587 mail"},
		"proxy_pass http://backend.example.org:8081/;":                                           {"backend.example.org:8081 http"},
		`{"endpoint": "https://pay.example.org/v2", "key": "abc:123"}`:                           {"pay.example.org:443 http"},
		`<add name="Bank" connectionString="Server=tcp:sql.example.org;Database=x;Password=y"/>`: {"sql.example.org other"},
		"redis_server: 127.0.0.1:6379":                                                           nil,
		"listen_address = 0.0.0.0":                                                               nil,
		"host = localhost":                                                                       nil,
		"# db_host = old.example.org":                                                            nil,
		"time = 12:30\nversion = 1.2.3.4\nnote: see 10:42":                                       nil,
		"password = hunter2:5432\napi_key=abc.def:1234":                                          nil,
		"admin:31337@":             nil,
		"hosts = user:1234@db:99":  nil,
		"server = true\nurl = off": nil,
	} {
		var got []string
		for _, n := range peersIn(text) {
			got = append(got, n.address()+" "+n.kind())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, wanted %q", text, got, want)
		}
	}
}

// FuzzPeersIn looks for a password, wherever it stands in a URL or a DSN, in what is
// taken for an address.
func FuzzPeersIn(f *testing.F) {
	for _, seed := range []string{"postgres://u:%s@h/x", "u:%s@tcp(h:1)/x", "password = %s", "amqp://%s:%s@h", "host=h password=%s", "https://h/%s@x", "%s"} {
		f.Add(seed)
	}
	const secret = "Xh8+z/q:4711Qw"
	f.Fuzz(func(t *testing.T, text string) {
		for _, n := range peersIn(text) {
			if a := n.address(); strings.ContainsAny(a, "@/ \t\n\"'") || a == "" || n.port < 0 || n.port > 65535 {
				t.Errorf("%q is taken for an address in %q", a, text)
			}
		}
		if !strings.Contains(text, "password = %s") {
			return
		}
		for _, n := range peersIn(strings.ReplaceAll(text, "%s", secret)) {
			if strings.Contains(n.address(), "4711") {
				t.Errorf("%q of a password is taken for an address", n.address())
			}
		}
	})
}

// The secret never is in an address where credentials belong.
func TestNoCredentialIsAnAddress(t *testing.T) {
	for _, form := range []string{
		"postgres://user:SECRET@db.example.org/x", "amqps://SECRET@mq.example.org", "user:SECRET@tcp(db:3306)/x", "redis://:SECRET@r:6379",
		"mongodb://u:SECRET@m1,m2/x", "db_password=SECRET", "SMTP_URL=smtp://u:SECRET@mail:25", "server=SECRET@host", "https://u:SECRET@git.example.org/x.git",
		"Authorization: Basic SECRET", "secret_key: SECRET",
	} {
		for _, secret := range []string{"hunter2:4711", "4711.example:99", "a/b:4711", "x@y:4711", "4711"} {
			for _, n := range peersIn(strings.ReplaceAll(form, "SECRET", secret)) {
				if strings.Contains(n.address(), "4711") || strings.Contains(n.address(), "hunter2") {
					t.Errorf("%s with %s gives %s", form, secret, n.address())
				}
			}
		}
	}
}
