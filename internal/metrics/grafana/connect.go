// Package grafana reads the counters of both sides by the panels of Grafana's
// dashboards, through its proxy of data sources, for whoever may ask Grafana and not
// the Prometheus behind it.
//
// What a panel shows is taken back to the raw counters that it shows, and those are
// read; what cannot be is refused with a reason. The package must not know what the
// counters are judged to mean, nor how a Prometheus is read: Open is given to it.
package grafana

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/metrics/httpclient"
	"rehome.dev/rehome/internal/migration"
)

// Reader is a source of what answers as Prometheus does.
type Reader interface {
	Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample
	Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error)
	Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error)
}

// Open makes a reader of the Prometheus that answers at the address.
type Open func(address string, client *http.Client, timeout, scrape time.Duration) (Reader, error)

// Source is one Grafana. It is safe for concurrent use.
type Source struct {
	// Open is set before the first use.
	Open Open

	address    string
	client     *http.Client
	dashboard  string
	datasource string
	timeout    time.Duration
	scrape     time.Duration

	mu     sync.Mutex
	pinned map[migration.Metrics]resolved
}

// The settings of a connection, beside those of package httpclient.
const (
	settingURL        = "url"            // base address, with its sub-path
	settingDashboard  = "dashboard"      // uid, where a panel names none
	settingDatasource = "datasource"     // uid, where neither a panel nor a selector names one
	settingTimeout    = "timeout"        // of one Sample; default 10s
	settingScrape     = "scrapeInterval" // of the Prometheus behind it; default 15s
)

var known = append([]string{settingURL, settingDashboard, settingDatasource, settingTimeout, settingScrape}, httpclient.Settings...)

const (
	defaultTimeout = 10 * time.Second
	defaultScrape  = 15 * time.Second
)

// New prepares a source from its settings. It asks nobody anything.
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
	s := &Source{dashboard: settings[settingDashboard], datasource: settings[settingDatasource], pinned: map[migration.Metrics]resolved{}}
	var err error
	if s.address, err = baseURL(settings[settingURL]); err != nil {
		return nil, err
	}
	if s.timeout, err = duration(settings, settingTimeout, defaultTimeout); err != nil {
		return nil, err
	}
	if s.scrape, err = duration(settings, settingScrape, defaultScrape); err != nil {
		return nil, err
	}
	s.client, err = httpclient.New(settings, nil)
	return s, err
}

// baseURL never repeats a URL that does not parse or that carries a password.
func baseURL(text string) (string, error) {
	const example = "give Grafana's base address, such as https://grafana.example.org"
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", fmt.Errorf("setting url is missing: %s", example)
	case err != nil:
		return "", fmt.Errorf("setting url is not a URL: %s", example)
	case u.User != nil:
		return "", fmt.Errorf("setting url holds credentials: name their place in %s or %s", httpclient.TokenFile, httpclient.TokenEnv)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("setting url %q: want http:// or https:// and a host", text)
	case u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path+"/", "/d/") || strings.Contains(u.Path+"/", "/api/"):
		return "", fmt.Errorf("setting url: %s, without a dashboard, a query or /api", example)
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
