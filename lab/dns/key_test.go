package dns_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/lab/dns"
)

func TestAKeyShowsItsSecretInItsFilesOnly(t *testing.T) {
	key := dns.NewKey("rehome")
	if len(key.Secret()) != 44 || key.Secret() == dns.NewKey("rehome").Secret() {
		t.Error("the secret is not 256 new bits in base64")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, key) + fmt.Sprintf(verb, struct{ K dns.Key }{key}); strings.Contains(text, key.Secret()) {
			t.Errorf("%s prints the secret", verb)
		}
	}
	dir := t.TempDir()
	bare, clause := filepath.Join(dir, "tsig.key"), filepath.Join(dir, "tsig.conf")
	if err := errors.Join(key.WriteSecret(bare), key.WriteClause(clause)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{bare, clause} {
		text, err := os.ReadFile(file)
		info, statErr := os.Stat(file)
		if err := errors.Join(err, statErr); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), key.Secret()) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, or the secret is not in it", file, info.Mode())
		}
	}
}
