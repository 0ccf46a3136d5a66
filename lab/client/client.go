// Package client sends steady load to the service by name, through the clients'
// resolver, and counts every answer by who gave it. It is the witness of a
// migration: what it counts is what users saw.
//
// It must not know that anything moves.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Load says what to send.
type Load struct {
	URL      string
	Resolver string        // host:port of the name server that is asked for each request
	Rate     int           // requests per second
	For      time.Duration // zero: until ctx ends
	Timeout  time.Duration // of one request, the lookup included
}

func (l Load) check() error {
	var errs []error
	if u, err := url.Parse(l.URL); err != nil || u.Scheme != "http" || u.Host == "" {
		errs = append(errs, fmt.Errorf("the URL %q is not http://HOST[:PORT]/…", l.URL))
	}
	if l.Rate < 1 || l.Rate > 10_000 {
		errs = append(errs, fmt.Errorf("a rate is from 1 to 10000 requests per second, not %d", l.Rate))
	}
	if l.For < 0 || l.Timeout <= 0 {
		errs = append(errs, errors.New("durations cannot be negative, and a timeout cannot be zero"))
	}
	return errors.Join(errs...)
}

// Run sends the load and writes one Second as a line of JSON to out as soon as all
// of its requests have ended. Requests leave on time whatever became of those
// before them; when so many are unanswered that the next one finds no place, it
// counts as sent, with the error "client-overloaded". The end of ctx is not an
// error: requests in flight are awaited. It returns the sum of all seconds.
func Run(ctx context.Context, l Load, out io.Writer) (Second, error) {
	if err := l.check(); err != nil {
		return Second{}, err
	}
	if l.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.For)
		defer cancel()
	}
	t := newTally(out)
	writeFailed := make(chan error, 1)
	stop := every(200*time.Millisecond, func() {
		if err := t.flush(); err != nil {
			select {
			case writeFailed <- err:
			default:
			}
		}
	})
	err := send(ctx, l, t, writeFailed)
	stop()
	return t.written, errors.Join(err, t.finish())
}

// send returns when ctx has ended and no request is in flight.
func send(ctx context.Context, l Load, t *tally, writeFailed <-chan error) error {
	r := newRequester(l)
	defer r.http.Transport.(*http.Transport).CloseIdleConnections()
	places := make(chan struct{}, 2*int(l.Timeout.Seconds()+1)*l.Rate)
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	interval := time.Second / time.Duration(l.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := time.Now(); ; due = due.Add(interval) {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return nil
		case err := <-writeFailed:
			return err
		case <-timer.C:
		}
		done := t.begin()
		select {
		case places <- struct{}{}:
		default:
			done(outcome{cause: "client-overloaded"})
			continue
		}
		inFlight.Go(func() {
			defer func() { <-places }()
			// Not ctx: the end of the load is no reason to give up an answer.
			done(r.do(context.WithoutCancel(ctx)))
		})
	}
}

// every calls f in intervals until the returned function is called, which waits
// for the last call to end.
func every(interval time.Duration, f func()) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				f()
			}
		}
	}()
	return func() { close(quit); <-ended }
}
