//go:build linux

package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

const privateKey = "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n"

// A key stands where its setting says, which is seldom beside the setting.
func TestAKeyFileThatASettingNamesIsLookedInto(t *testing.T) {
	w := newWorld(t, map[string]string{
		"/etc/bank/bank.conf": "ssl_key_file = '/etc/ssl/private/bank.key'\nssl_cert_file = '/etc/ssl/certs/bank.pem'\n" +
			"tls_key_file = /etc/ssl/private/gone.key\nnot_a_key_file = relative.key\n",
		"/etc/ssl/private/bank.key": privateKey,
		"/etc/ssl/certs/bank.pem":   "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	})
	w.scope.Request.Dirs = []string{"/etc/bank"}
	w.collector.Finish(t.Context(), w.scope, w.facts)
	var files []string
	for _, s := range w.facts.Secrets {
		files = append(files, s.File)
	}
	if !slices.Equal(files, []string{"/etc/ssl/private/bank.key"}) {
		t.Errorf("secrets in %v", files)
	}
	for _, g := range w.scope.Gaps.List() {
		if strings.Contains(g.What, "gone.key") {
			t.Errorf("a file that is not there is a gap: %s", g)
		}
	}
}

func TestAKeyFileOfTheTreeCountsOnce(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/bank.conf": "key_file = /etc/bank/bank.key\n", "/etc/bank/bank.key": privateKey})
	w.scope.Request.Dirs = []string{"/etc/bank"}
	w.collector.Finish(t.Context(), w.scope, w.facts)
	if len(w.facts.Secrets) != 1 {
		t.Errorf("%+v", w.facts.Secrets)
	}
}

func TestAKeyFileThatIsNoFileIsAGap(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/bank/bank.conf": "ssl_certificate_key = /etc/ssl/bank\n"})
	w.scope.Request.Dirs = []string{"/etc/bank"}
	if err := os.MkdirAll(w.root+"/etc/ssl/bank", 0o755); err != nil {
		t.Fatal(err)
	}
	w.collector.Finish(t.Context(), w.scope, w.facts)
	if !slices.ContainsFunc(w.scope.Gaps.List(), func(g inventory.Gap) bool {
		return g.Subject == inventory.SubjectSecrets && g.What == "/etc/ssl/bank"
	}) {
		t.Errorf("%+v", w.scope.Gaps.List())
	}
}
