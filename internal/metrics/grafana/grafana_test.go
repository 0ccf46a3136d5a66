package grafana_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/grafana"
	"rehome.dev/rehome/internal/metrics/grafana/grafanatest"
	"rehome.dev/rehome/internal/migration"
)

const token = "canary-glsa-0123456789"

// asked is a reader that remembers what it was asked for.
type asked struct {
	address string
	client  *http.Client
	metrics []migration.Metrics
}

func (a *asked) Sample(_ context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	a.metrics = append(a.metrics, m)
	return analysis.Sample{At: at, Missing: "old side: requests " + m.Old.Requests + ": nothing behind"}
}

func (a *asked) Baseline(context.Context, migration.Metrics, time.Time, time.Duration) (analysis.Baseline, error) {
	return analysis.Baseline{}, errors.New("nothing behind")
}

func (a *asked) Past(context.Context, migration.Metrics, metrics.Span) (*metrics.Past, error) {
	return nil, errors.New("nothing behind")
}

// open makes a source of the server, and what it reads by.
func open(t *testing.T, s *grafanatest.Server, settings ...string) (*grafana.Source, *asked) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	conn := migration.Connection{Name: "grafana", Settings: map[string]string{"url": s.Address(), "bearerTokenFile": file, "timeout": "5s"}}
	for i := 0; i < len(settings); i += 2 {
		conn.Settings[settings[i]] = settings[i+1]
	}
	source, err := grafana.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	a := &asked{}
	source.Open = func(address string, client *http.Client, _, _ time.Duration) (grafana.Reader, error) {
		a.address, a.client = address, client
		return a, nil
	}
	return source, a
}

// panelOf is a dashboard of one panel, whose JSON is given, beside a healthy one.
func panelOf(panel string) string {
	return fmt.Sprintf(`{"title":"Shop","schemaVersion":41,"panels":[%s,
		{"id":90,"type":"timeseries","title":"All","datasource":{"type":"prometheus","uid":"prom"},"targets":[{"refId":"A","expr":"sum(rate(all_total[5m]))"}]}],
		"templating":{"list":[{"name":"ds","type":"datasource","current":{"value":"prom"}},{"name":"host","type":"custom","multi":true,"current":{"value":["a"]}}]}}`, panel)
}

// both names the panel for the errors of both sides.
func both(errors string) migration.Metrics {
	m := migration.SideMetrics{Requests: "panel:shop/90", Errors: errors, Vantage: "edge"}
	return migration.Metrics{Old: m, New: m}
}

const wanted = `bad_total{code=~"5.."}`

// targets is a panel that shows the wanted counter, as the data source says.
func targets(source string) string {
	return fmt.Sprintf(`{"id":7,"type":"stat","title":"Bad / all","datasource":%s,"targets":[{"refId":"A","expr":"sum(rate(bad_total{code=~\"5..\"}[$__rate_interval]))"}]}`, source)
}

