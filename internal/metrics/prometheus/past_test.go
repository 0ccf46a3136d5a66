package prometheus_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

// pastWorld has a past that ends at a time of its own.
type pastWorld struct {
	*world
	now time.Time
}

func (w *pastWorld) Now() time.Time { return w.now }

// newPast is a world whose old side has been scraped before there was a Prometheus.
func (r *rig) newPast(t *testing.T, past []metricstest.Scrape) metricstest.World {
	w := &pastWorld{world: r.newWorld(t).(*world), now: time.Now().Truncate(time.Second)}
	var err error
	w.port, err = prometheus.New(migration.Connection{Settings: map[string]string{
		"url": r.server.URL, "timeout": "20s", "scrapeInterval": metricstest.PastEvery.String(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.server.Backfill(w.openMetrics(past))
	return w
}

// openMetrics is what the instances showed, series by series.
func (w *pastWorld) openMetrics(past []metricstest.Scrape) []byte {
	var text bytes.Buffer
	slices.SortStableFunc(past, func(a, b metricstest.Scrape) int { return cmp.Compare(a.Instance, b.Instance) })
	show := func(name, labels string, s metricstest.Scrape, value uint64) {
		fmt.Fprintf(&text, "%s{app=%q,job=\"vm\",instance=%q%s} %d %d\n", name, w.app, s.Instance, labels, value, w.now.Add(-s.Before).Unix())
	}
	fmt.Fprintln(&text, "# TYPE http_requests counter")
	for _, s := range past {
		show("http_requests_total", `,code="200"`, s, s.Requests-s.Errors)
		if s.Errors > 0 {
			show("http_requests_total", `,code="500"`, s, s.Errors)
		}
	}
	fmt.Fprintln(&text, "# TYPE http_request_duration_seconds histogram")
	for _, s := range past {
		for _, b := range s.Buckets {
			show("http_request_duration_seconds_bucket", fmt.Sprintf(",le=%q", strconv.FormatFloat(b.LE, 'g', -1, 64)), s, b.Count)
		}
	}
	fmt.Fprintln(&text, "# EOF")
	return text.Bytes()
}

// What a past makes of single series, asked from ten minutes before noon on.
func TestPastTakes(t *testing.T) {
	const a = `"job":"vm","instance":"a"`
	withLatency := selectors
	withLatency.Old.Latency = "old_latency"
	buckets := func(labels string, counts ...string) string {
		all := stream(labels+`,"le":"0.5"`, counts...)
		return all + "\n" + stream(labels+`,"le":"+Inf"`, counts...)
	}
	for _, c := range []struct {
		name                      string
		requests, errors, latency []string
		wantRequests, wantErrors  uint64
		wantBuckets               string
	}{
		{"growth since an instance's first scrape", []string{stream(a, "-50 1000", "-30 1007", "-15 1010")}, nil, nil, 10, 0, "[]"},
		{"a reset", []string{stream(a, "-50 1000", "-30 1007", "-15 4")}, nil, nil, 11, 0, "[]"},
		{"a series that comes later, from zero", []string{stream(a+`,"code":"200"`, "-50 1000", "-15 1005"), stream(a+`,"code":"500"`, "-15 3")},
			[]string{stream(a+`,"code":"500"`, "-15 3")}, nil, 8, 3, "[]"},
		{"an instance that comes later, from its first scrape", []string{stream(a, "-50 1000", "-15 1005"), stream(`"job":"vm","instance":"b"`, "-30 7000", "-15 7002")}, nil, nil, 7, 0, "[]"},
		{"histograms", []string{stream(a, "-50 1000", "-15 1005")}, nil, []string{buckets(a, "-50 900", "-15 905")}, 5, 0, "[{0.5 5} {+Inf 5}]"},
		{"an edge that not all have is left out", []string{stream(a, "-50 1000", "-15 1005")}, nil,
			[]string{buckets(a, "-50 900", "-15 905"), stream(a+`,"path":"/b","le":"+Inf"`, "-50 5", "-15 6")}, 5, 0, "[{+Inf 6}]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := withLatency
			if c.latency == nil {
				m = selectors
			}
			answers := map[string]string{"old_requests": strings.Join(c.requests, "\n"), "old_errors": strings.Join(c.errors, "\n"), "old_latency": strings.Join(c.latency, "\n")}
			p, err := open(t, "url", fake(t, answers).URL).Past(t.Context(), m, metrics.Span{From: noon.Add(-10 * time.Minute), To: noon, Every: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			b, err := p.Baseline(noon, time.Minute)
			if err != nil || b.Requests != c.wantRequests || b.Errors != c.wantErrors || fmt.Sprint(b.Buckets) != c.wantBuckets {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

func TestPastRefuses(t *testing.T) {
	withLatency := selectors
	withLatency.Old.Latency = "old_latency"
	for _, c := range []struct{ name, selector, answer, want string }{
		{"a side that was never scraped", "old_requests", "", "past: old side: requests old_requests: no series from 2026-03-01T09:00:00Z to"},
		{"a histogram that does not exist", "old_latency", "", "old side: latency old_latency: no series: correct the selector"},
		{"a histogram without its end", "old_latency", stream(`"job":"vm","instance":"a","le":"1"`, "-15 9"), "without its +Inf bucket"},
		{"part of the data", "old_errors", `{"status":"success","warnings":["store gone"],"data":{"resultType":"matrix","result":[]}}`, "store gone"},
		{"errors of somebody else", "old_errors", stream(`"instance":"c"`, "-30 1", "-15 2"), "has no requests"},
	} {
		_, err := open(t, "url", fake(t, map[string]string{c.selector: c.answer}).URL).Past(t.Context(), withLatency, metrics.Span{From: noon.Add(-3 * time.Hour), To: noon, Every: time.Minute})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "past: ") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := open(t, "url", "http://127.0.0.1:9").Past(t.Context(), selectors, metrics.Span{From: noon, To: noon}); err == nil {
		t.Error("a past of no time")
	}
}
