// Package probe makes the product's own requests to one side of a move: by
// address, so that no resolver decides who is asked, and with the production
// name as Host, so that a balancer routes them as it routes clients.
//
// One call is one look. Streaks, warm-up and what a failure means are decided
// elsewhere.
package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// DefaultTimeout bounds the request to one address, connection included.
const DefaultTimeout = 2 * time.Second

// bodyLimit is how much of an answer is read: enough to see that it comes.
const bodyLimit = 64 << 10

// Prober asks over HTTP. The zero value uses DefaultTimeout.
type Prober struct {
	Timeout time.Duration
	// TLS makes each request over TLS, with the production name as SNI, for which the
	// certificate must verify; nil asks in the clear.
	TLS *tls.Config
}

// answer is what one address gave.
type answer struct {
	address string
	status  int
	took    time.Duration
	err     error
}

func (a answer) ok() bool { return a.err == nil && a.status < http.StatusInternalServerError }

func (a answer) String() string {
	if a.err != nil {
		return a.address + ": " + a.err.Error()
	}
	return fmt.Sprintf("%s: HTTP %d in %s", a.address, a.status, a.took.Round(time.Millisecond))
}

// Probe asks every address once, all at the same time, each over a connection
// of its own. It is OK when each of them gives a complete HTTP answer with a
// status below 500 within the timeout: what is probed is whether the side
// serves, and a redirect or a refusal is served too. Redirects are not
// followed. Latency is that of the slowest answer.
//
// An error means that nothing can be said: there is no address to ask, the
// request cannot be formed, or ctx has ended.
func (p *Prober) Probe(ctx context.Context, side migration.Side, host string, addresses []string, port int, path string) (migration.ProbeFacts, error) {
	if len(addresses) == 0 {
		return migration.ProbeFacts{}, errors.New("probe: no address to ask")
	}
	answers := make([]answer, len(addresses))
	var all sync.WaitGroup
	for i, address := range addresses {
		target := net.JoinHostPort(address, strconv.Itoa(port))
		req, err := p.request(ctx, target, host, path)
		if err != nil {
			return migration.ProbeFacts{}, fmt.Errorf("probe %s: %w", target, err)
		}
		all.Go(func() { answers[i] = p.ask(req, target) })
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return migration.ProbeFacts{}, fmt.Errorf("probe %s: %w", strings.Join(addresses, ", "), err)
	}
	return summary(side, answers), nil
}

// Ask asks one address once, as Probe does, and gives the status of its complete
// answer and how long that took. An error is what kept the answer from being whole;
// the time is then that until it was noticed.
func (p *Prober) Ask(ctx context.Context, host, address string, port int, path string) (status int, took time.Duration, err error) {
	target := net.JoinHostPort(address, strconv.Itoa(port))
	req, err := p.request(ctx, target, host, path)
	if err != nil {
		return 0, 0, err
	}
	a := p.ask(req, target)
	return a.status, a.took, a.err
}

func (p *Prober) request(ctx context.Context, target, host, path string) (*http.Request, error) {
	req, err := request(ctx, target, host, path)
	if err == nil && p.TLS != nil {
		req.URL.Scheme = "https"
	}
	return req, err
}

func request(ctx context.Context, target, host, path string) (*http.Request, error) {
	ref, err := url.Parse(cmp.Or(path, "/"))
	if err != nil || !strings.HasPrefix(ref.Path, "/") || ref.Host != "" {
		return nil, fmt.Errorf("%q is not a path", path)
	}
	u := url.URL{Scheme: "http", Host: target, Path: ref.Path, RawQuery: ref.RawQuery}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Host = strings.TrimSuffix(host, ".")
	req.Header.Set("User-Agent", "rehome-probe")
	return req, nil
}

func (p *Prober) ask(req *http.Request, target string) answer {
	ctx, cancel := context.WithTimeout(req.Context(), cmp.Or(p.Timeout, DefaultTimeout))
	defer cancel()
	// Neither a kept connection nor a proxy may answer for the address.
	transport := &http.Transport{DisableKeepAlives: true, Proxy: nil}
	if p.TLS != nil {
		transport.TLSClientConfig = p.TLS.Clone()
		transport.TLSClientConfig.ServerName, _, _ = strings.Cut(req.Host, ":")
	}
	began := time.Now()
	resp, err := transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return answer{address: target, took: time.Since(began), err: err}
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, bodyLimit))
	return answer{address: target, status: resp.StatusCode, took: time.Since(began), err: errors.Join(err, resp.Body.Close())}
}

// summary lists the addresses that are not well; all of them where all are.
func summary(side migration.Side, answers []answer) migration.ProbeFacts {
	f := migration.ProbeFacts{Side: side, OK: true}
	var good, bad []string
	for _, a := range answers {
		if a.status != 0 {
			f.Latency = max(f.Latency, a.took.Microseconds())
		}
		if a.ok() {
			good = append(good, a.String())
			continue
		}
		f.OK = false
		bad = append(bad, a.String())
	}
	f.Detail = strings.Join(good, "; ")
	if !f.OK {
		f.Detail = strings.Join(bad, "; ")
	}
	return f
}
