package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rehome.dev/rehome/internal/metrics"
)

// What one scrape may bring. The page is read as a stream, and only the lines that
// are asked for are kept.
const (
	pageLimit = 256 << 20
	keptLimit = 16 << 20
	lineLimit = 1 << 20
	// mostSeries of one endpoint may fit a selector: more would be remembered by every
	// judgement.
	mostSeries = 1000
)

// startMetric says since when a process counts, as the client libraries have it.
const startMetric = "process_start_time_seconds"

// page is what one instance showed.
type page struct {
	endpoint string // address and path
	series   []metrics.Series
	started  time.Time // zero where it does not say
	at       time.Time // by the instance's own clock, where it says
	pod      bool
	err      error
}

// instance is one address of an endpoint.
type instance struct {
	url     *url.URL
	address string // with the port; a pod's is NAMESPACE/NAME:PORT
	pod     string
}

func (i instance) String() string { return i.address + i.url.EscapedPath() }

// instances are all addresses of an endpoint: a name of several, such as a headless
// Service's, is as many processes, each with counters of its own.
func (s *Source) instances(ctx context.Context, u *url.URL) ([]instance, error) {
	if u.Scheme == schemePods {
		return s.pods(ctx, u)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	addresses := []string{u.Hostname()}
	if net.ParseIP(u.Hostname()) == nil {
		var err error
		if addresses, err = s.resolve(ctx, u.Hostname()); err != nil {
			return nil, fmt.Errorf("%s: %w", u.Host, err)
		}
		slices.Sort(addresses)
	}
	out := make([]instance, 0, len(addresses))
	for _, a := range slices.Compact(addresses) {
		out = append(out, instance{url: u, address: net.JoinHostPort(a, port)})
	}
	return out, nil
}

// pods are those that are ready. None is no error: before a deployment there are none.
func (s *Source) pods(ctx context.Context, u *url.URL) ([]instance, error) {
	if s.Pods == nil {
		return nil, errors.New("there is no cluster whose pods could be read")
	}
	var labels []string
	for name, values := range u.Query() {
		labels = append(labels, name+"="+strings.Join(values, ","))
	}
	slices.Sort(labels)
	found, err := s.Pods.ReadyPods(ctx, u.Hostname(), strings.Join(labels, ","))
	if err != nil {
		return nil, err
	}
	var out []instance
	for _, name := range found {
		out = append(out, instance{url: u, address: u.Hostname() + "/" + name + ":" + u.Port(), pod: name})
	}
	return out, nil
}

// getPod reads a pod through the cluster.
func (s *Source) getPod(ctx context.Context, one instance, names []string, p *page) error {
	port, err := strconv.Atoi(one.url.Port())
	if err != nil {
		return err
	}
	return s.Pods.ReadPod(ctx, one.url.Hostname(), one.pod, port, one.url.Path, func(r io.Reader) error {
		return p.read(r, names)
	})
}

// read takes the series of these metrics, and since when the process counts.
func (p *page) read(r io.Reader, names []string) error {
	all, err := readPage(r, names)
	for _, one := range all {
		if one.Name == startMetric && one.Value > 0 && one.Value < 1<<40 {
			p.started = time.UnixMilli(int64(one.Value * 1000))
		}
	}
	p.series = all
	return err
}

// pages scrapes all instances of the endpoints at once, and gives them in order.
func (s *Source) pages(ctx context.Context, endpoints []*url.URL, names []string) []page {
	var all []instance
	var out []page
	for _, u := range endpoints {
		found, err := s.instances(ctx, u)
		if err != nil {
			out = append(out, page{endpoint: u.Host, err: err})
		}
		all = append(all, found...)
	}
	got := make([]page, len(all))
	var each sync.WaitGroup
	for i, one := range all {
		each.Go(func() {
			got[i] = s.page(ctx, one, names)
		})
	}
	each.Wait()
	return append(out, got...)
}

func (s *Source) page(ctx context.Context, one instance, names []string) page {
	p, get := page{endpoint: one.String(), pod: one.pod != ""}, s.get
	if p.pod {
		get = s.getPod
	}
	if err := get(ctx, one, names, &p); err != nil {
		p.err = fmt.Errorf("%s: %w", one, s.explain(ctx, err))
	}
	return p
}

func (s *Source) get(ctx context.Context, one instance, names []string, p *page) (err error) {
	req, err := http.NewRequestWithContext(context.WithValue(ctx, addressKey{}, one.address), http.MethodGet, one.url.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4,text/plain;q=0.5")
	req.Header.Set("User-Agent", "rehome")
	resp, err := s.client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d%s", resp.StatusCode, advice(resp.StatusCode))
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" || kind == "application/json" {
		return fmt.Errorf("answers with %s: is this the path of its metrics?", kind)
	}
	p.at, _ = http.ParseTime(resp.Header.Get("Date"))
	return p.read(resp.Body, names)
}

func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return " (check bearerTokenFile, or username and passwordFile)"
	case status == http.StatusNotFound:
		return " (is this the path of its metrics?)"
	case status >= 300 && status < 400:
		return " (redirects are not followed: write the address where the metrics are)"
	}
	return ""
}

