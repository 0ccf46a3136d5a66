package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/probe"
)

func source(t *testing.T, settings ...string) *Source {
	t.Helper()
	c := migration.Connection{Name: "probes", Settings: map[string]string{}}
	for i := 0; i < len(settings); i += 2 {
		c.Settings[settings[i]] = settings[i+1]
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var all = migration.SideMetrics{Requests: requestsMetric, Errors: errorsMetric, Latency: latencyMetric, Vantage: "probe"}

func aimAt(addresses map[migration.Side][]string) Aim {
	return func(_ context.Context, side migration.Side) (Targets, error) {
		return Targets{Host: "shop.test", Addresses: addresses[side], Port: 443, Path: "/healthz"}, nil
	}
}

// Both sides are asked at the rate, address after address, until nobody looks any
// more; a later look begins again where it ended.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked [3]atomic.Int64
		s := source(t, "rate", "4")
		defer s.Close()
		s.Aim = aimAt(map[migration.Side][]string{migration.OldSide: {"0", "1"}, migration.NewSide: {"2"}})
		s.Ask = func(_ context.Context, host, address string, port int, path string) (int, time.Duration, error) {
			if host != "shop.test" || port != 443 || path != "/healthz" {
				t.Errorf("asked for %s, port %d, %s", host, port, path)
			}
			i, _ := strconv.Atoi(address)
			asked[i].Add(1)
			return 200, 30 * time.Millisecond, nil
		}
		m := migration.Metrics{Old: all, New: all}
		first := s.Sample(t.Context(), m, time.Now())
		if first.Missing != "" || len(first.Old) == 0 || len(first.New) != 1 {
			t.Fatalf("%+v", first)
		}
		for range 10 {
			time.Sleep(time.Second)
			s.Sample(t.Context(), m, time.Now())
		}
		synctest.Wait()
		if a, b, c := asked[0].Load(), asked[1].Load(), asked[2].Load(); a < 19 || a > 22 || b < 19 || b > 22 || c < 39 || c > 43 {
			t.Errorf("in ten seconds at 4 a second: %d, %d, %d", a, b, c)
		}
		b, err := s.Baseline(t.Context(), m, time.Now(), time.Minute)
		if err != nil || b.Requests < 38 || b.Errors != 0 || b.Vantage != "probe" {
			t.Errorf("%+v, %v", b, err)
		}
		time.Sleep(2 * idle)
		synctest.Wait()
		before := asked[2].Load()
		time.Sleep(time.Hour)
		if n := asked[2].Load() - before; n != 0 {
			t.Errorf("%d probes while nobody looks", n)
		}
		s.Sample(t.Context(), m, time.Now())
		time.Sleep(10 * time.Second)
		again := s.Sample(t.Context(), m, time.Now())
		for key, c := range again.New {
			if _, same := first.New[key]; !same || c.Requests < uint64(before) {
				t.Errorf("%s: %+v", key, c)
			}
		}
	})
}

// One address that hangs slows no other, and fails by its timeout.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, "rate", "5", "timeout", "3s")
		defer s.Close()
		s.Aim = aimAt(map[migration.Side][]string{migration.OldSide: {"old"}, migration.NewSide: {"hangs"}})
		s.Ask = func(ctx context.Context, _, address string, _ int, _ string) (int, time.Duration, error) {
			if address == "hangs" {
				<-ctx.Done()
				return 0, 3 * time.Second, ctx.Err()
			}
			return 200, time.Millisecond, nil
		}
		m := migration.Metrics{Old: all, New: all}
		m.New.Errors = errorsMetric + `{status="timeout"}`
		s.Sample(t.Context(), m, time.Now())
		time.Sleep(10 * time.Second)
		got := s.Sample(t.Context(), m, time.Now())
		for _, c := range got.New {
			if got.Missing != "" || c.Requests < 30 || c.Errors != c.Requests {
				t.Errorf("%+v", got)
			}
		}
		for _, c := range got.Old {
			if c.Requests < 45 || c.Errors != 0 {
				t.Errorf("%+v", got)
			}
		}
	})
}

// Whom to ask is looked up again; while that fails, those that were known are asked on.
func TestAimIsLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t)
		defer s.Close()
		type answer struct {
			addresses []string
			err       error
		}
		var known atomic.Pointer[answer]
		known.Store(&answer{})
		s.Aim = func(_ context.Context, side migration.Side) (Targets, error) {
			if side == migration.OldSide {
				return Targets{Addresses: []string{"vm"}}, nil
			}
			a := known.Load()
			return Targets{Addresses: a.addresses}, a.err
		}
		s.Ask = func(context.Context, string, string, int, string) (int, time.Duration, error) { return 200, 0, nil }
		m := migration.Metrics{Old: all, New: all}
		look := func() uint64 {
			t.Helper()
			got := s.Sample(t.Context(), m, time.Now())
			if got.Missing != "" {
				t.Fatal(got.Missing)
			}
			var n uint64
			for _, c := range got.New {
				n += c.Requests
			}
			return n
		}
		if n := look(); n != 0 {
			t.Errorf("%d probes of nobody", n)
		}
		known.Store(&answer{addresses: []string{"192.0.2.7"}})
		time.Sleep(aimEvery + time.Second)
		before := look()
		if before == 0 {
			t.Error("the new address was not asked")
		}
		known.Store(&answer{err: errors.New("the cluster does not answer")})
		time.Sleep(3 * aimEvery)
		if n := look(); n < before+100 {
			t.Errorf("%d probes, then %d", before, n)
		}
	})
}

