package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/prometheus/promtest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at makes a source of one endpoint for both sides.
func at(t *testing.T, endpoint string, settings ...string) *Source {
	t.Helper()
	c := migration.Connection{Name: "edge", Settings: map[string]string{"endpoints": endpoint}}
	for i := 0; i < len(settings); i += 2 {
		c.Settings[settings[i]] = settings[i+1]
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func requests(selector string) migration.Metrics {
	m := migration.SideMetrics{Requests: selector, Errors: selector, Vantage: "edge"}
	return migration.Metrics{Old: m, New: m}
}

func serve(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func write(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// Whatever an endpoint answers that is not its counters is missing, with the reason,
// and never zero.
func TestWhatMakesASampleMissing(t *testing.T) {
	const good = "hits_total{site=\"a\"} 5\n"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "HTTP 403 (check bearerTokenFile"},
		{"another path", http.NotFound, "HTTP 404 (is this the path of its metrics?)"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "HTTP 302 (redirects are not followed"},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>")
		}, "answers with text/html: is this the path of its metrics?"},
		{"nothing", write(""), "the page is empty"},
		{"a page cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, good)
		}, "unexpected EOF"},
		{"half a line", write(good + "hits_total{site=\"b"), "cannot be read as Prometheus's text format"},
		{"a gauge", write("# TYPE hits_total gauge\n" + good), "hits_total is a gauge: select counters"},
		{"below zero", write("hits_total -1\n"), "not a counter"},
		{"not a number", write("hits_total NaN\n"), "not a counter"},
		{"a line without end", write("hits_total{site=\"" + strings.Repeat("x", lineLimit) + "\"} 1\n"), "token too long"},
		{"too many series", func(w http.ResponseWriter, _ *http.Request) {
			for i := range mostSeries + 1 {
				fmt.Fprintf(w, "hits_total{path=\"/%d\"} 1\n", i)
			}
		}, "1001 series at"},
		{"it hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no whole answer within 300ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := at(t, serve(t, c.answer).URL, "timeout", "300ms").Sample(t.Context(), requests("hits_total"), noon)
			if !strings.Contains(s.Missing, c.want) || !strings.Contains(s.Missing, "old side: requests hits_total") || s.Old != nil || s.New != nil {
				t.Errorf("%+v\nwant a reason with %q", s, c.want)
			}
		})
	}
	t.Run("the good one", func(t *testing.T) {
		s := at(t, serve(t, write(good)).URL).Sample(t.Context(), requests("hits_total"), noon)
		if s.Missing != "" || len(s.Old) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// One endpoint of two that is away makes its side missing: what came through it would
// count as nothing.
func TestOneEndpointOfTwoIsAway(t *testing.T) {
	up, down := serve(t, write("hits_total 5\n")), serve(t, write("hits_total 7\n"))
	s := at(t, up.URL+","+down.URL)
	if got := s.Sample(t.Context(), requests("hits_total"), noon); got.Missing != "" || len(got.Old) != 2 {
		t.Fatalf("%+v", got)
	}
	down.Close()
	for i := range 2 { // and asked again for the same moment
		got := s.Sample(t.Context(), requests("hits_total"), noon.Add(time.Second))
		if !strings.Contains(got.Missing, strings.TrimPrefix(down.URL, "http://")) || !strings.Contains(got.Missing, "connection refused") {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

// A name of several addresses is as many instances. 127.0.0.2 is another host to a
// machine's loopback.
func TestANameOfSeveralAddresses(t *testing.T) {
	one := serve(t, func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		fmt.Fprintf(w, "hits_total{asked=%q} 5\n", host)
	})
	u, _ := url.Parse(one.URL)
	s := at(t, "http://ingress.test:"+u.Port())
	addresses := []string{"127.0.0.1"}
	s.resolve = func(_ context.Context, host string) ([]string, error) {
		if host != "ingress.test" {
			return nil, errors.New("asked for " + host)
		}
		return addresses, nil
	}
	got := s.Sample(t.Context(), requests("hits_total"), noon)
	if c, found := got.Old[`127.0.0.1:`+u.Port()+`/metrics{asked="ingress.test"}`]; !found || c.Requests != 5 {
		t.Errorf("%+v", got)
	}
	addresses = []string{"127.0.0.2", "127.0.0.1"} // nobody answers at the second
	if got := s.Sample(t.Context(), requests("hits_total"), noon.Add(time.Second)); !strings.Contains(got.Missing, "127.0.0.2:") {
		t.Errorf("%+v", got)
	}
	s.resolve = func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
	if got := s.Sample(t.Context(), requests("hits_total"), noon.Add(2*time.Second)); !strings.Contains(got.Missing, "ingress.test:"+u.Port()+": no such host") {
		t.Errorf("%+v", got)
	}
}

// A process that begins again is another series, which counts from zero even where it
// has already counted more than the former one.
func TestAProcessBeginsAgain(t *testing.T) {
	started, hits := time.Now().Add(-time.Hour), 100
	one := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "process_start_time_seconds %d\nhits_total %d\n", started.Unix(), hits)
	})
	s := at(t, one.URL)
	before := s.Sample(t.Context(), requests("hits_total"), noon)
	started, hits = time.Now().Add(time.Second), 140
	after := s.Sample(t.Context(), requests("hits_total"), noon.Add(time.Second))
	if before.Missing != "" || after.Missing != "" {
		t.Fatal(before.Missing, after.Missing)
	}
	for key := range before.Old {
		if _, same := after.Old[key]; same || after.Old == nil {
			t.Errorf("%v and %v are one series", before.Old, after.Old)
		}
	}
}

// Two processes behind one address would be counted in turn, and what the second had
// counted before would be taken for new.
func TestSeveralProcessesBehindOneAddress(t *testing.T) {
	turn, started := 0, []int64{time.Now().Add(-time.Hour).Unix(), time.Now().Add(-2 * time.Hour).Unix()}
	one := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "process_start_time_seconds %d\nhits_total %d\n", started[turn], 1000*(turn+1))
	})
	s := at(t, one.URL)
	if got := s.Sample(t.Context(), requests("hits_total"), noon); got.Missing != "" {
		t.Fatal(got.Missing)
	}
	turn = 1
	for i := range 3 {
		got := s.Sample(t.Context(), requests("hits_total"), noon.Add(time.Duration(i+1)*time.Second))
		if !strings.Contains(got.Missing, "several processes answer there in turn") {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

func TestRealPrometheusShowsItsOwn(t *testing.T) {
	server := promtest.Start(t)
	s := at(t, server.URL, "scrapeInterval", "1s")
	m := migration.SideMetrics{
		Requests: `prometheus_http_requests_total{handler=~"/(-|api).*"}`,
		Errors:   `prometheus_http_requests_total{handler=~"/(-|api).*",code=~"5.."}`,
		Latency:  `prometheus_http_request_duration_seconds_bucket{handler=~"/(-|api).*"}`,
		Vantage:  "edge",
	}
	both := migration.Metrics{Old: m, New: m}
	first := s.Sample(t.Context(), both, noon)
	if first.Missing != "" || len(first.Old) == 0 {
		t.Fatalf("%+v", first)
	}
	for range 5 {
		server.Scalar("vector(1)")
	}
	b, err := s.Baseline(t.Context(), both, noon.Add(time.Second), time.Minute)
	if err != nil || b.Requests < 5 || b.Errors != 0 || len(b.Buckets) < 3 {
		t.Errorf("%+v, %v", b, err)
	}
}

// cluster has pods, of which one may be silent.
type cluster struct {
	ready  []string
	asked  string
	silent string
}

func (c *cluster) ReadyPods(_ context.Context, namespace, selector string) ([]string, error) {
	c.asked = namespace + " " + selector
	if c.ready == nil {
		return nil, errors.New("list pods in namespace ingress: forbidden")
	}
	return c.ready, nil
}

func (c *cluster) ReadPod(_ context.Context, namespace, pod string, port int, path string, read func(io.Reader) error) error {
	if pod == c.silent {
		return errors.New("connection refused")
	}
	return read(strings.NewReader(fmt.Sprintf("process_start_time_seconds %d\nhits_total{at=%q} 5\n", len(pod), fmt.Sprint(namespace, pod, port, path))))
}

// The pods of the cluster are read through it, each by its name.
func TestPods(t *testing.T) {
	const endpoint = "pods://ingress:9911/metrics?app.kubernetes.io/name=skipper&tier=front"
	c := &cluster{ready: []string{"a", "b"}}
	s := at(t, endpoint)
	if got := s.Sample(t.Context(), requests("hits_total"), noon); !strings.Contains(got.Missing, "there is no cluster whose pods could be read") {
		t.Errorf("%+v", got)
	}
	s.Pods = c
	got := s.Sample(t.Context(), requests("hits_total"), noon.Add(time.Second))
	if c.asked != "ingress app.kubernetes.io/name=skipper,tier=front" || len(got.Old) != 2 {
		t.Errorf("asked for %s: %+v", c.asked, got)
	}
	if one, found := got.Old[`ingress/a:9911/metrics@1{at="ingressa9911/metrics"}`]; !found || one.Requests != 5 {
		t.Errorf("%+v", got.Old)
	}
	c.silent = "b"
	if got := s.Sample(t.Context(), requests("hits_total"), noon.Add(2*time.Second)); !strings.Contains(got.Missing, "ingress/b:9911/metrics: connection refused") {
		t.Errorf("%+v", got)
	}
	c.ready = []string{}
	if got := s.Sample(t.Context(), requests("hits_total"), noon.Add(3*time.Second)); !strings.Contains(got.Missing, "old side") || strings.Contains(got.Missing, "new side") {
		t.Errorf("before a deployment: %+v", got)
	}
	c.ready = nil
	if got := s.Sample(t.Context(), requests("hits_total"), noon.Add(4*time.Second)); !strings.Contains(got.Missing, "list pods in namespace ingress: forbidden") {
		t.Errorf("%+v", got)
	}
}

func TestSettings(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("a-token-of-the-edge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     string
	}{
		{"none", nil, "side has no endpoint"},
		{"one side alone", map[string]string{"oldEndpoints": "http://192.0.2.1"}, "the new side has no endpoint: name its addresses in newEndpoints, or in endpoints"},
		{"no URL", map[string]string{"endpoints": "192.0.2.1:9911"}, "setting endpoints"},
		{"a password", map[string]string{"endpoints": "http://me:canary-hunter2@192.0.2.1/"}, "setting endpoints holds credentials"},
		{"pods without labels", map[string]string{"endpoints": "pods://ingress:9911/metrics"}, "want pods://NAMESPACE:PORT/metrics?LABEL=VALUE"},
		{"no time", map[string]string{"endpoints": "http://192.0.2.1", "timeout": "0s"}, `setting timeout "0s"`},
		{"unknown", map[string]string{"endpoint": "http://192.0.2.1"}, `unknown setting "endpoint"`},
		{"no such file", map[string]string{"endpoints": "http://192.0.2.1", "bearerTokenFile": "/nowhere"}, "setting bearerTokenFile"},
		{"two logins", map[string]string{"endpoints": "http://192.0.2.1", "bearerTokenFile": secret, "bearerTokenEnv": "TOKEN"}, "exclude each other"},
		{"no such variable", map[string]string{"endpoints": "http://192.0.2.1", "bearerTokenEnv": "REHOME_NOT_THERE"}, "the variable REHOME_NOT_THERE must hold one line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(migration.Connection{Name: "edge", Settings: c.settings})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	var sent string
	one := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	})
	for _, login := range [][2]string{{"bearerTokenFile", secret}, {"bearerTokenEnv", "REHOME_EDGE_TOKEN"}} {
		t.Setenv("REHOME_EDGE_TOKEN", "a-token-of-the-edge")
		got := at(t, one.URL, login[0], login[1]).Sample(t.Context(), requests("hits_total"), noon)
		if sent != "Bearer a-token-of-the-edge" || strings.Contains(got.Missing, "a-token") {
			t.Errorf("sent %q: %s", sent, got.Missing)
		}
		sent = ""
	}
}

func FuzzPage(f *testing.F) {
	f.Add("# TYPE hits_total counter\nhits_total{a=\"b\\\"}\",c=\"\"} 5 1700000000000\n# EOF\n")
	f.Add("hits_total 5 # {trace=\"x\"} 1\nhits_total{le=\"+Inf\"} 7e9\n")
	f.Add("hits_total{\n")
	f.Fuzz(func(_ *testing.T, text string) {
		all, err := readPage(strings.NewReader(text), []string{"hits_total", startMetric})
		if err != nil {
			return
		}
		for _, one := range all {
			if one.Name != "hits_total" && one.Name != startMetric {
				panic("kept " + one.Name)
			}
		}
	})
}
