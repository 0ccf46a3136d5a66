package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/smoke"
)

var _ engine.Smoker = (*smoke.Runner)(nil)

func bank(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ready to serve") })
	mux.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host, " ", r.URL.RawQuery) })
	mux.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/readyz", http.StatusFound) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "password=hunter2", 500) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func run(t *testing.T, s migration.Smoke, url, host string) migration.SmokeResult {
	t.Helper()
	r := smoke.Runner{CheckTimeout: 200 * time.Millisecond, CommandTimeout: 10 * time.Second}
	res, err := r.Smoke(t.Context(), s, migration.ViaPortForward, url, host)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestChecks(t *testing.T) {
	url := bank(t)
	tests := map[string]struct {
		check migration.HTTPCheck
		fault string // "" passes
	}{
		"status given":       {migration.HTTPCheck{Path: "/readyz", Status: 200}, ""},
		"status by default":  {migration.HTTPCheck{Path: "/readyz"}, ""},
		"text":               {migration.HTTPCheck{Path: "/readyz", Contains: "ready"}, ""},
		"missing text":       {migration.HTTPCheck{Path: "/readyz", Contains: "steady"}, `does not contain "steady"`},
		"wrong status":       {migration.HTTPCheck{Path: "/nowhere"}, "HTTP 404, want 200"},
		"wanted 404":         {migration.HTTPCheck{Path: "/nowhere", Status: 404}, ""},
		"redirect is itself": {migration.HTTPCheck{Path: "/old", Status: 302}, ""},
		"redirect is no 200": {migration.HTTPCheck{Path: "/old"}, "HTTP 302, want 200"},
		"host and query":     {migration.HTTPCheck{Path: "/host?a=b", Contains: "bank.golemtrust.am a=b"}, ""},
		"no answer":          {migration.HTTPCheck{Path: "/slow"}, "deadline exceeded"},
		"server error":       {migration.HTTPCheck{Path: "/broken"}, "HTTP 500, want 200"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.check.Name = "the check"
			res := run(t, migration.Smoke{Checks: []migration.HTTPCheck{tt.check}}, url, "bank.golemtrust.am.")
			if res.Ran != 1 || res.Via != migration.ViaPortForward || !slices.Equal(res.Names, []string{"the check"}) {
				t.Errorf("result %+v", res)
			}
			if (res.Failed == 0) != (tt.fault == "") {
				t.Fatalf("result %+v, want fault %q", res, tt.fault)
			}
			if tt.fault != "" && !strings.Contains(res.Detail[0], tt.fault) {
				t.Errorf("detail %q, want %q", res.Detail, tt.fault)
			}
			if strings.Contains(fmt.Sprint(res), "hunter2") {
				t.Errorf("the body is in the result: %+v", res)
			}
		})
	}
}

func TestNothingDeclaredRunsNothing(t *testing.T) {
	if res := run(t, migration.Smoke{}, bank(t), ""); res.Ran != 0 || res.Failed != 0 {
		t.Errorf("result %+v", res)
	}
}

func TestAllFailuresAreSeen(t *testing.T) {
	res := run(t, migration.Smoke{
		Checks:  []migration.HTTPCheck{{Name: "a", Path: "/a"}, {Name: "b", Path: "/readyz"}, {Name: "c", Path: "/c"}},
		Command: []string{"false"},
	}, bank(t), "")
	if res.Ran != 4 || res.Failed != 3 || len(res.Detail) != 3 {
		t.Errorf("result %+v", res)
	}
}

func TestServiceDown(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	res := run(t, migration.Smoke{Checks: []migration.HTTPCheck{{Path: "/readyz"}}}, s.URL, "")
	if res.Failed != 1 || !strings.Contains(res.Detail[0], "refused") || res.Names[0] != "/readyz" {
		t.Errorf("result %+v", res)
	}
}

func TestCommand(t *testing.T) {
	url := bank(t)
	tests := map[string]struct {
		script string
		faults []string // lines of the detail; none: it passes
	}{
		"passes":      {`exit 0`, nil},
		"is told":     {`test "$REHOME_SMOKE_URL $REHOME_SMOKE_HOST $REHOME_SMOKE_VIA" = "` + url + ` bank port-forward"`, nil},
		"fails":       {`echo one; echo two >&2; exit 3`, []string{"exit status 3", "  one", "  two"}},
		"is too long": {`seq 1 100; exit 1`, []string{"exit status 1", "  81", "  100"}},
		"has long line": {`head -c 5000 /dev/zero | tr '\0' x; exit 1`,
			[]string{"exit status 1", "  " + strings.Repeat("x", 300) + "…"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res := run(t, migration.Smoke{Command: []string{"sh", "-c", tt.script}}, url, "bank.")
			if res.Ran != 1 || (res.Failed == 0) != (len(tt.faults) == 0) || len(res.Detail) > 21 {
				t.Fatalf("result %+v", res)
			}
			for i, want := range tt.faults {
				if i == 0 && !strings.HasSuffix(res.Detail[0], want) || i > 0 && !slices.Contains(res.Detail, want) {
					t.Errorf("detail %q, want %q", res.Detail, want)
				}
			}
		})
	}
}

// What could not be run is not a failed test.
func TestCannotRun(t *testing.T) {
	url := bank(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx   context.Context
		smoke migration.Smoke
		url   string
	}{
		"no such command":    {t.Context(), migration.Smoke{Command: []string{"/not/there"}}, url},
		"no URL":             {t.Context(), migration.Smoke{Checks: []migration.HTTPCheck{{Path: "/"}}}, "royal-bank"},
		"another scheme":     {t.Context(), migration.Smoke{Checks: []migration.HTTPCheck{{Path: "/"}}}, "memory://bank/pod"},
		"another host":       {t.Context(), migration.Smoke{Checks: []migration.HTTPCheck{{Path: "//elsewhere/"}}}, url},
		"no path":            {t.Context(), migration.Smoke{Checks: []migration.HTTPCheck{{Path: "readyz"}}}, url},
		"an ended context":   {ended, migration.Smoke{Checks: []migration.HTTPCheck{{Path: "/readyz"}}}, url},
		"an ended context 2": {ended, migration.Smoke{Command: []string{"true"}}, url},
	}
	for name, tt := range tests {
		res, err := (&smoke.Runner{}).Smoke(tt.ctx, tt.smoke, migration.ViaProduction, tt.url, "")
		if err == nil || res.Ran != 0 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
		if tt.ctx == ended && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
