//go:build lab

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
)

// TestTheEdgeJudges moves to a bad release that is judged by what is scraped directly,
// once a second, while the first source is a Prometheus that does not exist.
func TestTheEdgeJudges(t *testing.T) {
	t.Parallel()
	b := labtest.Branch(t)
	m := newMove(t, b, bad, nil)
	m.rewrite("policy.yaml", "\n    metrics:\n", fmt.Sprintf(`
    metrics:
      - name: gone
        type: prometheus
        settings:
          url: http://10.77.0.60:9
          scrapeInterval: 1s
      - name: edge
        type: edge
        settings:
          oldEndpoints: http://%s:8080/metrics
          newEndpoints: pods://%s:8080/metrics?app.kubernetes.io/name=royal-bank-api
          scrapeInterval: 1s
`, b.Old.Address, b.Namespace))
	m.rewrite(demo.Name+".yaml", "\n    source: lab-prometheus\n", `
    source: gone
    fallback:
      source: edge
      old:
        requests: http_requests_total
        errors: http_requests_total{code=~"5.."}
        latency: http_request_duration_seconds_bucket
        vantage: application
      new:
        requests: http_requests_total
        errors: http_requests_total{code=~"5.."}
        latency: http_request_duration_seconds_bucket
        vantage: application
`)
	m.prepared()
	looked := m.run(blocked, "doctor", m.File())
	for _, want := range []string{"failed  metrics    gone", "ok      metrics    edge"} {
		if !strings.Contains(strings.Join(strings.Fields(looked), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("doctor does not say %q:\n%s", want, looked)
		}
	}
	p := m.start("run", m.File(), "--wait")
	m.forgotten()
	intent := m.await(3*time.Minute, "the switch is intended", isIntent(migration.ForSwitch))
	verdict := m.await(time.Minute, "the attempt turns back", isRollback)
	p.ends(time.Minute, rolledBack)
	t.Logf("verdict %.1f s after the switch was begun", verdict.At.Sub(intent.At).Seconds())
	if !strings.Contains(m.said.from(0), "counted by edge") {
		t.Error("the verdict does not say who counted")
	}
}

// rewrite replaces a text of one of the migration's files.
func (m *move) rewrite(name, from, to string) {
	m.t.Helper()
	path := filepath.Join(m.Dir, name)
	text, err := os.ReadFile(path)
	m.must(err)
	if !strings.Contains(string(text), from) {
		m.t.Fatalf("%s has no %q", name, from)
	}
	m.must(os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644))
}
