package netfail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// What a client of HTTP really says.
func TestWhy(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	stay := make(chan struct{})
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stay }))
	defer deaf.Close()
	defer close(stay)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for name, c := range map[string]struct {
		url                 string
		untrusted, timedOut bool
	}{
		"a certificate of nobody": {secure.URL, true, false},
		"no TLS":                  {"https" + plain.URL[len("http"):], false, false},
		"no answer":               {deaf.URL, false, true},
		"no server":               {"http://" + gone.Addr().String(), false, false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		cancel()
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s: an answer", name)
		}
		err = fmt.Errorf("ask: %w", err)
		if Untrusted(err) != c.untrusted || TimedOut(err) != c.timedOut {
			t.Errorf("%s: untrusted %t, timed out %t: %v", name, Untrusted(err), TimedOut(err), err)
		}
	}
	if err := errors.New("quite another"); Untrusted(err) || TimedOut(err) {
		t.Error("any error will do")
	}
}
