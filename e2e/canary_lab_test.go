//go:build lab

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/vm"
)

// forms are how a secret could be written: as it is, and as it is often encoded.
func forms(secret string) map[string][]byte {
	return map[string][]byte{
		"as it is":      []byte(secret),
		"in base64":     []byte(base64.StdEncoding.EncodeToString([]byte(secret))),
		"in base64 URL": []byte(base64.RawURLEncoding.EncodeToString([]byte(secret))),
		"in hex":        []byte(hex.EncodeToString([]byte(secret))),
	}
}

// found names the secrets that a text holds, and how; never the values.
func found(text []byte, secrets map[string]string) []string {
	var out []string
	for name, value := range secrets {
		for how, form := range forms(value) {
			if bytes.Contains(text, form) {
				out = append(out, name+" "+how)
			}
		}
	}
	return out
}

// noSecretWritten looks through every file of the move, the journal and the saved
// logs among them, and through everything that was printed.
func (m *move) noSecretWritten() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	secrets := m.secrets(ctx)
	for _, s := range found([]byte(m.said.String()), secrets) {
		m.t.Errorf("rehome has printed the secret %s", s)
	}
	files := 0
	err := filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range found(text, secrets) {
			m.t.Errorf("%s holds the secret %s", path, s)
		}
		files++
		return err
	})
	if err != nil {
		m.t.Error(err)
	}
	m.t.Logf("%d secrets are in none of %d files and %d bytes of output", len(secrets), files, m.said.len())
}

// secrets are all that the lab has: those of the machine's configuration, those of
// both namespaces, and the key that may change the zone.
func (m *move) secrets(ctx context.Context) map[string]string {
	m.t.Helper()
	out := map[string]string{}
	text, err := vm.Run(ctx, m.lab, "cat "+vm.ConfigDir+"/db.conf "+vm.ConfigDir+"/api.conf")
	m.must(err)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); key == "db_password" || key == "api_key" {
			out[key+" of the machine"] = strings.TrimSpace(value)
		}
	}
	for _, ns := range []string{m.Branch.Namespace, m.Branch.Staging()} {
		var secret struct{ Data map[string][]byte }
		text, err := cluster.Kubectl(ctx, m.lab, nil, "-n", ns, "get", "secret", "royal-bank-api-secrets", "-o", "json")
		m.must(err)
		m.must(json.Unmarshal([]byte(text), &secret))
		for file, text := range secret.Data {
			for line := range strings.Lines(string(text)) {
				key, value, _ := strings.Cut(line, "=")
				if key = strings.TrimSpace(key); key == "db_password" || key == "api_key" {
					out[key+" of "+file+" in "+ns] = strings.TrimSpace(value)
				}
			}
		}
	}
	key, err := os.ReadFile(m.lab.RunPath("tsig.key"))
	m.must(err)
	out["TSIG key"] = strings.TrimSpace(string(key))
	for name, value := range out {
		if len(value) < 8 {
			m.t.Errorf("the secret %s is too short to be looked for", name)
		}
	}
	if len(out) < 7 {
		m.t.Errorf("only %d secrets are looked for", len(out))
	}
	return out
}

func TestASecretIsFoundInEveryForm(t *testing.T) {
	secrets := map[string]string{"password": "correct horse/battery?staple"}
	for how, form := range forms(secrets["password"]) {
		text := append(append([]byte("before "), form...), " after"...)
		if got := found(text, secrets); len(got) == 0 {
			t.Errorf("%s it is not found", how)
		}
	}
	if got := found([]byte("correct horse"), secrets); len(got) > 0 {
		t.Errorf("found in a text without it: %s", got)
	}
}
