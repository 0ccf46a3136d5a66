package prometheus_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/grafana"
	"rehome.dev/rehome/internal/metrics/grafana/grafanatest"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Metrics = (*grafana.Source)(nil)

// behindGrafana is a world that is read by the panels of a dashboard.
type behindGrafana struct {
	*world
	server *grafanatest.Server
	port   *grafana.Source
}

// panels is a dashboard as Grafana 11 saves it: a folded row, a variable for the side,
// and for the world's application.
const panels = `{"uid":%[1]q,"title":"Shop","schemaVersion":39,"panels":[
 {"id":1,"type":"row","title":"Traffic","collapsed":true,"panels":[
  {"id":2,"type":"timeseries","title":"Requests","datasource":{"type":"prometheus","uid":"${source}"},"targets":[
   {"refId":"A","expr":"sum by (code) (rate(http_requests_total{job=~\"$job\",app=\"${app}\"}[$__rate_interval]))"}]},
  {"id":3,"type":"timeseries","title":"Failing","datasource":{"type":"prometheus","uid":"${source}"},"targets":[
   {"refId":"A","hide":true,"expr":"vector(1)"},
   {"refId":"B","expr":"100 * (sum(rate(http_requests_total{job=~\"$job\",app=\"${app}\",code=~\"5..\"}[$__rate_interval])) or vector(0)) / sum(rate(http_requests_total{job=~\"$job\",app=\"${app}\"}[$__rate_interval]))"}]}]},
 {"id":4,"type":"timeseries","title":"p99","datasource":{"type":"prometheus","uid":"${source}"},"targets":[
  {"refId":"A","expr":"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job=~\"$job\",app=\"${app}\"}[$__rate_interval])))"}]}],
 "templating":{"list":[
  {"name":"source","type":"datasource","query":"prometheus","current":{"text":"main","value":"prom-main"}},
  {"name":"app","type":"textbox","current":{"value":%[2]q}},
  {"name":"job","type":"query","multi":true,"includeAll":true,"current":{"value":["$__all"]},"options":[]}]}}`

func (w *behindGrafana) Port() metricstest.Port { return w.port }

func (w *behindGrafana) Metrics() migration.Metrics {
	of := func(side migration.Side) migration.SideMetrics {
		panel := func(id string) string { return fmt.Sprintf("panel:%s/%s?var-job=%s", w.app, id, jobs[side]) }
		return migration.SideMetrics{Requests: panel("2"), Errors: panel("Failing"), Latency: panel("4"), Vantage: "application"}
	}
	return migration.Metrics{Source: "main", Old: of(migration.OldSide), New: of(migration.NewSide)}
}

func (w *behindGrafana) Down() {
	w.server.Close()
	w.world.Down()
}

func TestBehindGrafana(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	metricstest.Run(t, func(t *testing.T) metricstest.World {
		w := &behindGrafana{world: r.newWorld(t).(*world), server: grafanatest.Start(t, "a-token-of-grafana")}
		w.server.Source("prom-main", "Prometheus", "prometheus", r.server.URL, true)
		w.server.Dashboard(w.app, fmt.Sprintf(panels, w.app, w.app))
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("a-token-of-grafana\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		w.port, err = grafana.New(migration.Connection{Name: "grafana", Settings: map[string]string{
			"url": w.server.Address(), "bearerTokenFile": token, "datasource": "prom-main",
			"timeout": "20s", "scrapeInterval": scrapeInterval.String(),
		}})
		if err != nil {
			t.Fatal(err)
		}
		w.port.Open = func(address string, client *http.Client, timeout, scrape time.Duration) (grafana.Reader, error) {
			return prometheus.Over(address, client, timeout, scrape)
		}
		return w
	})
}
