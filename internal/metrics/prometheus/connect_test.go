package prometheus_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

const secret = "s3cr3t-hunter2"

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsThatAreRefused(t *testing.T) {
	token := file(t, secret+"\n")
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     string
	}{
		{"nothing", nil, "setting url is missing"},
		{"unknown", map[string]string{"url": "http://prometheus:9090", "adress": "x"}, `unknown setting "adress"; known are url, timeout`},
		{"no scheme", map[string]string{"url": "prometheus:9090"}, "want http:// or https:// and a host"},
		{"no host", map[string]string{"url": "https:///x"}, "want http:// or https:// and a host"},
		{"another scheme", map[string]string{"url": "ftp://prometheus"}, "want http:// or https:// and a host"},
		{"not a URL", map[string]string{"url": "http://u:" + secret + "@[::1"}, "setting url is not a URL"},
		{"credentials", map[string]string{"url": "http://u:" + secret + "@prometheus"}, "name their files"},
		{"a query", map[string]string{"url": "http://prometheus/?token=" + secret}, "without a query"},
		{"the API's address", map[string]string{"url": "http://prometheus/api/v1/"}, "without /api/v1"},
		{"bad timeout", map[string]string{"url": "http://prometheus", "timeout": "10"}, `setting timeout "10": want a duration above zero, such as 10s`},
		{"no timeout", map[string]string{"url": "http://prometheus", "timeout": "0s"}, "setting timeout"},
		{"bad interval", map[string]string{"url": "http://prometheus", "scrapeInterval": "-1s"}, "setting scrapeInterval"},
		{"no token file", map[string]string{"url": "http://prometheus", "bearerTokenFile": "/does/not/exist"}, "setting bearerTokenFile: open /does/not/exist"},
		{"empty token", map[string]string{"url": "http://prometheus", "bearerTokenFile": file(t, "\n")}, "must hold one line"},
		{"two tokens", map[string]string{"url": "http://prometheus", "bearerTokenFile": file(t, secret+"\nx")}, "must hold one line"},
		{"token and user", map[string]string{"url": "http://prometheus", "bearerTokenFile": token, "username": "u", "passwordFile": token}, "exclude each other"},
		{"user alone", map[string]string{"url": "http://prometheus", "username": "u"}, "go together"},
		{"no authority", map[string]string{"url": "https://prometheus", "caFile": token}, "no PEM certificate"},
		{"certificate alone", map[string]string{"url": "https://prometheus", "certFile": token}, "go together"},
		{"no certificate", map[string]string{"url": "https://prometheus", "certFile": token, "keyFile": token}, "settings certFile and keyFile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := prometheus.New(migration.Connection{Name: "main", Settings: c.settings})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `metrics source "main": `) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestCredentialsAreSentAndReadAgain(t *testing.T) {
	var seen string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		w.Write([]byte(matrix()))
	}))
	defer s.Close()
	path := file(t, "first\n")
	bearer := open(t, "url", s.URL, "bearerTokenFile", path)
	onlyNew := migration.Metrics{New: selectors.New}
	bearer.Sample(t.Context(), onlyNew, noon)
	if seen != "Bearer first" {
		t.Errorf("sent %q", seen)
	}
	if err := os.WriteFile(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	bearer.Sample(t.Context(), onlyNew, noon)
	if seen != "Bearer second" {
		t.Errorf("after the token was rotated: sent %q", seen)
	}
	os.Remove(path)
	if got := bearer.Sample(t.Context(), onlyNew, noon).Missing; !strings.Contains(got, "setting bearerTokenFile") {
		t.Errorf("after the token was removed: %q", got)
	}
	open(t, "url", s.URL, "username", "u", "passwordFile", file(t, secret)).Sample(t.Context(), onlyNew, noon)
	if !strings.HasPrefix(seen, "Basic ") {
		t.Errorf("sent %q", seen)
	}
}

func TestARefusalIsExplained(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized:        "check bearerTokenFile",
		http.StatusForbidden:           "check bearerTokenFile",
		http.StatusNotFound:            "the base address of a Prometheus?",
		http.StatusInternalServerError: "server error: 500",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "<html>"+r.Header.Get("Authorization"), status)
		}))
		got := open(t, "url", s.URL, "bearerTokenFile", file(t, secret)).Sample(t.Context(), selectors, noon).Missing
		s.Close()
		if !strings.Contains(got, want) || strings.Contains(got, secret) || strings.Contains(got, "html") {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked, with %q", r.Header.Get("Authorization"))
	}))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	got := open(t, "url", s.URL, "bearerTokenFile", file(t, secret)).Sample(t.Context(), selectors, noon).Missing
	if !strings.Contains(got, "307") {
		t.Errorf("%s", got)
	}
}

func TestOnlyTheNamedAuthorityIsTrusted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(matrix(healthy["old_requests"])))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	m := selectors
	if got := open(t, "url", s.URL, "caFile", ca).Sample(t.Context(), m, noon); got.Missing != "" {
		t.Errorf("with its authority: %s", got.Missing)
	}
	if got := open(t, "url", s.URL).Sample(t.Context(), m, noon).Missing; !strings.Contains(got, "certificate") {
		t.Errorf("without: %q", got)
	}
}
