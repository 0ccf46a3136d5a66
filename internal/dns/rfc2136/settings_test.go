package rfc2136_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/dns/rfc2136"
	"rehome.dev/rehome/internal/migration"
)

func minimal() map[string]string {
	return map[string]string{"server": "10.0.0.1", "tsigName": "rehome", "tsigSecretFile": "/etc/rehome/key"}
}

func TestSettingsThatAreRight(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"minimal": minimal(),
		"whole": with(minimal(), "server", "[::1]:5353", "servers", " 10.0.0.1, ns2.example:5353,", "tsigAlgorithm", "HMAC-SHA512.",
			"timeout", "1m", "tsigSecretFile", "", "tsigSecretEnv", "KEY"),
	} {
		if _, err := rfc2136.New(migration.Connection{Name: "x", Settings: settings}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEverySettingThatIsWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		says  string
	}{
		{"unknown", []string{"serverr", "x"}, "setting serverr: unknown; the settings are server, servers"},
		{"no server", []string{"server", ""}, "setting server: missing; give the primary"},
		{"bad server", []string{"server", "10.0.0.1:dns"}, "setting server: \"10.0.0.1:dns\" has no port"},
		{"bad servers", []string{"servers", "10.0.0.1, a b"}, "setting servers: \"a b\" is not an address"},
		{"no name", []string{"tsigName", ""}, "setting tsigName: missing"},
		{"bad name", []string{"tsigName", "a..b"}, "setting tsigName: \"a..b\" is not a domain name"},
		{"bad algorithm", []string{"tsigAlgorithm", "hmac-md5"}, "setting tsigAlgorithm: unknown algorithm \"hmac-md5\"; one of hmac-sha1,"},
		{"no secret", []string{"tsigSecretFile", ""}, "setting tsigSecretFile: missing; give the path"},
		{"two secrets", []string{"tsigSecretEnv", "KEY"}, "setting tsigSecretFile: given beside tsigSecretEnv"},
		{"bad timeout", []string{"timeout", "5"}, "setting timeout: \"5\" is not a duration"},
		{"no timeout", []string{"timeout", "-1s"}, "setting timeout:"},
		{"longer than a signature", []string{"timeout", "10m"}, "setting timeout:"},
	} {
		_, err := rfc2136.New(migration.Connection{Name: "lab", Settings: with(minimal(), c.pairs...)})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "DNS provider lab") {
			t.Errorf("%s: %v; want %q", c.name, err, c.says)
		}
	}
	_, err := rfc2136.New(migration.Connection{Name: "lab"})
	for _, name := range []string{"server", "tsigName", "tsigSecretFile"} {
		if err == nil || !strings.Contains(err.Error(), "setting "+name+": missing") {
			t.Errorf("%v does not name all that is missing", err)
		}
	}
}

func TestASecretThatCannotBeUsedIsNamedAndNeverTold(t *testing.T) {
	const hidden = "c2VjcmV0"
	t.Setenv("REHOME_TEST_EMPTY", "")
	for _, c := range []struct {
		name  string
		pairs []string
		says  string
	}{
		{"not base64", []string{"tsigSecretFile", secretFile(t, hidden+"!")}, "is not base64"},
		{"key clause", []string{"tsigSecretFile", secretFile(t, `key "rehome" { algorithm hmac-sha256; secret "`+hidden+`"; };`)}, "BIND key clause"},
		{"empty", []string{"tsigSecretFile", secretFile(t, "\n")}, "is empty"},
		{"a large file", []string{"tsigSecretFile", secretFile(t, strings.Repeat(hidden, 1000))}, "longer than any key"},
		{"a folder", []string{"tsigSecretFile", t.TempDir()}, "must be a file"},
		{"no variable", []string{"tsigSecretFile", "", "tsigSecretEnv", "REHOME_TEST_UNSET"}, "no variable REHOME_TEST_UNSET"},
		{"empty variable", []string{"tsigSecretFile", "", "tsigSecretEnv", "REHOME_TEST_EMPTY"}, "is empty"},
	} {
		p := newProvider(t, with(minimal(), c.pairs...))
		err := p.CheckSecret()
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "setting tsigSecret") {
			t.Errorf("%s: %v; want %q", c.name, err, c.says)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, p), hidden) {
			t.Errorf("%s: the secret is told by %v or %+v", c.name, err, p)
		}
		if got, err := p.Swap(t.Context(), theSwitch()); got != migration.OutcomeNotDone || err == nil {
			t.Errorf("%s: a change without a secret ended %s, %v", c.name, got, err)
		}
	}
}

// Whatever the settings are: an error that names the provider, or a provider.
func FuzzSettings(f *testing.F) {
	f.Add("server", "10.0.0.1:53", "servers", "[::1]:53,ns2", "timeout", "5s")
	f.Add("tsigName", "a.b", "tsigAlgorithm", "hmac-sha1", "tsigSecretEnv", "X")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		settings := minimal()
		settings[k1], settings[k2], settings[k3] = v1, v2, v3
		p, err := rfc2136.New(migration.Connection{Name: "lab", Settings: settings})
		if (p == nil) == (err == nil) {
			t.Fatalf("%q gives %v, %v", settings, p, err)
		}
		if err != nil && !strings.Contains(err.Error(), "setting ") {
			t.Fatalf("%q gives %v, which names no setting", settings, err)
		}
		if err == nil && (rfc2136.Timeout(p) <= 0 || rfc2136.Timeout(p) > 5*time.Minute) {
			t.Fatalf("%q gives a timeout of %s", settings, rfc2136.Timeout(p))
		}
	})
}
