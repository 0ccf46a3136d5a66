// Package smoke runs a migration's smoke suite against a base URL: HTTP checks
// that it makes itself, a command of the team's own, or both. It is the same
// suite through a port-forward and against the production endpoint.
//
// How the base URL came to be, and what a failure leads to, it must not know.
package smoke

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// The bounds of a suite.
const (
	DefaultCheckTimeout   = 5 * time.Second
	DefaultCommandTimeout = 5 * time.Minute
	bodyLimit             = 1 << 20 // of an answer, in bytes
)

// Runner runs suites. The zero value has the default bounds.
type Runner struct {
	CheckTimeout   time.Duration // of one HTTP check
	CommandTimeout time.Duration // of the command
	Dir            string        // in which the command runs; "" is the current one
}

// Smoke runs every check and the command, each of which counts as one test, and
// goes on after a failure so that all of them are seen. A suite without a test
// has Ran 0, which is no success. host is sent as Host where it is not empty.
//
// An error means that a test could not be run at all, because of what was
// declared or because ctx has ended; the result then holds what was run before.
func (r *Runner) Smoke(ctx context.Context, s migration.Smoke, via, baseURL, host string) (migration.SmokeResult, error) {
	res := migration.SmokeResult{Via: via}
	base, err := url.Parse(baseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return res, fmt.Errorf("smoke: base URL %q is not http://HOST or https://HOST", baseURL)
	}
	host = strings.TrimSuffix(host, ".")
	for i, c := range s.Checks {
		name := cmp.Or(c.Name, c.Path, fmt.Sprintf("checks[%d]", i))
		fault, err := r.check(ctx, c, base, host)
		if err != nil {
			return res, fmt.Errorf("smoke %s: %w", name, err)
		}
		count(&res, name, fault)
	}
	if len(s.Command) > 0 {
		name := strings.Join(s.Command, " ")
		fault, err := r.command(ctx, s.Command, baseURL, host, via)
		if err != nil {
			return res, fmt.Errorf("smoke command %s: %w", name, err)
		}
		count(&res, name, fault)
	}
	return res, nil
}

// count enters one test; fault holds what was wrong, its first line first.
func count(res *migration.SmokeResult, name string, fault []string) {
	res.Ran++
	res.Names = append(res.Names, name)
	if len(fault) == 0 {
		return
	}
	res.Failed++
	res.Detail = append(res.Detail, name+": "+fault[0])
	res.Detail = append(res.Detail, fault[1:]...)
}

// check makes one request. Redirects are not followed: the status is the
// answer's own.
func (r *Runner) check(ctx context.Context, c migration.HTTPCheck, base *url.URL, host string) ([]string, error) {
	ref, err := url.Parse(c.Path)
	if err != nil || ref.IsAbs() || ref.Host != "" || !strings.HasPrefix(ref.Path, "/") {
		return nil, fmt.Errorf("path %q does not begin with one /", c.Path)
	}
	limited, cancel := context.WithTimeout(ctx, cmp.Or(r.CheckTimeout, DefaultCheckTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, base.ResolveReference(ref).String(), nil)
	if err != nil {
		return nil, err
	}
	req.Host = host
	req.Header.Set("User-Agent", "rehome-smoke")
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return failure(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return failure(ctx, err)
	}
	return verdict(c, resp.StatusCode, string(body)), nil
}

// failure tells a service that does not answer from a caller that gave up.
func failure(ctx context.Context, err error) ([]string, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return []string{err.Error()}, nil
}

// verdict never shows the body: it may hold what a report must not.
func verdict(c migration.HTTPCheck, status int, body string) []string {
	want := cmp.Or(c.Status, http.StatusOK)
	switch {
	case status != want:
		return []string{fmt.Sprintf("GET %s: HTTP %d, want %d", c.Path, status, want)}
	case !strings.Contains(body, c.Contains):
		return []string{fmt.Sprintf("GET %s: HTTP %d, but the answer does not contain %q", c.Path, status, c.Contains)}
	}
	return nil
}
