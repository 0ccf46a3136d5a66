package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// requester asks for one URL, each time by a new lookup and a new connection.
type requester struct {
	url      string
	resolver string // host:port
	timeout  time.Duration
	http     *http.Client
}

func newRequester(l Load) *requester {
	r := &requester{url: l.URL, resolver: l.Resolver, timeout: l.Timeout}
	r.http = &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: r.dial},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an answer is counted where it was given
		},
	}
	return r
}

// do sends one request, which ends within the timeout.
func (r *requester) do(ctx context.Context) outcome {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return outcome{cause: "request"}
	}
	reply, err := r.http.Do(request)
	if err != nil {
		return outcome{cause: cause(err)}
	}
	defer reply.Body.Close()
	by := reply.Header.Get("X-Served-By")
	if by == "" {
		by = "unknown"
	}
	if _, err := io.Copy(io.Discard, reply.Body); err != nil {
		return outcome{by: by, cause: cause(err)}
	}
	if reply.StatusCode != http.StatusOK {
		return outcome{by: by, cause: fmt.Sprintf("http-%d", reply.StatusCode)}
	}
	return outcome{by: by}
}

// lookupError is a failure before any connection was tried.
type lookupError struct{ cause string }

func (e lookupError) Error() string { return "lookup: " + e.cause }

// dial resolves and connects to the first address of the answer, as simple clients
// do. Nothing is remembered: how long an answer holds is the resolver's business. The
// transport hands over a context without the request's deadline, since another
// request might use the connection; here none can, so the timeout is set again.
func (r *requester) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		if host, err = r.lookup(ctx, host); err != nil {
			return nil, err
		}
	}
	return (&net.Dialer{Timeout: r.timeout}).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// lookup may take half of the timeout: a silent resolver is then told
// apart from a silent service.
func (r *requester) lookup(ctx context.Context, host string) (string, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	reply, _, err := (&dns.Client{Timeout: r.timeout / 2}).ExchangeContext(ctx, question, r.resolver)
	if err != nil {
		return "", lookupError{"dns-" + cause(err)}
	}
	if reply.Rcode != dns.RcodeSuccess {
		return "", lookupError{"dns-" + strings.ToLower(dns.RcodeToString[reply.Rcode])}
	}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String(), nil
		}
	}
	return "", lookupError{"dns-no-address"}
}

// cause names an error by what a person would look for.
func cause(err error) string {
	var lookup lookupError
	var network net.Error
	switch {
	case errors.As(err, &lookup):
		return lookup.cause
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "cut-off"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "other"
}