func TestWhereAPanelIsFound(t *testing.T) {
	prom := `{"type":"prometheus","uid":"prom"}`
	for _, c := range []struct {
		name, panel, errors string
		source              string // behind which it is read
	}{
		{"by its id", targets(prom), "panel:shop/7", "prom"},
		{"by its title", targets(prom), "panel:shop/Bad%20%2F%20all", "prom"},
		{"in a folded row", `{"id":1,"type":"row","panels":[{"id":2,"type":"row","panels":[` + targets(prom) + `]}]}`, "panel:shop/7", "prom"},
		{"of the default data source", targets("null"), "panel:shop/7", "prom"},
		{"of the data source of that name", targets(`"Main Prometheus"`), "panel:shop/7", "prom"},
		{"of a data source in a variable", targets(`{"type":"prometheus","uid":"${ds}"}`), "panel:shop/7", "prom"},
		{"of a library", `{"id":7,"type":"library-panel-ref","title":"Bad","libraryPanel":{"uid":"lib","name":"Bad"}}`, "panel:shop/7", "prom"},
		{"of mixed data sources", `{"id":7,"title":"m","datasource":{"uid":"-- Mixed --"},"targets":[{"refId":"A","datasource":{"type":"loki","uid":"l"},"expr":"x"},{"refId":"B","datasource":` + prom + `,"expr":"rate(bad_total{code=~\"5..\"}[5m])"}]}`, "panel:shop/7?ref=B", "prom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := grafanatest.Start(t, token)
			s.Source("prom", "Main Prometheus", "prometheus", "http://127.0.0.1:9", true)
			s.Library("lib", targets(prom))
			s.Dashboard("shop", panelOf(c.panel))
			source, a := open(t, s)
			got := source.Sample(t.Context(), both(c.errors), time.Now())
			if len(a.metrics) != 1 {
				t.Fatal(got.Missing)
			}
			if m := a.metrics[0]; m.Old.Errors != wanted || m.New.Errors != wanted || m.Old.Requests != "all_total" || !strings.HasSuffix(a.address, "/grafana/api/datasources/proxy/uid/"+c.source) {
				t.Errorf("%+v behind %s", m, a.address)
			}
			if !strings.Contains(got.Missing, c.errors+" is "+wanted) {
				t.Errorf("the reason does not say what was asked: %s", got.Missing)
			}
		})
	}
}

