// Package edge reads the counters of both sides where the traffic enters: it scrapes
// the metrics of ingress controllers and load balancers itself, as often as it is
// asked, so that the judgement sees a second's requests within that second.
//
// The edge remembers nothing; the past is what was scraped since the source was
// made. The package must not know what the counters are judged to mean.
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/metrics/httpclient"
	"rehome.dev/rehome/internal/migration"
)

// Source is the edge of one or both sides. It is safe for concurrent use.
type Source struct {
	// Pods reaches endpoints such as pods://NAMESPACE:PORT/PATH?LABEL=VALUE; it is set
	// before the first use, nil where there is no cluster.
	Pods Pods

	endpoints map[migration.Side][]*url.URL
	client    *http.Client
	resolve   func(ctx context.Context, host string) ([]string, error)
	timeout   time.Duration
	scrape    time.Duration

	mu        sync.Mutex
	at        time.Time // of the newest scrape
	failed    map[migration.Side]error
	sides     map[string]*history
	processes map[string]process   // by endpoint
	known     map[string]time.Time // by endpoint: when it was last read whole
}

// Pods reads the pods of a cluster where their addresses cannot be reached.
type Pods interface {
	// ReadyPods names the pods with these labels that traffic may reach.
	ReadyPods(ctx context.Context, namespace, selector string) ([]string, error)
	// ReadPod lets read what a pod answers.
	ReadPod(ctx context.Context, namespace, pod string, port int, path string, read func(io.Reader) error) error
}

// The settings of a connection, beside those of package httpclient.
const (
	settingBoth    = "endpoints"      // of both sides, with commas between them
	settingOld     = "oldEndpoints"   // of the old side alone
	settingNew     = "newEndpoints"   // of the new side alone
	settingTimeout = "timeout"        // of one Sample; default 2s
	settingScrape  = "scrapeInterval" // how often it is looked at; default 5s
)

var known = append([]string{settingBoth, settingOld, settingNew, settingTimeout, settingScrape}, httpclient.Settings...)

const (
	defaultTimeout = 2 * time.Second
	defaultScrape  = 5 * time.Second
	// kept is how far back a baseline can reach.
	kept = 2 * time.Hour
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
	s := &Source{
		endpoints: map[migration.Side][]*url.URL{}, resolve: net.DefaultResolver.LookupHost,
		failed: map[migration.Side]error{}, sides: map[string]*history{}, processes: map[string]process{}, known: map[string]time.Time{},
	}
	for setting, sides := range map[string][]migration.Side{
		settingBoth: {migration.OldSide, migration.NewSide}, settingOld: {migration.OldSide}, settingNew: {migration.NewSide},
	} {
		all, err := endpointsOf(setting, settings[setting])
		if err != nil {
			return nil, err
		}
		for _, side := range sides {
			s.endpoints[side] = append(s.endpoints[side], all...)
		}
	}
	for side, setting := range map[migration.Side]string{migration.OldSide: settingOld, migration.NewSide: settingNew} {
		if len(s.endpoints[side]) == 0 {
			return nil, fmt.Errorf("the %s side has no endpoint: name its addresses in %s, or in %s", side, setting, settingBoth)
		}
	}
	var err error
	if s.timeout, err = duration(settings, settingTimeout, defaultTimeout); err != nil {
		return nil, err
	}
	if s.scrape, err = duration(settings, settingScrape, defaultScrape); err != nil {
		return nil, err
	}
	s.client, err = httpclient.New(settings, direct)
	return s, err
}

// direct keeps a proxy and a kept connection from answering for an address, and lets
// a request say at which one it is made.
func direct(t *http.Transport) {
	t.Proxy, t.DisableKeepAlives, t.ForceAttemptHTTP2 = nil, true, false
	dialer := &net.Dialer{}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if at, said := ctx.Value(addressKey{}).(string); said {
			address = at
		}
		return dialer.DialContext(ctx, network, address)
	}
}

type addressKey struct{}

func endpointsOf(setting, text string) ([]*url.URL, error) {
	var out []*url.URL
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		u, err := url.Parse(word)
		switch {
		case err != nil:
			return nil, fmt.Errorf("setting %s: an entry is not a URL: want addresses such as http://192.0.2.10:9911/metrics", setting)
		case u.User != nil:
			return nil, fmt.Errorf("setting %s holds credentials: name their files in %s, or in %s and %s", setting, httpclient.TokenFile, httpclient.User, httpclient.PasswordFile)
		case u.Scheme == schemePods && (u.Hostname() == "" || u.Port() == "" || len(u.Query()) == 0):
			return nil, fmt.Errorf("setting %s %q: want pods://NAMESPACE:PORT/metrics?LABEL=VALUE", setting, word)
		case u.Scheme == schemePods:
		case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			return nil, fmt.Errorf("setting %s %q: want http:// or https://, a host and the path of its metrics", setting, word)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/metrics"
		}
		out = append(out, u)
	}
	return out, nil
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

// schemePods is that of endpoints in the migration's cluster.
const schemePods = "pods"

// errSilent is what a side is told of which nothing is shown.
var errSilent = errors.New("no series at any endpoint")
