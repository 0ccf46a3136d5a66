// Package load asks one URL at a constant rate and sums up the answers: it is
// the load under which the usage of an application is measured.
//
// It does not know what runs behind the URL nor what is concluded from the
// answers. A load that did not come about is never passed off as one.
package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"rehome.dev/rehome/internal/inventory"
)

// Options are what is asked for. Rate is in requests per second.
type Options struct {
	URL  string
	Rate float64
	For  time.Duration
	// MaxWorkers bounds the requests in flight; 0 is 1000. When all are, the load
	// falls behind its rate.
	MaxWorkers int
	Header     http.Header
	// Timeout bounds one request; 0 is 30 s.
	Timeout time.Duration
	// Well says which status is well; nil is every one from 200 to 399.
	Well func(status int) bool
	// Say hears, about once a second, how many of the requests are answered.
	Say func(done, total uint64)
}

const (
	defaultWorkers = 1000
	defaultTimeout = 30 * time.Second
	// maxRate and maxRequests are what one small machine can honestly make.
	maxRate     = 100_000
	maxRequests = 100_000_000

	shortBy = 0.02 // of the rate
	tooMany = 0.01 // errors of the requests
)

// Attack makes the load and waits for the answers, at most For and one Timeout
// long. Every answer whose status is well counts, redirects are not followed. The
// error says which option is wrong; what the server does wrong is in the Load.
//
// Valid is false where fewer than 98 % of the requests were made in time, where
// more than 1 % of them failed, or where ctx ended before the load did.
// The URL in the Load is without user, password and query.
func Attack(ctx context.Context, o Options) (inventory.Load, error) {
	target, err := o.check()
	if err != nil {
		return inventory.Load{}, fmt.Errorf("load: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := newTally(o)
	pace := &pacer{ctx: ctx, rate: o.Rate, total: t.total}
	attacker := vegeta.NewAttacker(
		vegeta.Client(client(ctx, o)), vegeta.MaxBody(0),
		vegeta.Workers(min(10, uint64(o.MaxWorkers))), vegeta.MaxWorkers(uint64(o.MaxWorkers)),
	)
	began := time.Now()
	results := attacker.Attack(vegeta.NewStaticTargeter(target), pace, o.For, "")
	stopped := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stopped()
	for r := range results {
		t.take(r, began)
	}
	return t.load(ctx.Err()), nil
}

func (o *Options) check() (vegeta.Target, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return vegeta.Target{}, errors.New("the URL is none: want http:// or https://, a host and a path")
	case !(o.Rate > 0) || o.Rate > maxRate:
		return vegeta.Target{}, fmt.Errorf("a rate of %g: want requests per second, above 0 and up to %d", o.Rate, maxRate)
	case o.For <= 0:
		return vegeta.Target{}, fmt.Errorf("a time of %s: want one above zero", o.For)
	case o.Rate*o.For.Seconds() > maxRequests:
		return vegeta.Target{}, fmt.Errorf("%g requests per second for %s: that is more than %d requests", o.Rate, o.For, maxRequests)
	case o.MaxWorkers < 0 || o.Timeout < 0:
		return vegeta.Target{}, errors.New("workers and timeout cannot be below zero")
	}
	if o.MaxWorkers == 0 {
		o.MaxWorkers = defaultWorkers
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return vegeta.Target{Method: http.MethodGet, URL: o.URL, Header: o.Header}, nil
}

// client closes its connections when ctx ends: vegeta itself waits for every
// request in flight.
func client(ctx context.Context, o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout}
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(dialCtx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: o.MaxWorkers, DisableCompression: true},
	}
}

// pacer lets request i go i/rate after the beginning. It waits by itself, since
// vegeta's own waiting does not end with a context.
type pacer struct {
	ctx   context.Context
	rate  float64
	total uint64
}

func (p *pacer) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= p.total || p.ctx.Err() != nil {
		return 0, true
	}
	wait := time.Duration(float64(hits)/p.rate*float64(time.Second)) - elapsed
	if wait <= 0 {
		return 0, false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0, false
	case <-p.ctx.Done():
		return 0, true
	}
}

func (p *pacer) Rate(time.Duration) float64 { return p.rate }

// tally sums up results. Latencies are in microseconds, three digits exact.
type tally struct {
	o                    Options
	total                uint64
	done, inTime, failed uint64
	firstError           string
	latency              *hdrhistogram.Histogram
	max                  int64
	said                 time.Time
}

func newTally(o Options) *tally {
	total := max(uint64(math.Round(o.Rate*o.For.Seconds())), 1)
	return &tally{o: o, total: total, latency: hdrhistogram.New(1, (o.For + 2*o.Timeout).Microseconds(), 3)}
}

func (t *tally) take(r *vegeta.Result, began time.Time) {
	t.done++
	if r.Timestamp.Sub(began) <= t.o.For {
		t.inTime++
	}
	if why := t.failure(r); why != "" {
		t.failed++
		if t.firstError == "" {
			t.firstError = plain(why)
		}
	}
	micros := max(r.Latency.Microseconds(), 1)
	t.max = max(t.max, micros)
	_ = t.latency.RecordValue(min(micros, t.latency.HighestTrackableValue()))
	if t.o.Say != nil && (r.End().Sub(t.said) >= time.Second || t.done == t.total) {
		t.said = r.End()
		t.o.Say(t.done, t.total)
	}
}

// failure is why a request failed, or "". An answer that was broken off failed whatever
// its status.
func (t *tally) failure(r *vegeta.Result) string {
	whole := r.Code >= http.StatusBadRequest || r.Code != 0 && r.Error == ""
	switch {
	case t.o.Well == nil || !whole:
		return r.Error
	case t.o.Well(int(r.Code)):
		return ""
	}
	return fmt.Sprintf("%d %s", r.Code, http.StatusText(int(r.Code)))
}

func (t *tally) load(interrupted error) inventory.Load {
	l := inventory.Load{
		URL: shown(t.o.URL), Rate: t.o.Rate, Achieved: float64(t.inTime) / t.o.For.Seconds(), For: t.o.For,
		Requests: t.done, Errors: t.failed, Valid: true,
		Latency: inventory.Quantiles{
			P50: t.latency.ValueAtQuantile(50), P95: t.latency.ValueAtQuantile(95), P99: t.latency.ValueAtQuantile(99),
			Max: t.max, N: int(t.done),
		},
	}
	var why []string
	if interrupted != nil {
		why = append(why, fmt.Sprintf("it was ended after %d of %d requests", t.done, t.total))
	}
	if short := float64(t.total-min(t.inTime, t.total)) / float64(t.total); short > shortBy {
		why = append(why, fmt.Sprintf("%.1f of %g requests per second were reached, at most %d at once", l.Achieved, t.o.Rate, t.o.MaxWorkers))
	}
	if float64(t.failed) > tooMany*float64(t.done) {
		why = append(why, fmt.Sprintf("%d of %d requests failed, the first with %q", t.failed, t.done, t.firstError))
	}
	if len(why) > 0 {
		l.Valid, l.Why = false, strings.Join(why, "; ")
	}
	return l
}

// shown is the URL without what may be a secret in it.
func shown(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// plain is an error without the URL with which net/http begins it.
func plain(text string) string {
	if verb, rest, found := strings.Cut(text, ` "`); found && !strings.Contains(verb, " ") {
		if end := strings.LastIndex(rest, `": `); end >= 0 {
			return rest[end+len(`": `):]
		}
	}
	return text
}
