package bank

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

func serve(t *testing.T, c Config) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(New(c, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	return server
}

func putRight() Config { return Config{Version: "1.0.1", Instance: "pod-a", APIKey: "k"} }

func legacyConfig(t *testing.T) Config {
	return Config{Legacy: true, Version: "0.9.4", Instance: "vm", APIKey: "k", SessionDir: t.TempDir()}
}

func get(t *testing.T, client *http.Client, url string) (status int, body string, header http.Header) {
	t.Helper()
	reply, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text), reply.Header
}

func TestEachAnswerSaysWhoGaveIt(t *testing.T) {
	for side, c := range map[string]Config{"vm": legacyConfig(t), "kubernetes": putRight()} {
		server := serve(t, c)
		status, body, header := get(t, server.Client(), server.URL)
		var about map[string]string
		if err := json.Unmarshal([]byte(body), &about); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", side, status, body)
		}
		if about["side"] != side || header.Get("X-Served-By") != side || about["version"] != c.Version || about["instance"] != c.Instance {
			t.Errorf("%s says %v, X-Served-By %q", side, about, header.Get("X-Served-By"))
		}
		if _, _, header := get(t, server.Client(), server.URL+"/none"); header.Get("X-Served-By") != side {
			t.Errorf("%s: a 404 does not say who gave it", side)
		}
	}
}

func TestHealthIsWhatPuttingRightAdds(t *testing.T) {
	for _, path := range []string{"/healthz", "/readyz"} {
		server := serve(t, putRight())
		if status, _, _ := get(t, server.Client(), server.URL+path); status != http.StatusOK {
			t.Errorf("put right, %s answers %d", path, status)
		}
		server = serve(t, legacyConfig(t))
		if status, _, _ := get(t, server.Client(), server.URL+path); status != http.StatusNotFound {
			t.Errorf("legacy, %s answers %d", path, status)
		}
	}
}

// login returns the customer that the second replica knows a session of the first by.
func login(t *testing.T, first, second *httptest.Server) string {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	reply, err := client.PostForm(first.URL+"/login", url.Values{"customer": {"vimes"}})
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("login: %v, %v", reply, err)
	}
	reply.Body.Close()
	_, body, _ := get(t, client, second.URL+"/accounts") // the jar knows hosts, not ports
	var accounts struct{ Customer string }
	if err := json.Unmarshal([]byte(body), &accounts); err != nil {
		t.Fatal(err)
	}
	return accounts.Customer
}

func TestSessions(t *testing.T) {
	c := legacyConfig(t)
	vm := serve(t, c)
	if got := login(t, vm, vm); got != "vimes" {
		t.Errorf("the machine knows its session as %q", got)
	}
	if files, _ := os.ReadDir(c.SessionDir); len(files) != 1 || !strings.HasPrefix(files[0].Name(), "sess_") {
		t.Errorf("session files: %v", files)
	}
	if got := login(t, vm, serve(t, legacyConfig(t))); got != "" {
		t.Errorf("another machine knows the session as %q", got)
	}
	if got := login(t, serve(t, putRight()), serve(t, putRight())); got != "vimes" {
		t.Errorf("another pod knows the session as %q", got)
	}
}

func TestForgedSessionsAreNotKnown(t *testing.T) {
	file := fileSessions{dir: t.TempDir()}
	for _, token := range []string{"", ".", "../../etc/passwd", "/etc/passwd", "sess"} {
		if name, found := file.customer(token); found {
			t.Errorf("file session %q is %q", token, name)
		}
	}
	good, _ := signedSessions{"k"}.open("vimes")
	other, _ := signedSessions{"other key"}.open("vimes")
	for _, token := range []string{"", "vimes", "vimes.", "rust" + strings.TrimPrefix(good, "vimes"), other} {
		if name, found := (signedSessions{"k"}).customer(token); found {
			t.Errorf("signed session %q is %q", token, name)
		}
	}
}

func TestLoginRefusesOddNames(t *testing.T) {
	server := serve(t, putRight())
	for _, name := range []string{"", "../x", "a.b", "Vimes", strings.Repeat("a", 40)} {
		reply, err := http.PostForm(server.URL+"/login", url.Values{"customer": {name}})
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", name, reply.Status)
		}
	}
}

func TestFailuresHitBusinessOnlyAndAreMeasured(t *testing.T) {
	server := serve(t, putRight())
	for range 3 {
		get(t, server.Client(), server.URL)
	}
	reply, err := http.Post(server.URL+"/admin/fail?rate=1&latency=6ms", "", nil)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("switch failures: %v, %v", reply, err)
	}
	reply.Body.Close()
	for _, path := range []string{"/", "/accounts"} {
		if status, _, _ := get(t, server.Client(), server.URL+path); status != http.StatusInternalServerError {
			t.Errorf("%s answers %d", path, status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _, _ := get(t, server.Client(), server.URL+path); status != http.StatusOK {
			t.Errorf("%s answers %d", path, status)
		}
	}
	_, metrics, _ := get(t, server.Client(), server.URL+"/metrics")
	for _, line := range []string{
		`http_requests_total{code="200"} 3`, `http_requests_total{code="500"} 2`,
		`http_request_duration_seconds_count 5`, `http_request_duration_seconds_bucket{le="0.005"} 3`,
		`http_request_duration_seconds_bucket{le="2.5"} 5`, `app_info{side="kubernetes",version="1.0.1"} 1`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s in the metrics", line)
		}
	}
	reply, err = http.Post(server.URL+"/admin/fail?rate=7", "", nil)
	if err != nil || reply.StatusCode != http.StatusBadRequest {
		t.Errorf("a rate of 7: %v, %v", reply, err)
	}
}