// explain names the bound that was reached.
func (s *Source) explain(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no whole answer within %s: %w", s.timeout, err)
	}
	return err
}

// plain is an error of a request without its URL, which the instance already says.
func plain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// readPage gives the series of these metrics in the text format of Prometheus,
// version 0.0.4. A metric that says of itself that it is no counter is an error.
func readPage(r io.Reader, names []string) ([]metrics.Series, error) {
	kept, err := lines(r, names)
	if err != nil {
		return nil, err
	}
	// Without their types the parser gives each sample by its own name.
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(kept)
	if err != nil {
		return nil, fmt.Errorf("the page cannot be read as Prometheus's text format: %w", err)
	}
	var out []metrics.Series
	for _, f := range families {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, f)
		if err != nil {
			return nil, fmt.Errorf("the page cannot be read as Prometheus's text format: %w", err)
		}
		for _, one := range samples {
			out = append(out, seriesOf(one))
		}
	}
	return out, nil
}

func seriesOf(one *model.Sample) metrics.Series {
	s := metrics.Series{Name: string(one.Metric[model.MetricNameLabel]), Labels: make(map[string]string, len(one.Metric)), Value: float64(one.Value)}
	for name, value := range one.Metric {
		if name != model.MetricNameLabel {
			s.Labels[string(name)] = string(value)
		}
	}
	return s
}

// lines keeps the samples of these metrics.
func lines(r io.Reader, names []string) (*bytes.Buffer, error) {
	limited := &io.LimitedReader{R: r, N: pageLimit}
	scan := bufio.NewScanner(limited)
	scan.Buffer(make([]byte, 64<<10), lineLimit)
	var kept bytes.Buffer
	any := false
	for scan.Scan() {
		line := scan.Bytes()
		any = any || len(line) > 0
		if comment, found := bytes.CutPrefix(line, []byte("# TYPE ")); found {
			if err := counted(string(comment), names); err != nil {
				return nil, err
			}
			continue
		}
		end := bytes.IndexAny(line, "{ \t")
		if end <= 0 || line[0] == '#' || !slices.Contains(names, string(line[:end])) {
			continue
		}
		if exemplar := bytes.Index(line, []byte(" # {")); exemplar > 0 { // OpenMetrics's
			line = line[:exemplar]
		}
		kept.Write(line)
		kept.WriteByte('\n')
		if kept.Len() > keptLimit {
			return nil, fmt.Errorf("the metrics that are asked for take more than %d MiB", keptLimit>>20)
		}
	}
	switch {
	case scan.Err() != nil:
		return nil, fmt.Errorf("read the page: %w", scan.Err())
	case limited.N <= 0:
		return nil, fmt.Errorf("the page has more than %d MiB", pageLimit>>20)
	case !any:
		return nil, errors.New("the page is empty")
	}
	return &kept, nil
}

// counted refuses a gauge or a summary where a counter is asked for.
func counted(comment string, names []string) error {
	name, kind, _ := strings.Cut(comment, " ")
	kind = strings.TrimSpace(kind)
	if name != startMetric && slices.Contains(names, name) && (kind == "gauge" || kind == "summary") {
		return fmt.Errorf("%s is a %s: select counters", name, kind)
	}
	return nil
}
