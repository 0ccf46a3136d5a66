package config

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

const withFallback = `
    fallback:
      source: edge
      old:
        requests: hits_total{host="ledger"}
        errors: hits_total{host="ledger",code=~"5.."}
        latency: panel:shop/p99%20(all)?var-host=ledger
        vantage: application
      new:
        requests: hits_total{host="ledger",new="1"}
        errors: hits_total{host="ledger",new="1",code=~"5.."}
        vantage: application
  smoke:`

func TestMetricsFallback(t *testing.T) {
	policy, err := LoadPolicy("testdata/good/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(read(t, "testdata/good/ledger.yaml"), "\n  smoke:", withFallback, 1)
	src, w, err := parseMigration("ledger.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f := src.spec(w).Metrics.Fallback
	want := migration.SideMetrics{Requests: `hits_total{host="ledger"}`, Errors: `hits_total{host="ledger",code=~"5.."}`, Latency: `panel:shop/p99%20(all)?var-host=ledger`, Vantage: "application"}
	if f.Source != "edge" || f.Old != want || f.New.Requests != `hits_total{host="ledger",new="1"}` {
		t.Errorf("%+v", f)
	}
	src.references(w, Loaded{Policy: policy, PolicyFile: "policy.yaml"})
	if err := src.errs.orNil(); err == nil || !strings.Contains(err.Error(), `spec.metrics.fallback.source: names "edge", which policy.yaml does not have under spec.providers.metrics`) {
		t.Errorf("%v", err)
	}
}

// What own probes count is counted at the probe, whatever a migration says.
func TestProbesAreCountedAtTheProbe(t *testing.T) {
	policy := migration.Policy{MetricsSources: []migration.Connection{{Name: "prometheus", Type: "probes"}}}
	for vantage, mistakes := range map[string]int{"probe": 0, "application": 2} {
		text := strings.ReplaceAll(read(t, "testdata/good/ledger.yaml"), "vantage: application", "vantage: "+vantage)
		src, w, err := parseMigration("ledger.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		src.references(w, Loaded{Policy: policy, PolicyFile: "policy.yaml"})
		var said []string
		for _, e := range src.errs {
			if strings.Contains(e.Error(), "makes probes (write probe)") {
				said = append(said, e.Error())
			}
		}
		if len(said) != mistakes {
			t.Errorf("%s: %q", vantage, said)
		}
	}
}
