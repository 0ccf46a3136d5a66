//go:build lab

package e2e

import (
	"encoding/base64"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
)

// TestMistakesAreExplained makes the mistakes that people make with real parts.
// Each is told with what to do about it, before anything was changed.
func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	m := newMove(t, labtest.Branch(t), good, nil)
	// pods of a move before are silent, not gone, for some seconds
	m.eventually(30*time.Second, "without a mistake the doctor finds none", func() bool {
		out, err := m.Output(t.Context(), done, "doctor", m.File())
		return err == nil && strings.Count(string(out), "ok ") >= 8
	})
	closed := netip.AddrPortFrom(network.Prom.Address, 9099).String()
	for _, x := range []struct {
		name     string
		key      string // of the policy
		value    string
		is       string
		complain []string // patterns of lines
	}{
		{"the cluster cannot be reached", "settings.kubeconfig", m.kubeconfig("https://"+closed, ""), m.lab.RunPath("kubeconfig"),
			[]string{`failed +cluster .*cannot connect to https://` + regexp.QuoteMeta(closed)}},
		{"nothing is permitted", "settings.kubeconfig", m.kubeconfig("", m.nobody()), m.lab.RunPath("kubeconfig"),
			[]string{`failed +cluster .*list services`, `not allowed: .*(patch|create) deployments`, `hint: .*--rbac`}},
		{"the TSIG key is another one", "settings.tsigSecretFile", m.wrongKey(), m.lab.RunPath("tsig.key"),
			[]string{`failed +dns +zone ` + regexp.QuoteMeta(m.Branch.Zone) + ` .*(BADSIG|NOTAUTH|signature)`, `hint: .*(key|secret)`}},
		{"there is no TSIG key", "settings.tsigSecretFile", filepath.Join(m.Dir, "nothing.key"), m.lab.RunPath("tsig.key"),
			[]string{`failed +dns .*nothing\.key`, `hint: `}},
		{"Prometheus cannot be reached", "settings.url", "http://" + closed, "http://" + netip.AddrPortFrom(network.Prom.Address, 9090).String(),
			[]string{`failed +metrics .*` + regexp.QuoteMeta(closed) + `.*refused`, `hint: `}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m.must(m.SetPolicy(x.key, x.value))
			defer func() { m.must(m.SetPolicy(x.key, x.is)) }()
			out := m.run(blocked, "doctor", m.File())
			for _, pattern := range x.complain {
				if !regexp.MustCompile(`(?m)` + pattern).MatchString(out) {
					t.Errorf("the doctor does not say %q:\n%s", pattern, out)
				}
			}
		})
	}
}

// TestAWrongKeyStopsAtTheRehearsal runs with a key that the name server does not
// know: it is noticed at the rehearsal, long before the real records.
func TestAWrongKeyStopsAtTheRehearsal(t *testing.T) {
	t.Parallel()
	m := newMove(t, labtest.Branch(t), good, nil)
	m.must(m.SetPolicy("settings.tsigSecretFile", m.wrongKey()))
	serial := m.serial()
	m.prepared()
	p := m.start("run", m.File(), "--wait")
	m.await(time.Minute, "the rehearsal is refused", func(r migration.Record) bool {
		if r.Kind != migration.KindOutcome {
			return false
		}
		s := bodyOf[migration.Settled](r)
		return strings.Contains(s.Intent, string(migration.StepRehearse)) && s.Outcome == migration.OutcomeNotDone && s.Result.Detail != ""
	})
	p.ends(time.Minute, blocked)
	if m.serial() != serial {
		t.Error("the zone was changed with a wrong key")
	}
	if out := p.said.String(); !strings.Contains(out, "tsig") && !strings.Contains(out, "TSIG") && !strings.Contains(out, "key") {
		t.Errorf("it is not said that it is about the key:\n%s", out)
	}
}

// kubeconfig writes the lab's one with another server, or another token.
func (m *move) kubeconfig(server, token string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.lab.RunPath("kubeconfig"))
	m.must(err)
	var c map[string]any
	m.must(yaml.Unmarshal(text, &c))
	if server != "" {
		c["clusters"].([]any)[0].(map[string]any)["cluster"].(map[string]any)["server"] = server
	}
	if token != "" {
		c["users"].([]any)[0].(map[string]any)["user"] = map[string]any{"token": token}
	}
	text, err = yaml.Marshal(c)
	m.must(err)
	path := filepath.Join(m.t.TempDir(), "kubeconfig")
	m.must(os.WriteFile(path, text, 0o600))
	return path
}

// nobody is the token of a service account without any rights.
func (m *move) nobody() string {
	m.t.Helper()
	m.kubectl(m.Branch.Staging(), "create", "serviceaccount", "nobody")
	m.t.Cleanup(func() { m.forget(m.Branch.Staging(), "serviceaccount", "nobody") })
	return m.kubectl(m.Branch.Staging(), "create", "token", "nobody", "--duration=10m")
}

// wrongKey is a file with a secret of the right form and the wrong value.
func (m *move) wrongKey() string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "wrong.key")
	m.must(os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600))
	return path
}
