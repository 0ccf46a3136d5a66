package load_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
)

const canary = "c4nary-s3cret"

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// attempt makes a load again where the machine was too busy for its rate.
func attempt(t *testing.T, o load.Options, before func()) inventory.Load {
	t.Helper()
	for range 10 {
		before()
		l, err := load.Attack(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(l.Why, "were reached") {
			return l
		}
	}
	t.Fatal("the rate was never reached")
	return inventory.Load{}
}

func TestAFastServerIsLoadedAtTheRate(t *testing.T) {
	var asked atomic.Int64
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("X-Tenant") != "gold" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte("hello"))
	})
	var said atomic.Uint64
	l := attempt(t, load.Options{
		URL: base + "/a?token=" + canary, Rate: 200, For: time.Second, Header: http.Header{"X-Tenant": {"gold"}},
		Say: func(done, total uint64) {
			if total != 200 {
				t.Errorf("%d of %d", done, total)
			}
			said.Store(done)
		},
	}, func() { asked.Store(0) })
	if !l.Valid || l.Why != "" || l.Errors != 0 {
		t.Fatalf("%+v", l)
	}
	if l.Requests < 196 || l.Requests > 200 || asked.Load() != int64(l.Requests) || said.Load() == 0 || l.Latency.N != int(l.Requests) {
		t.Errorf("%d made, %d asked, %d said, %d timed: want 200", l.Requests, asked.Load(), said.Load(), l.Latency.N)
	}
	q := l.Latency
	if !(q.P50 > 0 && q.P50 <= q.P95 && q.P95 <= q.P99 && q.P99 <= q.Max+q.Max/500) {
		t.Errorf("quantiles %+v", q)
	}
	if l.URL != base+"/a" || l.Rate != 200 || l.Achieved < 196 || l.For != time.Second {
		t.Errorf("%+v", l)
	}
}

func TestASlowServerMakesTheLoadInvalid(t *testing.T) {
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	})
	l, err := load.Attack(t.Context(), load.Options{URL: base, Rate: 400, For: time.Second, MaxWorkers: 4})
	if err != nil || l.Valid || l.Achieved > 100 || !strings.Contains(l.Why, "of 400 requests per second") || !strings.Contains(l.Why, "at most 4 at once") {
		t.Errorf("%+v, %v", l, err)
	}
	if l.Latency.P50 < 100_000 {
		t.Errorf("p50 %d µs of answers that take a tenth of a second", l.Latency.P50)
	}
}

func TestErrorsMakeTheLoadInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		every int64
		valid bool
	}{"one of four": {4, false}, "one of two hundred": {200, true}} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1)%c.every == 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			l := attempt(t, load.Options{URL: base, Rate: 400, For: time.Second}, func() { n.Store(0) })
			if l.Valid != c.valid || l.Errors != l.Requests/uint64(c.every) {
				t.Errorf("%+v", l)
			}
			if !c.valid && !strings.Contains(l.Why, "503") {
				t.Errorf("why: %s", l.Why)
			}
		})
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
	if l := attempt(t, load.Options{URL: base, Rate: 10, For: 500 * time.Millisecond}, func() {}); !l.Valid || l.Requests != 5 {
		t.Errorf("%+v", l)
	}
}

func TestNobodyThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	l, err := load.Attack(t.Context(), load.Options{
		URL: strings.Replace(s.URL, "http://", "http://me:"+canary+"@", 1) + "/?k=" + canary, Rate: 50, For: 100 * time.Millisecond,
	})
	if err != nil || l.Valid || l.Errors == 0 || !strings.Contains(l.Why, "refused") {
		t.Errorf("%+v, %v", l, err)
	}
	if strings.Contains(l.Why+l.URL, canary) || strings.Contains(l.URL, "me") {
		t.Errorf("a secret in %+v", l)
	}
}

func TestACancelledLoadIsInvalidAndEndsItsRequests(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var once atomic.Bool
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if once.CompareAndSwap(false, true) {
			cancel()
		}
		<-r.Context().Done()
	})
	l, err := load.Attack(ctx, load.Options{URL: base, Rate: 10, For: time.Hour})
	if err != nil || l.Valid || !strings.Contains(l.Why, "ended after") {
		t.Errorf("%+v, %v", l, err)
	}
	done, err := load.Attack(ctx, load.Options{URL: base, Rate: 0.001, For: time.Hour})
	if err != nil || done.Valid {
		t.Errorf("begun after its end: %+v, %v", done, err)
	}
}

func TestWrongOptionsAreErrors(t *testing.T) {
	good := load.Options{URL: "http://127.0.0.1:1/", Rate: 1, For: time.Second}
	for word, spoil := range map[string]func(*load.Options){
		"URL":      func(o *load.Options) { o.URL = "127.0.0.1:80/" + canary },
		"the URL":  func(o *load.Options) { o.URL = "ftp://host/" + canary },
		"a host":   func(o *load.Options) { o.URL = "http:///" + canary },
		"http://":  func(o *load.Options) { o.URL = "http://a b:" + canary + "@host/%zz" },
		"rate of":  func(o *load.Options) { o.Rate = 0 },
		"a rate":   func(o *load.Options) { o.Rate = 1e9 },
		"time":     func(o *load.Options) { o.For = 0 },
		"more":     func(o *load.Options) { o.Rate, o.For = 100_000, time.Hour },
		"workers":  func(o *load.Options) { o.MaxWorkers = -1 },
		"requests": func(o *load.Options) { o.Rate = -5 },
	} {
		o := good
		spoil(&o)
		if _, err := load.Attack(t.Context(), o); err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
