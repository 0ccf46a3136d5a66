package probe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/probe"
)

var _ engine.Loader = probe.Loader{}

// balancer answers as answer says, and keeps what it was asked.
func balancer(t *testing.T, answer http.HandlerFunc) (int, *[]string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Host+r.URL.Path)
		mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port, &asked
}

// quick waits for little.
var quick = probe.Loader{Travel: 100 * time.Millisecond}

func entry(port int) migration.OldEntry {
	return migration.OldEntry{Addresses: []string{"127.0.0.1"}, Port: port, ProbePath: "/healthz"}
}

func TestLoadAsksByTheProductionName(t *testing.T) {
	port, asked := balancer(t, func(http.ResponseWriter, *http.Request) {})
	res, err := quick.Load(t.Context(), "bank.golemtrust.am.", []string{"127.0.0.1", "127.0.0.1"}, port, 40, 500*time.Millisecond, entry(port))
	if err != nil || res.Requests == 0 || res.Requests > 20 || res.Failed != 0 || res.Rate != 40 || len(res.Addresses) != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	if slices.ContainsFunc(*asked, func(a string) bool { return a != "bank.golemtrust.am/healthz" }) || len(*asked) == 0 {
		t.Errorf("asked for %q", slices.Compact(*asked))
	}
}

// TestLoadWaitsForTheTurn: a balancer that still answers from the new side when the
// load could begin is given the time to turn.
func TestLoadWaitsForTheTurn(t *testing.T) {
	old, _ := balancer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	var mu sync.Mutex
	before := 3
	port, _ := balancer(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if before--; before < 0 {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	res, err := quick.Load(t.Context(), "bank", []string{"127.0.0.1"}, port, 40, 500*time.Millisecond, entry(old))
	if err != nil || res.Failed != 0 || res.Requests == 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestLoadThatFailsIsNotValid(t *testing.T) {
	port, _ := balancer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	old, _ := balancer(t, func(http.ResponseWriter, *http.Request) {})
	res, err := quick.Load(t.Context(), "bank", []string{"127.0.0.1"}, port, 40, 500*time.Millisecond, entry(old))
	if err != nil || res.Valid || res.Failed != res.Requests || !strings.Contains(res.Why, "403") {
		t.Errorf("%+v, %v", res, err)
	}
	if text := res.Text(); !strings.Contains(text, " failed: ") || !strings.Contains(text, "403") {
		t.Errorf("told as %q", text)
	}
}

// TestLoadIsMeasuredByTheOldEntry: what the old side answers itself is well, whatever
// it is; that it does not answer is no result.
func TestLoadIsMeasuredByTheOldEntry(t *testing.T) {
	port, _ := balancer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	res, err := quick.Load(t.Context(), "bank", []string{"127.0.0.1"}, port, 40, 500*time.Millisecond, entry(port))
	if err != nil || res.Failed != 0 || res.Requests == 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := quick.Load(t.Context(), "bank", []string{"127.0.0.1"}, port, 40, time.Second, entry(1)); err == nil {
		t.Error("the old entry does not answer, and the load has a result")
	}
}

func TestLoadThatCannotBegin(t *testing.T) {
	if _, err := quick.Load(t.Context(), "bank", nil, 80, 40, time.Second, entry(80)); err == nil {
		t.Error("a load on no address has a result")
	}
	port, _ := balancer(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := quick.Load(t.Context(), "bank", []string{"127.0.0.1"}, port, 0, time.Second, entry(port)); err == nil {
		t.Error("a load at no rate has a result")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := quick.Load(ctx, "bank", []string{"127.0.0.1"}, port, 40, time.Second, entry(port)); err == nil {
		t.Error("a load that was ended has a result")
	}
}
