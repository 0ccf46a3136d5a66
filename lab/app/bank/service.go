package bank

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const cookieName = "royal-bank-session"

// Service answers requests.
type Service struct {
	config   Config
	log      *slog.Logger
	sessions sessions
	breaker  breaker
	draining atomic.Bool
	database *database // nil where none is dialled
	mux      *http.ServeMux

	requests    *prometheus.CounterVec
	duration    prometheus.Histogram
	connections prometheus.Gauge
}

// New makes a service that logs to log.
func New(c Config, log *slog.Logger) *Service {
	s := &Service{config: c, log: log, mux: http.NewServeMux(), sessions: signedSessions{c.APIKey}}
	if c.SessionDir != "" {
		s.sessions = fileSessions{c.SessionDir}
	}
	if c.LocalSessions {
		s.sessions = newMemorySessions()
	}
	if c.DatabaseHost != "" && c.DatabasePort != 0 {
		s.database = &database{address: net.JoinHostPort(c.DatabaseHost, strconv.Itoa(c.DatabasePort))}
	}
	s.breaker.set(c.Faults)
	registry := s.meter()
	s.mux.Handle("GET /{$}", s.business(s.about))
	s.mux.Handle("GET /accounts", s.business(s.accounts))
	s.mux.Handle("POST /login", s.business(s.login))
	s.mux.Handle("GET /session", s.business(s.session))
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("POST /admin/fail", s.fail)
	if !c.Legacy {
		s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
		s.mux.HandleFunc("GET /readyz", s.ready)
	}
	return s
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Served-By", s.config.Side())
	s.mux.ServeHTTP(w, r)
}

func (s *Service) meter() *prometheus.Registry {
	s.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Business requests by status code; probes and scrapes are not counted."}, []string{"code"})
	s.duration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time to answer a business request.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5}})
	s.connections = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "http_open_connections", Help: "Connections that clients hold open."})
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "app_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": s.config.Version, "side": s.config.Side()}}, func() float64 { return 1 })
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.requests, s.duration, s.connections, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// business counts and times a request, and lets it suffer the failures that are
// switched on. Only what fails is logged: the lab's load would fill a disk.
func (s *Service) business(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		broken, latency := s.breaker.next(start)
		if latency > 0 {
			sleep(r.Context(), latency)
		}
		if broken {
			s.log.Error("no connection left in the pool", "exception", "PoolExhausted", "path", r.URL.Path)
			http.Error(recorder, "no connection left in the pool", http.StatusInternalServerError)
		} else {
			next(recorder, r)
		}
		s.requests.WithLabelValues(strconv.Itoa(recorder.status)).Inc()
		s.duration.Observe(time.Since(start).Seconds())
	})
}

func (s *Service) about(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{
		"app": "royal-bank-api", "version": s.config.Version, "side": s.config.Side(), "instance": s.config.Instance})
}

func (s *Service) accounts(w http.ResponseWriter, r *http.Request) {
	type account struct {
		Number  string `json:"number"`
		Balance int    `json:"balance"` // in pence
	}
	customer := ""
	if cookie, err := r.Cookie(cookieName); err == nil {
		customer, _ = s.sessions.customer(cookie.Value)
	}
	answer(w, struct {
		Customer string    `json:"customer"` // empty without a session that is known here
		Accounts []account `json:"accounts"`
	}{customer, []account{{"AM-0001", 4200}, {"AM-0002", 1337}}})
}

// session answers 200 to whoever is signed in here.
func (s *Service) session(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(cookieName)
	if err == nil {
		if customer, found := s.sessions.customer(cookie.Value); found {
			answer(w, map[string]string{"customer": customer})
			return
		}
	}
	http.Error(w, "nobody is signed in", http.StatusUnauthorized)
}

func (s *Service) login(w http.ResponseWriter, r *http.Request) {
	customer := r.FormValue("customer")
	if !customerName.MatchString(customer) {
		http.Error(w, "customer must be a short lower-case name", http.StatusBadRequest)
		return
	}
	token, err := s.sessions.open(customer)
	if err != nil {
		s.log.Error("login failed", "error", err)
		http.Error(w, "login failed", http.StatusInternalServerError)
		return
	}
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.log.Info("login", "customer", customer, "client", client)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	answer(w, map[string]string{"customer": customer})
}

func (s *Service) ready(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	if s.database != nil && !s.config.BlindReady && !s.database.there.Load() {
		http.Error(w, "no database", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request) {
	faults, err := s.breaker.get().with(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.breaker.set(faults)
	s.log.Warn("failures switched", "rate", faults.Rate, "above", faults.Above, "latency", faults.Latency)
	answer(w, map[string]any{"rate": faults.Rate, "above": faults.Above, "latency": faults.Latency.String()})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
