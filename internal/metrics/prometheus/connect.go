// Package prometheus reads the raw counters of both sides of a migration from a
// Prometheus, or anything that speaks its HTTP API.
//
// It asks for counters only and adds them up itself: rate() and increase() leave
// out what a series counted before its first scrape and extrapolate at the edges
// of their window. It must not know what the counters are judged to mean.
package prometheus

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/httpclient"
	"rehome.dev/rehome/internal/migration"
)

// Source is one Prometheus. It is safe for concurrent use.
type Source struct {
	api     v1.API
	address string
	timeout time.Duration
	scrape  time.Duration
}

// The settings of a connection, beside those of package httpclient.
const (
	settingURL     = "url"            // base address, without /api/v1
	settingTimeout = "timeout"        // of one Sample, and of one Baseline; default 10s
	settingScrape  = "scrapeInterval" // default 15s; a side silent for three is missing
)

var known = append([]string{settingURL, settingTimeout, settingScrape}, httpclient.Settings...)

const (
	defaultTimeout = 10 * time.Second
	defaultScrape  = 15 * time.Second
)

// New prepares a source from its settings. It does not ask the server anything.
func New(conn migration.Connection) (*Source, error) {
	s, err := connect(conn.Settings)
	if err != nil {
		return nil, fmt.Errorf("metrics source %q: %w", conn.Name, err)
	}
	return s, nil
}

func connect(settings map[string]string) (*Source, error) {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown setting %q; known are %s", key, strings.Join(known, ", "))
		}
	}
	address, err := baseURL(settings[settingURL])
	if err != nil {
		return nil, err
	}
	timeout, err := duration(settings, settingTimeout, defaultTimeout)
	if err != nil {
		return nil, err
	}
	scrape, err := duration(settings, settingScrape, defaultScrape)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.New(settings, nil)
	if err != nil {
		return nil, err
	}
	c, err := api.NewClient(api.Config{Address: address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("setting url: %w", err)
	}
	return &Source{api: v1.NewAPI(c), address: address, timeout: timeout, scrape: scrape}, nil
}

// stale is for how long a side may be silent.
func (s *Source) stale() time.Duration { return metrics.StaleScrapes * s.scrape }

// baseURL refuses what is not a base address. It never repeats a URL that does
// not parse or that carries a password.
func baseURL(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("setting url is missing: give Prometheus's base address, such as https://prometheus.example.org:9090")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("setting url is not a URL: give Prometheus's base address, such as https://prometheus.example.org:9090")
	case u.User != nil:
		return "", fmt.Errorf("setting url holds credentials: name their files in bearerTokenFile, or in username and passwordFile")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("setting url %q: want http:// or https:// and a host", text)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("setting url: want a base address, without a query or a fragment")
	case strings.Contains(u.Path+"/", "/api/v1/"):
		return "", fmt.Errorf("setting url %q: want the base address, without /api/v1", text)
	}
	return strings.TrimRight(text, "/"), nil
}

func duration(settings map[string]string, key string, fallback time.Duration) (time.Duration, error) {
	text, set := settings[key]
	if !set {
		return fallback, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("setting %s %q: want a duration above zero, such as %s", key, text, fallback)
	}
	return d, nil
}
