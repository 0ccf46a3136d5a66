package probe_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/probe"
)

var _ engine.Prober = (*probe.Prober)(nil)

// port is the one at which all servers of a test listen, each at its own
// loopback address.
func serve(t *testing.T, address string, h http.Handler) int {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().(*net.TCPAddr).Port
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

func do(t *testing.T, p *probe.Prober, addresses []string, port int) migration.ProbeFacts {
	t.Helper()
	f, err := p.Probe(t.Context(), migration.OldSide, "bank.golemtrust.am.", addresses, port, "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStatus(t *testing.T) {
	for code, ok := range map[int]bool{200: true, 204: true, 302: true, 404: true, 499: true, 500: false, 502: false, 503: false} {
		port := serve(t, "127.0.0.1:0", status(code))
		f := do(t, &probe.Prober{}, []string{"127.0.0.1"}, port)
		if f.OK != ok || f.Side != migration.OldSide || f.Latency <= 0 || !strings.Contains(f.Detail, "HTTP ") {
			t.Errorf("HTTP %d: %+v", code, f)
		}
	}
}

func TestEveryAddressMustAnswer(t *testing.T) {
	port := serve(t, "127.0.0.1:0", status(200))
	f := do(t, &probe.Prober{}, []string{"127.0.0.1", "127.0.0.2"}, port)
	if f.OK || !strings.Contains(f.Detail, "127.0.0.2") || strings.Contains(f.Detail, "127.0.0.1:") {
		t.Errorf("one of two is down: %+v", f)
	}
}

func TestAsksAsAClientDoes(t *testing.T) {
	var got atomic.Pointer[http.Request]
	port := serve(t, "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r) }))
	if _, err := (&probe.Prober{}).Probe(t.Context(), migration.NewSide, "bank.golemtrust.am.", []string{"127.0.0.1"}, port, "/ready?deep=1"); err != nil {
		t.Fatal(err)
	}
	if r := got.Load(); r.Host != "bank.golemtrust.am" || r.URL.RequestURI() != "/ready?deep=1" || r.Method != http.MethodGet {
		t.Errorf("asked %s %s of %s", r.Method, r.URL.RequestURI(), r.Host)
	}
}

// A connection that is kept would go on reaching a server that new clients no
// longer reach; and thousands of looks must not leave thousands behind.
func TestFreshConnections(t *testing.T) {
	opened, closed := make(chan struct{}, 10), make(chan struct{}, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: status(200), ConnState: func(_ net.Conn, st http.ConnState) {
		switch st {
		case http.StateNew:
			opened <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	p := &probe.Prober{}
	for range 3 {
		do(t, p, []string{"127.0.0.1"}, l.Addr().(*net.TCPAddr).Port)
	}
	for i := range 3 {
		select {
		case <-closed:
		case <-time.After(5 * time.Second):
			t.Fatalf("%d of three connections were closed", i)
		}
	}
	if n := len(opened); n != 3 {
		t.Errorf("%d connections for three probes", n)
	}
}

func TestSilence(t *testing.T) {
	release := make(chan struct{})
	port := serve(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("half"))
			http.NewResponseController(w).Flush()
		}
		<-release
	}))
	t.Cleanup(func() { close(release) })
	p := &probe.Prober{Timeout: 50 * time.Millisecond}
	for _, path := range []string{"/mute", "/half"} {
		f, err := p.Probe(t.Context(), migration.OldSide, "bank", []string{"127.0.0.1"}, port, path)
		if err != nil || f.OK || !strings.Contains(f.Detail, "deadline exceeded") {
			t.Errorf("%s: %+v, %v; want not OK after the timeout", path, f, err)
		}
	}
}

// Nothing known is not the same as not well.
func TestUnknown(t *testing.T) {
	p := &probe.Prober{}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	port := serve(t, "127.0.0.1:0", status(200))
	tests := map[string]struct {
		ctx       context.Context
		addresses []string
		path      string
	}{
		"no address":          {t.Context(), nil, "/"},
		"the context's end":   {ended, []string{"127.0.0.1"}, "/"},
		"a path that is none": {t.Context(), []string{"127.0.0.1"}, "http://elsewhere/"},
		"a relative path":     {t.Context(), []string{"127.0.0.1"}, "readyz"},
	}
	for name, tt := range tests {
		if f, err := p.Probe(tt.ctx, migration.OldSide, "bank", tt.addresses, port, tt.path); err == nil {
			t.Errorf("%s: %+v without an error", name, f)
		}
	}
	if f, err := p.Probe(t.Context(), migration.OldSide, "bank", []string{"127.0.0.1"}, port, ""); err != nil || !f.OK {
		t.Errorf("no path: %+v, %v; want / asked", f, err)
	}
}

func TestIPv6(t *testing.T) {
	port := serve(t, "[::1]:0", status(200))
	if f := do(t, &probe.Prober{}, []string{"::1"}, port); !f.OK {
		t.Errorf("%+v", f)
	}
}
