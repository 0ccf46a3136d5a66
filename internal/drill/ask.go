package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// newClient asks each time anew: a connection that is kept would outlive a
// port-forward. Redirects are answers and are not followed.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: requestTime}).DialContext},
	}
}

// question is one request.
type question struct {
	base, method, path, host string
	cookies                  []*http.Cookie
}

// ask gives the status and the cookies that were set. Its error has neither a
// cookie nor a query.
func (t *trial) ask(ctx context.Context, q question) (int, []*http.Cookie, error) {
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(q.base, "/")+q.path, nil)
	if err != nil {
		return 0, nil, errors.New("the path is none: " + pathOf(q.path))
	}
	req.Host = q.host
	for _, c := range q.cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := t.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, nil, fmt.Errorf("%s %s: %w", method, pathOf(q.path), err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // the status is what counts
	return resp.StatusCode, live(resp.Cookies()), nil
}

// live leaves out cookies that the answer deletes.
func live(cookies []*http.Cookie) []*http.Cookie {
	return slices.DeleteFunc(cookies, func(c *http.Cookie) bool { return c.MaxAge < 0 || c.Value == "" })
}

// pathOf is the path without its query, which may hold what is nobody's business.
func pathOf(p string) string {
	p, _, _ = strings.Cut(p, "?")
	return p
}

// good is what the kubelet's probes take for success.
func good(status int) bool { return status >= 200 && status < 400 }

// port is the first one on which the workload speaks TCP.
func (t *trial) port() (int32, bool) {
	for _, p := range t.workload.Ports {
		if p.Protocol == "" || p.Protocol == "TCP" {
			return p.Port, true
		}
	}
	return 0, false
}

// at runs do with a way to one pod.
func (t *trial) at(ctx context.Context, p Pod, do func(base string) error) error {
	port, ok := t.port()
	if !ok {
		return errors.New("the workload has no TCP port")
	}
	base, closed, err := t.bench.Forward(ctx, p, port)
	if err != nil {
		return err
	}
	defer closed()
	return do(base)
}

// smoke runs the smoke suite on one pod; ran is false where there is none.
func (t *trial) smoke(ctx context.Context, p Pod) (ran bool, failures []string, err error) {
	if t.Smoke == nil || (len(t.spec.Smoke.Checks) == 0 && len(t.spec.Smoke.Command) == 0) {
		return false, nil, nil
	}
	err = t.at(ctx, p, func(base string) error {
		res, err := t.Smoke.Smoke(ctx, t.spec.Smoke, migration.ViaPortForward, base, "")
		if err != nil {
			return err
		}
		ran = res.Ran > 0
		if res.Failed > 0 && len(res.Detail) == 0 {
			res.Detail = []string{fmt.Sprintf("%d of %d checks failed", res.Failed, res.Ran)}
		}
		failures = res.Detail
		return nil
	})
	return ran, failures, err
}