// Against real servers, with the prober of the program.
func TestRule(t *testing.T) {
	mux := http.NewServeMux()
	status := func(path string, code int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "shop.test" {
				code = http.StatusMisdirectedRequest
			}
			w.WriteHeader(code)
		})
	}
	status("/ok", 204)
	status("/broken", 503)
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	plain, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate()) // it is for example.com
	inTheClear, overTLS := &probe.Prober{Timeout: 300 * time.Millisecond}, &probe.Prober{Timeout: 5 * time.Second, TLS: &tls.Config{RootCAs: trusted}}
	for _, c := range []struct {
		name, host, path string
		server           *httptest.Server
		prober           *probe.Prober
		fine             string
		want             string // the kind of error, or ""
	}{
		{"a whole answer", "shop.test", "/ok", plain, inTheClear, "2xx", ""},
		{"a status that is not fine", "shop.test", "/ok", plain, inTheClear, "200,3xx", "204"},
		{"an error of the server", "shop.test", "/broken", plain, inTheClear, "2xx", "503"},
		{"not found", "shop.test", "/nowhere", plain, inTheClear, "2xx", "404"},
		{"a redirect", "shop.test", "/away", plain, inTheClear, "2xx", "302"},
		{"a redirect that is fine", "shop.test", "/away", plain, inTheClear, "2xx,302", ""},
		{"half an answer", "shop.test", "/short", plain, inTheClear, "2xx", "broken"},
		{"no answer in time", "shop.test", "/slow", plain, inTheClear, "2xx", "timeout"},
		{"TLS in the clear", "shop.test", "/ok", secure, inTheClear, "2xx", "400"},
		{"over TLS", "example.com", "/ok", secure, overTLS, "2xx,421", ""},
		{"a certificate of somebody else", "shop.test", "/ok", secure, overTLS, "2xx", "tls"},
		{"TLS where there is none", "shop.test", "/ok", plain, overTLS, "2xx", "tls"},
		{"nobody listens", "shop.test", "/ok", nil, inTheClear, "2xx", "connect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := closedPort(t)
			if c.server != nil {
				u, _ := url.Parse(c.server.URL)
				port, _ = strconv.Atoi(u.Port())
			}
			s := source(t, "fine", c.fine)
			status, took, err := c.prober.Ask(t.Context(), c.host, "127.0.0.1", port, c.path)
			s.take(migration.NewSide, "127.0.0.1", status, took, err)
			tally := s.tallies[migration.NewSide]["127.0.0.1"]
			if tally.requests != 1 || tally.failed[c.want] != 1 && c.want != "" || len(tally.failed) != min(len(c.want), 1) {
				t.Errorf("HTTP %d, %v: %+v, want %q", status, err, tally.failed, c.want)
			}
			if took <= 0 {
				t.Errorf("took %s", took)
			}
		})
	}
}

func closedPort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A p99 that is a fifth above another has an edge between them, whatever it is.
func TestEdgesAreFine(t *testing.T) {
	for i, le := range fineEdges[:len(fineEdges)-2] {
		if next := fineEdges[i+1]; next <= le || next > le*1.12 {
			t.Errorf("%v is followed by %v", le, next)
		}
	}
	if n := len(fineEdges); n > 120 {
		t.Errorf("%d edges", n)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"rate", "0", "above 0 and up to 100"}, {"rate", "101", "above 0 and up to 100"}, {"rate", "NaN", "above 0 and up to 100"},
		{"path", "healthz", "begin it with /"}, {"scheme", "ftp", "want http or https"}, {"fine", "2xx,OK", "setting fine"},
		{"fine", "600", "setting fine"}, {"timeout", "soon", "setting timeout"}, {"interval", "1s", `unknown setting "interval"`},
	} {
		if _, err := New(migration.Connection{Name: "probes", Settings: map[string]string{c.key: c.value}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.key, c.value, err, c.want)
		}
	}
	s := source(t, "scheme", "https", "caFile", "/etc/ca.pem", "timeout", "1s")
	if secure, ca := s.Secure(); !secure || ca != "/etc/ca.pem" || s.Timeout() != time.Second {
		t.Errorf("%v, %s, %s", secure, ca, s.Timeout())
	}
	got := source(t)
	got.closed = true
	sample := got.Sample(t.Context(), migration.Metrics{Old: migration.SideMetrics{Requests: "http_requests_total", Errors: errorsMetric}, New: all}, time.Now())
	if !strings.Contains(sample.Missing, "old side: requests http_requests_total: there is no http_requests_total: probes count probe_requests_total") {
		t.Error(sample.Missing)
	}
}
