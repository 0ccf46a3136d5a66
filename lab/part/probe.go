package part

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Probe asks once, from within netns, and for at most two seconds, whether target
// answers. See Process.Ready for the forms of a target.
func Probe(ctx context.Context, netns, target string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	u, err := url.Parse(target)
	if err != nil {
		return Permanent(err)
	}
	switch u.Scheme {
	case "tcp":
		return connect(DialIn(netns)(ctx, "tcp", u.Host))
	case "unix":
		return connect((&net.Dialer{}).DialContext(ctx, "unix", u.Path))
	case "http", "https":
		return get(ctx, netns, target)
	}
	return Permanent(fmt.Errorf("probe %q: unknown scheme", target))
}

func connect(conn net.Conn, err error) error {
	if err != nil {
		return err
	}
	return conn.Close()
}

func get(ctx context.Context, netns, target string) error {
	client := HTTPClient(netns)
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", target, resp.Status)
	}
	return nil
}

// HTTPClient talks from within netns to numeric addresses. It accepts every
// certificate: it asks whether the lab's own servers are up and carries nothing
// that is worth stealing.
func HTTPClient(netns string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:     DialIn(netns),
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
}

// Poll calls f until it returns nil, returns a Permanent error, or ctx ends; then
// the last error of f is in the result.
func Poll(ctx context.Context, every time.Duration, f func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := f(ctx)
		var permanent permanentError
		if err == nil {
			return nil
		}
		if errors.As(err, &permanent) {
			return permanent.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

type permanentError struct{ error }

// Permanent marks an error that trying again does not mend.
func Permanent(err error) error { return permanentError{err} }