// Each of these is missing with a reason, on both sides, and asks nobody behind.
func TestWhereItIsNot(t *testing.T) {
	prom := `{"type":"prometheus","uid":"prom"}`
	target := func(source, query string) string {
		return fmt.Sprintf(`{"id":7,"title":"t","datasource":%s,"targets":[{"refId":"A",%s}]}`, source, query)
	}
	for _, c := range []struct {
		name, panel, errors, want string
		spoil                     func(*grafanatest.Server)
	}{
		{"no dashboard", targets(prom), "panel:other/7", "dashboard other: Grafana does not have it (HTTP 404: Dashboard not found), or hides it from this token", nil},
		{"no dashboard is named", targets(prom), "panel:7", "with the dashboard's uid here or in dashboard", nil},
		{"no panel", targets(prom), "panel:shop/8", `dashboard "Shop" has no panel 8; it has 7 "Bad / all", 90 "All"`, nil},
		{"a title twice", targets(prom) + "," + targets(prom), "panel:shop/Bad%20%2F%20all", `has 2 panels "Bad / all": name one by its id`, nil},
		{"a folder that is closed", targets(prom), "panel:shop/7", "dashboard shop: Grafana does not allow it (HTTP 403: You'll need additional permissions", func(s *grafanatest.Server) { s.Refuse("/api/dashboards/uid/shop", 403) }},
		{"a dashboard that was deleted", targets(prom), "panel:shop/7", "dashboard shop: it was deleted (HTTP 410", func(s *grafanatest.Server) { s.Refuse("/api/dashboards/uid/shop", 410) }},
		{"a form that is not given", targets(prom), "panel:shop/7", "(HTTP 406: Not Acceptable): name the series", func(s *grafanatest.Server) { s.Refuse("/api/dashboards/uid/shop", 406) }},
		{"a Grafana that is ill", targets(prom), "panel:shop/7", "dashboard shop: Grafana answers HTTP 500", func(s *grafanatest.Server) { s.Refuse("/api/dashboards/uid/shop", 500) }},
		{"schema 2", "", "panel:shop/7", "is kept in schema 2", func(s *grafanatest.Server) { s.Dashboard("shop", `{"elements":{"panel-7":{}}}`) }},
		{"rows of old", "", "panel:shop/7", "older than Grafana 5", func(s *grafanatest.Server) { s.Dashboard("shop", `{"rows":[{"panels":[]}]}`) }},
		{"a library panel that is not seen", `{"id":7,"libraryPanel":{"uid":"lib","name":"Bad"}}`, "panel:shop/7", "library panel Bad: Grafana does not have it", nil},
		{"several queries", `{"id":7,"datasource":` + prom + `,"targets":[{"refId":"A","expr":"x"},{"refId":"B","expr":"y"}]}`, "panel:shop/7", "the panel has the queries A, B: say which with ?ref=", nil},
		{"no such query", targets(prom), "panel:shop/7?ref=C", "the panel has no query C; it has A", nil},
		{"a text", `{"id":7,"type":"text"}`, "panel:shop/7", "the panel has no query", nil},
		{"no expression", target(prom, `"expr":" "`), "panel:shop/7", "query A has no expression", nil},
		{"logs", target(`{"type":"loki","uid":"l"}`, `"expr":"x"`), "panel:shop/7", "a data source of the type loki: want Prometheus", nil},
		{"mixed without one", target(`{"uid":"-- Mixed --"}`, `"expr":"x"`), "panel:shop/7", "query A of a panel of mixed data sources names none", nil},
		{"of another panel", target(`{"uid":"-- Dashboard --"}`, `"expr":"x"`), "panel:shop/7", "shows what another panel asks", nil},
		{"computed", target(`{"type":"__expr__","uid":"__expr__"}`, `"expr":"x"`), "panel:shop/7", "computes in Grafana", nil},
		{"no such variable", target(prom, `"expr":"rate(bad_total{host=\"$hots\"}[5m])"`), "panel:shop/7", "there is no variable $hots", nil},
		{"repeated", strings.Replace(targets(prom), `"id":7`, `"id":7,"repeat":"host"`, 1), "panel:shop/7", "name one with ?var-host=", nil},
		{"an average", target(prom, `"expr":"avg(rate(bad_total[5m]))"`), "panel:shop/7", "avg() does not add up what its series counted (name the series themselves", nil},
		{"the requests once more", target(prom, `"expr":"rate(all_total[5m])"`), "panel:shop/7", "errors all_total: it selects the same series as the requests do", nil},
		{"two data sources", target(`{"type":"prometheus","uid":"other"}`, `"expr":"rate(bad_total[5m])"`), "panel:shop/7", "it is of the data source other, and another selector is of prom", nil},
		{"no default that is Prometheus", targets("null"), "panel:shop/7", "the default data source, and that is no Prometheus: name one in datasource", nil},
		{"data sources that are not listed", targets("null"), "panel:shop/7", "(or name its uid in datasource)", func(s *grafanatest.Server) { s.Refuse("/api/datasources", 403) }},
		{"series without a data source", targets(prom), "bad_total", "needs the data source: name its uid in datasource", nil},
		{"a word too many", targets(prom), "panel:a/b/7", "write a slash in a title as %2F", nil},
		{"a wrong word", targets(prom), "panel:shop/7?from=now", `"from" is not known`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := grafanatest.Start(t, token)
			s.Dashboard("shop", panelOf(c.panel))
			if c.spoil != nil {
				c.spoil(s)
			}
			source, a := open(t, s)
			got := source.Sample(t.Context(), both(c.errors), time.Now())
			if !strings.Contains(got.Missing, c.want) || !strings.Contains(got.Missing, "old side: ") || !strings.Contains(got.Missing, "new side: ") || len(a.metrics) > 0 {
				t.Errorf("%s\nwant %s", got.Missing, c.want)
			}
			if _, err := source.Baseline(t.Context(), both(c.errors), time.Now(), time.Hour); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("baseline: %v", err)
			}
			if strings.Contains(got.Missing, token) || strings.Contains(got.Missing, "\n") {
				t.Errorf("it shows the token, or several lines: %s", got.Missing)
			}
		})
	}
}

