// Package grafanatest answers as Grafana's HTTP API does, by its public documentation,
// where no Grafana can be had: dashboards and library panels by uid, data sources, and
// the proxy to a Prometheus, which may be a real one.
//
// It must not know who asks it.
package grafanatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Server is a Grafana with one service account.
type Server struct {
	*httptest.Server
	token string

	mu         sync.Mutex
	dashboards map[string]string
	libraries  map[string]string
	sources    []source
	refused    map[string]int // path to status
}

type source struct {
	UID       string `json:"uid"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	IsDefault bool   `json:"isDefault"`
	url       string
}

// Start serves under the sub-path /grafana, to whoever has the token.
func Start(t testing.TB, token string) *Server {
	s := &Server{token: token, dashboards: map[string]string{}, libraries: map[string]string{}, refused: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /grafana/api/dashboards/uid/{uid}", func(w http.ResponseWriter, r *http.Request) {
		s.known(w, s.dashboards, r.PathValue("uid"), `{"dashboard":%s,"meta":{"folderTitle":"Shops"}}`, "Dashboard not found")
	})
	mux.HandleFunc("GET /grafana/api/library-elements/{uid}", func(w http.ResponseWriter, r *http.Request) {
		s.known(w, s.libraries, r.PathValue("uid"), `{"result":{"model":%s}}`, "library element could not be found")
	})
	mux.HandleFunc("GET /grafana/api/datasources", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s.sources) })
	mux.HandleFunc("GET /grafana/api/datasources/name/{name}", s.byName)
	mux.HandleFunc("/grafana/api/datasources/proxy/uid/{uid}/{path...}", s.proxy)
	mux.HandleFunc("/grafana/{path...}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/grafana/login", http.StatusFound)
	})
	s.Server = httptest.NewServer(s.allowed(mux))
	t.Cleanup(s.Close)
	return s
}

// Address is what a connection names.
func (s *Server) Address() string { return s.URL + "/grafana/" }

// Dashboard keeps a dashboard, in JSON.
func (s *Server) Dashboard(uid, text string) { s.keep(func() { s.dashboards[uid] = text }) }

// Library keeps a library panel, in JSON.
func (s *Server) Library(uid, text string) { s.keep(func() { s.libraries[uid] = text }) }

// Source adds a data source behind which something answers at the address.
func (s *Server) Source(uid, name, kind, address string, isDefault bool) {
	s.keep(func() { s.sources = append(s.sources, source{uid, name, kind, isDefault, address}) })
}

// Refuse answers a path below /grafana with a status from now on.
func (s *Server) Refuse(path string, status int) { s.keep(func() { s.refused[path] = status }) }

func (s *Server) keep(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *Server) allowed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		status := s.refused[strings.TrimPrefix(r.URL.Path, "/grafana")]
		s.mu.Unlock()
		api := strings.HasPrefix(r.URL.Path, "/grafana/api/")
		switch {
		case api && r.Header.Get("Authorization") != "Bearer "+s.token:
			say(w, http.StatusUnauthorized, "Invalid API key")
		case status == http.StatusForbidden:
			say(w, status, "You'll need additional permissions to perform this action. Permissions needed: dashboards:read")
		case status != 0:
			say(w, status, http.StatusText(status))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (s *Server) known(w http.ResponseWriter, all map[string]string, uid, format, missing string) {
	s.mu.Lock()
	text, found := all[uid]
	s.mu.Unlock()
	if !found {
		say(w, http.StatusNotFound, missing)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	fmt.Fprintf(w, format, text)
}

func (s *Server) byName(w http.ResponseWriter, r *http.Request) {
	for _, one := range s.sources {
		if one.Name == r.PathValue("name") {
			_ = json.NewEncoder(w).Encode(one)
			return
		}
	}
	say(w, http.StatusNotFound, "Data source not found")
}

// proxy lets GET through, and POST where Grafana's Prometheus plugin lists its route.
func (s *Server) proxy(w http.ResponseWriter, r *http.Request) {
	for _, one := range s.sources {
		if one.UID != r.PathValue("uid") {
			continue
		}
		path := r.PathValue("path")
		if r.Method != http.MethodGet && path != "api/v1/query" && path != "api/v1/query_range" {
			say(w, http.StatusForbidden, "non allow-listed POSTs not allowed on proxied Prometheus datasource")
			return
		}
		to, _ := url.Parse(one.url)
		(&httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(to)
				p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimRight(to.Path, "/")+"/"+path, ""
				p.Out.Header.Del("Authorization")
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}).ServeHTTP(w, r)
		return
	}
	say(w, http.StatusNotFound, "Unable to find datasource")
}
