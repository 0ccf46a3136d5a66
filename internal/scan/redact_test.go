package scan

import (
	"bytes"
	"strings"
	"testing"
)

const canary = "c4naryS3cretValue99"

func TestRedactTakesTheValueOut(t *testing.T) {
	tests := []struct{ name, line string }{
		{"env", "DB_PASSWORD=" + canary},
		{"ini with blanks", "db_password = " + canary},
		{"yaml", "  apiKey: \"" + canary + "\""},
		{"json in a log line", `{"level":"info","api_key":"` + canary + `","user":"vimes"}`},
		{"escaped json", `msg="{\"token\":\"` + canary + `\"}"`},
		{"query", "GET /login?user=a&access_token=" + canary + "&x=1 200"},
		{"dsn", "connect postgres://bank:" + canary + "@db.golemtrust.am:5432/bank"},
		{"jdbc", "jdbc:postgresql://db/bank?user=a&password=" + canary},
		{"header", "Authorization: Basic " + canary},
		{"header quoted", `"Authorization":"Bearer ` + canary + `"`},
		{"bearer in a sentence", "sent bearer " + canary + " upstream"},
		{"cookie", "Set-Cookie: session=" + canary + "; Path=/"},
		{"php", "'db_password' => '" + canary + "',"},
		{"jwt", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + canary},
		{"private key", "-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----"},
		{"private key cut off", "-----BEGIN PRIVATE KEY-----\n" + canary + "\n" + canary},
		{"two in one line", "password=" + canary + " token=" + canary},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, n := Redact([]byte("before\n" + tt.line + "\n"))
			if n == 0 || bytes.Contains(out, []byte(canary)) {
				t.Errorf("found %d, still there: %s", n, out)
			}
			if !strings.HasPrefix(string(out), "before\n") {
				t.Errorf("the line before is changed: %q", out)
			}
			if again, n := Redact(out); n != 0 || !bytes.Equal(again, out) {
				t.Errorf("what is redacted is redacted again: %q", again)
			}
		})
	}
}

func TestRedactLeavesTheRest(t *testing.T) {
	for _, line := range []string{
		"listening on [::]:8080, version v1-good",
		"GET /accounts 200 in 3 ms",
		"panic: runtime error: index out of range [3] with length 2",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"password must not be empty",
		"https://royal-bank-api.golemtrust.am:8080/accounts",
		"",
	} {
		if out, n := Redact([]byte(line)); n != 0 || string(out) != line {
			t.Errorf("%q became %q", line, out)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte("password=x\n-----BEGIN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, _ := Redact(text)
		if twice, n := Redact(once); n != 0 || !bytes.Equal(once, twice) {
			t.Errorf("%q: redacting twice gives %q", once, twice)
		}
	})
}
