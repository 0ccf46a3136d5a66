package prometheus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

func TestBaselineSource(t *testing.T) {
	s := fake(t, map[string]string{"old_requests": stream(`"instance":"a"`, "-3000 5", "-15 100")})
	b, err := open(t, "url", s.URL).Baseline(t.Context(), selectors, noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := "Prometheus " + s.URL + ": requests old_requests, errors old_errors (no series, counted as none); " +
		"covers 49m45s of 1h0m0s, from 2026-03-01T11:10:00Z to 2026-03-01T11:59:45Z"
	if b.Source != want || b.Requests != 95 || b.Vantage != "edge" || b.Dispersion < 1 {
		t.Errorf("%+v\nwant %s", b, want)
	}
}

func TestBaselineBegins(t *testing.T) {
	const a = `"job":"vm","instance":"a"`
	for _, c := range []struct {
		name             string
		requests, errors []string
		wantRequests     uint64
		wantErrors       uint64
	}{
		{
			"with the last scrape before, in whatever order the series come",
			[]string{stream(a+`,"code":"500"`, "-50 7", "-15 8"), stream(a+`,"code":"200"`, "-90 100", "-70 120", "-50 150", "-15 160")},
			[]string{stream(a+`,"code":"500"`, "-50 7", "-15 8")},
			40 + 8, 8,
		}, {
			"with a scrape at its very beginning", []string{stream(a, "-90 1", "-60 5", "-15 9")}, nil, 4, 0,
		}, {
			"with a scrape shortly after", []string{stream(a, "-55 5", "-15 9")}, nil, 4, 0,
		}, {
			"with an instance's first scrape, in whatever order its series come",
			[]string{stream(a+`,"code":"500"`, "-25 7", "-15 8"), stream(a+`,"code":"200"`, "-40 100", "-25 120", "-15 150")},
			[]string{stream(a+`,"code":"500"`, "-25 7", "-15 8")},
			50 + 8, 8,
		}, {
			"again at zero after a restart", []string{stream(a, "-70 1000", "-45 1007", "-30 3", "-15 4")}, nil, 7 + 4, 0,
		}, {
			"and ends with the requests' last scrape", []string{stream(a, "-70 5", "-15 9")},
			[]string{stream(a, "-70 1", "-15 2", "-1 50")}, 4, 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[string]string{"old_requests": strings.Join(c.requests, "\n"), "old_errors": strings.Join(c.errors, "\n")}
			b, err := open(t, "url", fake(t, answers).URL).Baseline(t.Context(), selectors, noon, time.Minute)
			if err != nil || b.Requests != c.wantRequests || b.Errors != c.wantErrors {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

func TestBaselineRefuses(t *testing.T) {
	withLatency := selectors
	withLatency.Old.Latency = "old_latency"
	for _, c := range []struct {
		name, selector, answer, want string
	}{
		{"one scrape", "old_requests", stream(`"instance":"a"`, "-15 9"), "scraped but once"},
		{"a side that fell silent", "old_requests", stream(`"instance":"a"`, "-200 5", "-100 9"), "last scraped 1m40s ago"},
		{"a histogram that does not exist", "old_latency", "", "old side: latency old_latency: no series"},
		{"part of the data", "old_errors", `{"status":"success","warnings":["store gone"],"data":{"resultType":"matrix","result":[]}}`, "store gone"},
	} {
		_, err := open(t, "url", fake(t, map[string]string{c.selector: c.answer}).URL).Baseline(t.Context(), withLatency, noon, time.Hour)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "baseline: ") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzReply: whatever a server answers, there is a sample or a reason.
func FuzzReply(f *testing.F) {
	f.Add(matrix(healthy["old_requests"]))
	f.Add(matrix(stream(`"le":"0x1p-2"`, "-15 1e300")))
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":null,"values":[[1e18,"1"]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`)
	f.Add(`{"status":"success"}`)
	var reply atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, reply.Load().(string))
	}))
	f.Cleanup(server.Close)
	source, err := prometheus.New(migration.Connection{Settings: map[string]string{"url": server.URL}})
	if err != nil {
		f.Fatal(err)
	}
	m := selectors
	m.Old.Latency, m.New.Latency = "latency", "latency"
	f.Fuzz(func(t *testing.T, text string) {
		reply.Store(text)
		s := source.Sample(t.Context(), m, noon)
		if (s.Missing == "") == (s.Old == nil) {
			t.Errorf("%+v", s)
		}
		if b, err := source.Baseline(t.Context(), m, noon, time.Hour); err == nil && (b.Dispersion < 1 || b.Source == "") {
			t.Errorf("%+v", b)
		}
		if p, err := source.Past(t.Context(), m, metrics.Span{From: noon.Add(-3 * time.Hour), To: noon, Every: time.Minute}); err == nil && p.Empty() {
			t.Error("an empty past")
		}
	})
}
