package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// bodyLimit bounds a dashboard.
const bodyLimit = 32 << 20

// get asks Grafana's HTTP API. what names in an error what was asked for.
func (s *Source) get(ctx context.Context, what, path string, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s: %w", s.timeout, err)
		}
		return fmt.Errorf("%s: Grafana %s: %w", what, s.address, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", what, refusal(resp))
	}
	limited := &io.LimitedReader{R: resp.Body, N: bodyLimit}
	if err := json.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			return fmt.Errorf("%s: it has more than %d MiB", what, bodyLimit>>20)
		}
		return fmt.Errorf("%s: the answer is not of Grafana's API (is %s its base address?): %w", what, s.address, err)
	}
	return nil
}

// refusal is what an answer that is none says, with what its reader can do about it.
func refusal(resp *http.Response) error {
	said := message(resp)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return fmt.Errorf("Grafana does not know who asks (HTTP 401%s): give a service account's token by bearerTokenFile or bearerTokenEnv", said)
	case code == http.StatusForbidden:
		return fmt.Errorf("Grafana does not allow it (HTTP 403%s): let the service account view the dashboard's folder and query its data source", said)
	case code == http.StatusNotFound:
		return fmt.Errorf("Grafana does not have it (HTTP 404%s), or hides it from this token", said)
	case code == http.StatusGone:
		return fmt.Errorf("it was deleted (HTTP 410%s)", said)
	case code == http.StatusNotAcceptable:
		return fmt.Errorf("the dashboard is kept in a form that this API does not give (HTTP 406%s): name the series instead of panels", said)
	case code == http.StatusBadGateway, code == http.StatusGatewayTimeout:
		return fmt.Errorf("Grafana does not reach its data source (HTTP %d%s)", code, said)
	case code >= 300 && code < 400:
		return fmt.Errorf("Grafana leads elsewhere (HTTP %d): write its base address with the sub-path, and no login page before its API", code)
	default:
		return fmt.Errorf("Grafana answers HTTP %d%s", code, said)
	}
}

// message is what Grafana says in words, at most a line of it.
func message(resp *http.Response) string {
	var body struct {
		Message string `json:"message"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&body) != nil || body.Message == "" {
		return ""
	}
	line, _, _ := strings.Cut(body.Message, "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "…"
	}
	return ": " + line
}

// proxied answers in words what Grafana says in place of the data source behind it.
type proxied struct{ next http.RoundTripper }

func (p proxied) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusBadGateway, http.StatusGatewayTimeout,
		http.StatusFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		err := refusal(resp)
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

// reader reads what is behind a data source, with raw counters as of any Prometheus.
func (s *Source) reader(uid string) (Reader, error) {
	client := *s.client
	client.Transport = proxied{s.client.Transport}
	return s.Open(s.address+"/api/datasources/proxy/uid/"+url.PathEscape(uid), &client, s.timeout, s.scrape)
}
