package prometheus_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/prometheus/promtest"
)

var _ engine.Metrics = (*prometheus.Source)(nil)

// scrapeInterval is what the sources are told. It is five times the real one, so
// that a busy machine does not make a side look silent.
const scrapeInterval = 5 * promtest.Every

// instance is a scraped process that shows the counters of every world, told
// apart by their app label.
type instance struct {
	*httptest.Server
	mu      sync.Mutex
	shown   map[string]analysis.Counters
	silent  bool
	scrapes int
	last    time.Time
}

func newInstance(t *testing.T) *instance {
	i := &instance{shown: map[string]analysis.Counters{}}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *instance) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.silent {
		http.Error(w, "silent", http.StatusServiceUnavailable)
		return
	}
	i.scrapes++
	i.last = time.Now()
	fmt.Fprintln(w, "# TYPE http_requests_total counter")
	apps := slices.Sorted(maps.Keys(i.shown))
	for _, app := range apps {
		c := i.shown[app]
		fmt.Fprintf(w, "http_requests_total{app=%q,code=\"200\",method=\"GET\"} %d\n", app, c.Requests-c.Errors)
		if c.Errors > 0 {
			fmt.Fprintf(w, "http_requests_total{app=%q,code=\"500\",method=\"POST\"} %d\n", app, c.Errors)
		}
	}
	fmt.Fprintln(w, "# TYPE http_request_duration_seconds histogram")
	for _, app := range apps {
		for _, b := range i.shown[app].Buckets {
			le := strconv.FormatFloat(b.LE, 'g', -1, 64)
			fmt.Fprintf(w, "http_request_duration_seconds_bucket{app=%q,le=%q} %d\n", app, le, b.Count)
		}
		fmt.Fprintf(w, "http_request_duration_seconds_count{app=%q} %d\n", app, i.shown[app].Requests)
	}
}

func (i *instance) look() (scrapes int, last time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.scrapes, i.last
}

// rig is a Prometheus that scrapes two instances of each side.
type rig struct {
	server    *promtest.Server
	instances map[migration.Side]map[string]*instance
	worlds    atomic.Int64
}

func newRig(t *testing.T) *rig {
	r := &rig{instances: map[migration.Side]map[string]*instance{}}
	var targets []promtest.Target
	for side, job := range jobs {
		r.instances[side] = map[string]*instance{}
		for _, name := range []string{"a", "b"} {
			i := newInstance(t)
			r.instances[side][name] = i
			targets = append(targets, promtest.Target{Job: job, URL: i.URL, Labels: map[string]string{"pod": name}})
		}
	}
	r.server = promtest.Start(t, targets...)
	return r
}

var jobs = map[migration.Side]string{migration.OldSide: "vm", migration.NewSide: "pods"}

func (r *rig) source(t *testing.T, timeout time.Duration) *prometheus.Source {
	t.Helper()
	s, err := prometheus.New(migration.Connection{Name: "main", Settings: map[string]string{
		"url": r.server.URL + "/", "timeout": timeout.String(), "scrapeInterval": scrapeInterval.String(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is the part of a rig that has one app label.
type world struct {
	t    *testing.T
	rig  *rig
	app  string
	port *prometheus.Source
}

func (r *rig) newWorld(t *testing.T) metricstest.World {
	return &world{t: t, rig: r, app: fmt.Sprintf("app%d", r.worlds.Add(1)), port: r.source(t, 20*time.Second)}
}

func (w *world) Port() metricstest.Port { return w.port }
func (w *world) Now() time.Time         { return time.Now() }

func (w *world) Metrics() migration.Metrics {
	of := func(side migration.Side) migration.SideMetrics {
		match := fmt.Sprintf(`job=%q,app=%q`, jobs[side], w.app)
		return migration.SideMetrics{
			Requests: `http_requests_total{` + match + `}`,
			Errors:   `http_requests_total{` + match + `,code=~"5.."}`,
			Latency:  `http_request_duration_seconds_bucket{` + match + `}`,
			Vantage:  "application",
		}
	}
	return migration.Metrics{Source: "main", Old: of(migration.OldSide), New: of(migration.NewSide)}
}

// Set waits for the beginning of the third scrape: by then the second is stored.
func (w *world) Set(side migration.Side, name string, c analysis.Counters) {
	w.t.Helper()
	i := w.rig.instances[side][name]
	i.mu.Lock()
	i.shown[w.app] = c
	before := i.scrapes
	i.mu.Unlock()
	w.poll("three scrapes", func() bool {
		scrapes, _ := i.look()
		return scrapes >= before+3
	})
}

func (w *world) Silence(side migration.Side) {
	w.t.Helper()
	for _, i := range w.rig.instances[side] {
		i.silence(true)
		w.t.Cleanup(func() { i.silence(false) })
	}
	w.poll("silence for too long", func() bool {
		for _, i := range w.rig.instances[side] {
			if _, last := i.look(); time.Since(last) <= metrics.StaleScrapes*scrapeInterval {
				return false
			}
		}
		return true
	})
}

func (i *instance) silence(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.silent = on
}

func (w *world) Down() {
	w.rig.server.Stop()
	w.t.Cleanup(w.rig.server.Restart)
}

func (w *world) poll(what string, reached func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !reached(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	metricstest.Run(t, r.newWorld)
	t.Run("one instance of two is silent", func(t *testing.T) { oneOfTwoIsSilent(t, r) })
	t.Run("it hangs", func(t *testing.T) { hangs(t, r) })
	t.Run("past", func(t *testing.T) { metricstest.RunPast(t, r.newPast) })
}

// oneOfTwoIsSilent: the side is seen, and what the silent one had counted stays.
func oneOfTwoIsSilent(t *testing.T, r *rig) {
	w := r.newWorld(t).(*world)
	for _, name := range []string{"a", "b"} {
		w.Set(migration.OldSide, name, analysis.Counters{Requests: 10})
		w.Set(migration.NewSide, name, analysis.Counters{Requests: 10, Errors: 4})
	}
	r.instances[migration.NewSide]["b"].silence(true)
	t.Cleanup(func() { r.instances[migration.NewSide]["b"].silence(false) })
	r.server.Await(fmt.Sprintf(`count(http_requests_total{app=%q,job="pods",code="200"})`, w.app), 1)
	w.Set(migration.NewSide, "a", analysis.Counters{Requests: 12, Errors: 5})
	s := w.port.Sample(t.Context(), w.Metrics(), w.Now())
	var requests, errors uint64
	for _, c := range s.New {
		requests, errors = requests+c.Requests, errors+c.Errors
	}
	if s.Missing != "" || len(s.New) != 2 || requests != 22 || errors != 9 {
		t.Errorf("%+v", s)
	}
}

// hangs: a Prometheus that takes connections and never answers is missing within
// the timeout.
func hangs(t *testing.T, r *rig) {
	w := r.newWorld(t).(*world)
	w.port = r.source(t, 500*time.Millisecond)
	r.server.Pause()
	t.Cleanup(r.server.Resume)
	begun := time.Now()
	s := w.port.Sample(t.Context(), w.Metrics(), begun)
	if s.Missing == "" || time.Since(begun) > 5*time.Second {
		t.Errorf("after %s: %+v", time.Since(begun), s)
	}
	t.Log(s.Missing)
}
