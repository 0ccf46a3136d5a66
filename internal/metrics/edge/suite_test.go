package edge_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/edge"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Metrics = (*edge.Source)(nil)

// ingress is an ingress controller that shows what it has counted for one host,
// among what it counts for others.
type ingress struct {
	*httptest.Server
	mu     sync.Mutex
	shown  *analysis.Counters
	silent bool
}

func newIngress(t *testing.T) *ingress {
	i := &ingress{}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *ingress) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.silent {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprint(w, exposition(i.shown))
}

// exposition is written as skipper writes it.
func exposition(c *analysis.Counters) string {
	var b strings.Builder
	b.WriteString("# HELP go_goroutines Number of goroutines that currently exist.\n# TYPE go_goroutines gauge\ngo_goroutines 41\n")
	b.WriteString("# TYPE skipper_serve_host_duration_seconds histogram\n")
	b.WriteString(`skipper_serve_host_duration_seconds_count{code="200",host="other_test",method="GET"} 9999` + "\n")
	if c == nil {
		return b.String()
	}
	line := func(code, more string, n uint64) {
		fmt.Fprintf(&b, "skipper_serve_host_duration_seconds_%s %d\n", fmt.Sprintf(more, `code="`+code+`",host="shop_test",method="GET"`), n)
	}
	line("200", "count{%s}", c.Requests-c.Errors)
	if c.Errors > 0 {
		line("503", "count{%s}", c.Errors)
	}
	for _, bucket := range c.Buckets {
		le := strconv.FormatFloat(bucket.LE, 'g', -1, 64)
		if math.IsInf(bucket.LE, 1) {
			le = "+Inf"
		}
		line("200", `bucket{%s,le="`+le+`"}`, bucket.Count)
	}
	return b.String()
}

// world has two ingress pods of each side. Its seconds pass when it is scraped.
type world struct {
	t    *testing.T
	port *edge.Source
	pods map[migration.Side]map[string]*ingress
	now  time.Time
}

func newWorld(t *testing.T) metricstest.World {
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), pods: map[migration.Side]map[string]*ingress{}}
	endpoints := map[migration.Side]string{}
	for _, side := range []migration.Side{migration.OldSide, migration.NewSide} {
		a, b := newIngress(t), newIngress(t)
		w.pods[side] = map[string]*ingress{"a": a, "b": b}
		endpoints[side] = a.URL + "/metrics, " + b.URL
	}
	w.port = open(t, "oldEndpoints", endpoints[migration.OldSide], "newEndpoints", endpoints[migration.NewSide], "timeout", "10s", "scrapeInterval", "500ms")
	return w
}

func open(t *testing.T, settings ...string) *edge.Source {
	t.Helper()
	s, err := edge.New(connection(settings...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connection(settings ...string) migration.Connection {
	c := migration.Connection{Name: "edge", Settings: map[string]string{}}
	for i := 0; i < len(settings); i += 2 {
		c.Settings[settings[i]] = settings[i+1]
	}
	return c
}

var shop = migration.SideMetrics{
	Requests: `skipper_serve_host_duration_seconds_count{host="shop_test"}`,
	Errors:   `skipper_serve_host_duration_seconds_count{host="shop_test",code=~"5.."}`,
	Latency:  `skipper_serve_host_duration_seconds_bucket{host="shop_test"}`,
	Vantage:  "application", // as the suite has it
}

func (w *world) Port() metricstest.Port     { return w.port }
func (w *world) Metrics() migration.Metrics { return migration.Metrics{Old: shop, New: shop} }

// Now is later each time, so that it is looked at again.
func (w *world) Now() time.Time {
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *world) Set(side migration.Side, name string, c analysis.Counters) {
	i := w.pods[side][name]
	i.mu.Lock()
	i.shown = &c
	i.mu.Unlock()
	for range 2 {
		w.now = w.now.Add(time.Second)
		w.port.Sample(w.t.Context(), w.Metrics(), w.now)
	}
}

func (w *world) Silence(side migration.Side) {
	for _, i := range w.pods[side] {
		i.mu.Lock()
		i.silent = true
		i.mu.Unlock()
	}
}

func (w *world) Down() {
	for _, pods := range w.pods {
		for _, i := range pods {
			i.Close()
		}
	}
}

func TestSuite(t *testing.T) { metricstest.Run(t, newWorld) }
