package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/memory"
	"rehome.dev/rehome/internal/migration"
)

func sideOf(metric, vantage string) migration.SideMetrics {
	return migration.SideMetrics{Requests: metric + "_requests_total", Errors: metric + "_errors_total", Vantage: vantage}
}

// A second source carries on where the first could not even be made.
func TestSecondSource(t *testing.T) {
	spare := memory.New(time.Second)
	now := time.Now()
	spare.Set(migration.OldSide, "vm", now, analysis.Counters{Requests: 7})
	r := Registry{Metrics: map[string]func(migration.Connection) (engine.Metrics, error){
		"memory": func(migration.Connection) (engine.Metrics, error) { return spare, nil }, "prometheus": newPrometheus,
	}}
	policy := migration.DefaultPolicy()
	policy.MetricsSources = []migration.Connection{{Name: "spare", Type: "memory"}, {Name: "broken", Type: "prometheus"}}
	m := migration.Metrics{Source: "broken", Old: sideOf("http", "edge"), New: sideOf("http", "edge")}
	m.Fallback = migration.MetricsFallback{Source: "spare", Old: sideOf("hits", "edge"), New: sideOf("hits", "edge")}
	p, err := r.metrics(migration.Spec{Metrics: m}, policy, nil)
	if err == nil || !strings.Contains(err.Error(), `metrics source "broken": setting url is missing`) {
		t.Errorf("%v", err)
	}
	if s := p.Sample(t.Context(), m, now); s.Source != "spare" || s.Missing != "" {
		t.Errorf("%+v", s)
	}
	both := MetricsSources(p, m)
	if len(both) != 2 || both[0].Name != "broken" || both[1].Name != "spare" || both[1].As.Old != m.Fallback.Old {
		t.Errorf("%+v", both)
	}
	m.Fallback = migration.MetricsFallback{}
	one, err := r.metrics(migration.Spec{Metrics: m}, policy, nil)
	if err == nil || len(MetricsSources(one, m)) != 1 {
		t.Errorf("%v", err)
	}
}

// Probes ask the old entry with the production name, and what the cluster exposes.
func TestProbesAreAimed(t *testing.T) {
	side := func(status int) (host string, port int) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "shop.example.org" || r.URL.Path != "/healthz" {
				status = http.StatusTeapot
			}
			w.WriteHeader(status)
			fmt.Fprintln(w, "well")
		}))
		t.Cleanup(s.Close)
		u, _ := url.Parse(s.URL)
		port, _ = strconv.Atoi(u.Port())
		return u.Hostname(), port
	}
	oldHost, oldPort := side(http.StatusOK)
	newHost, newPort := side(http.StatusBadGateway)
	spec := migration.Spec{
		Names:    []migration.Name{{Name: "shop.example.org."}},
		OldEntry: migration.OldEntry{Addresses: []string{oldHost}, Port: oldPort, ProbePath: "/healthz"},
		Metrics:  migration.Metrics{Source: "own", Old: sideOf("probe", "probe"), New: sideOf("probe", "probe")},
	}
	policy := migration.DefaultPolicy()
	policy.MetricsSources = []migration.Connection{{Name: "own", Type: "probes"}}
	p, err := Standard().metrics(spec, policy, exposes{host: newHost, port: newPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.(interface{ Close() }).Close)
	s := p.Sample(t.Context(), spec.Metrics, time.Now())
	sum := func(all map[string]analysis.Counters) (c analysis.Counters) {
		for _, one := range all {
			c.Requests, c.Errors = c.Requests+one.Requests, c.Errors+one.Errors
		}
		return c
	}
	if old, fresh := sum(s.Old), sum(s.New); s.Missing != "" || old.Requests == 0 || old.Errors != 0 || fresh.Requests == 0 || fresh.Errors != fresh.Requests {
		t.Errorf("%s: old %+v, new %+v", s.Missing, old, fresh)
	}
	policy.MetricsSources[0].Settings = map[string]string{"scheme": "https", "caFile": "/nowhere.pem"}
	if _, err := Standard().metrics(spec, policy, exposes{}); err == nil || !strings.Contains(err.Error(), "setting caFile") {
		t.Errorf("%v", err)
	}
}

// exposes is a cluster that exposes one address.
type exposes struct {
	noCluster
	host string
	port int
}

func (e exposes) Observe(context.Context, migration.Spec, migration.Env) (migration.ClusterFacts, error) {
	return migration.ClusterFacts{Exposures: []migration.ExposureFacts{{Addresses: []string{e.host}, Port: int32(e.port)}}}, nil
}