// The login and the address.
func TestWhoAsks(t *testing.T) {
	s := grafanatest.Start(t, "another token")
	s.Dashboard("shop", panelOf(targets(`{"uid":"prom"}`)))
	source, _ := open(t, s)
	if got := source.Sample(t.Context(), both("panel:shop/7"), time.Now()); !strings.Contains(got.Missing, "does not know who asks (HTTP 401: Invalid API key)") || strings.Contains(got.Missing, token) {
		t.Error(got.Missing)
	}
	away, _ := open(t, s, "url", s.URL+"/grafana/sub/path")
	if got := away.Sample(t.Context(), both("panel:shop/7"), time.Now()); !strings.Contains(got.Missing, "Grafana leads elsewhere (HTTP 302)") {
		t.Error(got.Missing)
	}
	s.Close()
	gone, _ := open(t, s)
	if got := gone.Sample(t.Context(), both("panel:shop/7"), time.Now()); !strings.Contains(got.Missing, "connection refused") {
		t.Error(got.Missing)
	}
}

// What a panel leads to is kept: somebody who edits the dashboard in the watch must not
// change what is judged.
func TestEditsDoNotChangeWhatIsJudged(t *testing.T) {
	s := grafanatest.Start(t, token)
	s.Dashboard("shop", panelOf(targets(`{"type":"prometheus","uid":"prom"}`)))
	source, a := open(t, s)
	source.Sample(t.Context(), both("panel:shop/7"), time.Now())
	s.Dashboard("shop", panelOf(strings.Replace(targets(`{"type":"prometheus","uid":"prom"}`), "bad_total", "other_total", 1)))
	source.Sample(t.Context(), both("panel:shop/7"), time.Now())
	if len(a.metrics) != 2 || a.metrics[1].Old.Errors != wanted {
		t.Errorf("%+v", a.metrics)
	}
}

// What Grafana says in place of what is behind it is said in words, and what that says
// is passed on.
func TestProxy(t *testing.T) {
	s := grafanatest.Start(t, token)
	s.Source("gone", "Gone", "prometheus", "http://127.0.0.1:1", true)
	s.Dashboard("shop", panelOf(targets(`{"type":"prometheus","uid":"gone"}`)))
	source, a := open(t, s, "datasource", "gone")
	m := both(wanted)
	m.Old.Requests, m.New.Requests = "all_total", "all_total"
	source.Sample(t.Context(), m, time.Now())
	ask := func(method, path string) string {
		req, _ := http.NewRequestWithContext(t.Context(), method, a.address+path, nil)
		resp, err := a.client.Do(req)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		return resp.Status
	}
	for _, c := range []struct{ method, path, want string }{
		{"POST", "/api/v1/query", "Grafana does not reach its data source (HTTP 502)"},
		{"POST", "/api/v1/admin", "Grafana does not allow it (HTTP 403: non allow-listed POSTs"},
	} {
		if got := ask(c.method, c.path); !strings.Contains(got, c.want) || strings.Contains(got, token) {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     string
	}{
		{"no address", nil, "setting url is missing"},
		{"a dashboard's address", map[string]string{"url": "https://grafana.example.org/d/abc/shop"}, "without a dashboard"},
		{"the API's address", map[string]string{"url": "https://grafana.example.org/api/dashboards"}, "without a dashboard, a query or /api"},
		{"a password", map[string]string{"url": "https://me:canary@grafana.example.org"}, "setting url holds credentials: name their place in bearerTokenFile or bearerTokenEnv"},
		{"no URL", map[string]string{"url": "grafana.example.org"}, "want http:// or https://"},
		{"no time", map[string]string{"url": "https://grafana.example.org", "scrapeInterval": "never"}, "setting scrapeInterval"},
		{"unknown", map[string]string{"url": "https://grafana.example.org", "token": "canary"}, `unknown setting "token"`},
		{"no such variable", map[string]string{"url": "https://grafana.example.org", "bearerTokenEnv": "REHOME_NOT_THERE"}, "the variable REHOME_NOT_THERE must hold one line"},
	} {
		if _, err := grafana.New(migration.Connection{Name: "grafana", Settings: c.settings}); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
