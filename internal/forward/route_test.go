package forward

import (
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	for text, want := range map[string]string{
		"8080=tcp://10.0.0.1:80":                             ":8080=tcp://10.0.0.1:80",
		"10.0.0.9:8080=tcp://a.example:80,[2001:db8::1]:81":  "10.0.0.9:8080=tcp://a.example:80,[2001:db8::1]:81",
		"[::1]:443=tls://10.0.0.1:443?sni=a.example&ca=/x":   "[::1]:443=tls://10.0.0.1:443?ca=%2Fx&sni=a.example",
		"443=https://10.0.0.1:443":                           ":443=https://10.0.0.1:443",
		"443=https://a.example:443":                          ":443=https://a.example:443",
		"80=tcp://a:80?proxy=v2&accept=proxy":                ":80=tcp://a:80?accept=proxy&proxy=v2",
		"80=http://a_b:80?forwarded=replace&rfc7239=on":      ":80=http://a_b:80?forwarded=replace&rfc7239=on",
		"80=tls://1.2.3.4:1?pin=" + strings.Repeat("Ab", 32): ":80=tls://1.2.3.4:1?pin=" + strings.Repeat("ab", 32),
	} {
		r, err := ParseRoute(text)
		if err != nil || r.String() != want {
			t.Errorf("%s: %s, %v", text, r, err)
		}
	}
}

func TestRoutesThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		"8080":                   "LISTEN=",
		"=tcp://a:1":             "no port",
		"70000=tcp://a:1":        "70000",
		"a.example:80=tcp://a:1": "no address to listen on",
		"80=udp://a:1":           "tcp://",
		"80=a:1":                 "tcp://",
		"80=tcp://a":             "HOST:PORT",
		"80=tcp://a:0":           "HOST:PORT",
		"80=tcp://a:1,":          "HOST:PORT",
		"80=tcp://user@a:1":      "neither an address nor a name",
		"80=tcp://a:1/path":      "HOST:PORT",
		"80=tcp://:1":            "neither",
		"80=tcp://a:1?sni=b":     "for tls and https",
		"80=tls://a:1?ca=/x&pin=" + strings.Repeat("ab", 32): "not by both",
		"80=tls://a:1?pin=abc":                               "SHA-256",
		"80=tls://a:1?sni=a%20b":                             "no name",
		"80=http://a:1?proxy=v1":                             "X-Forwarded-For",
		"80=tcp://a:1?forwarded=none":                        "for http and https",
		"80=tcp://a:1?proxy=v3":                              "v1 or v2",
		"80=tcp://a:1?proxy=v1&proxy=v2":                     "2 times",
		"80=tcp://a:1?accept=all":                            "only proxy",
		"80=http://a:1?forwarded=never":                      "append",
		"80=http://a:1?rfc7239=off":                          "on, or not there",
		"80=tcp://a:1?verify=off":                            "verify is not known",
		"80=tcp://a:1?%zz":                                   "keys and values",
		"80=tcp://" + strings.Repeat("a:1,", 64) + "a:1":     "more than 64",
	} {
		if r, err := ParseRoute(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v", text, r, err)
		}
	}
}

// What a route is written as is read as the same route.
func FuzzRoute(f *testing.F) {
	for _, text := range []string{"80=tcp://a:1", "[::1]:80=tls://b:1,c:2?sni=d&ca=e", "0=http://a:1?forwarded=none&accept=proxy"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRoute(text)
		if err != nil {
			return
		}
		again, err := ParseRoute(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q is written as %q, which is read as %q, %v", text, r, again, err)
		}
	})
}
