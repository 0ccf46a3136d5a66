package bank

import (
	"net/url"
	"testing"
	"time"
)

func failures(b *breaker, at time.Time, requests int) (n int) {
	for range requests {
		if fail, _ := b.next(at); fail {
			n++
		}
	}
	return n
}

func TestTheShareOfFailures(t *testing.T) {
	at := time.Unix(1_000, 0)
	for _, test := range []struct {
		rate     float64
		min, max int // of 10,000; six standard deviations for a share between
	}{{0, 0, 0}, {1, 10_000, 10_000}, {0.3, 2725, 3275}} {
		b := &breaker{faults: Faults{Rate: test.rate}}
		if got := failures(b, at, 10_000); got < test.min || got > test.max {
			t.Errorf("rate %v: %d of 10,000 failed", test.rate, got)
		}
	}
}

func TestFailuresThatOnlyLoadShows(t *testing.T) {
	b := &breaker{faults: Faults{Rate: 1, Above: 15}}
	at := time.Unix(1_000, 0)
	if got := failures(b, at, 15); got != 0 {
		t.Errorf("%d of a handful failed", got)
	}
	if got := failures(b, at, 5); got != 5 {
		t.Errorf("%d of 5 above the threshold failed", got)
	}
	if got := failures(b, at.Add(time.Second), 1); got != 1 {
		t.Error("the first request of the next second passed while the load goes on")
	}
	if got := failures(b, at.Add(2*time.Second), 1); got != 0 {
		t.Error("a request failed a second after the load had ended")
	}
	if got := failures(b, at.Add(time.Hour), 15); got != 0 {
		t.Errorf("%d failed an hour later", got)
	}
}

func TestSwitchingFailures(t *testing.T) {
	before := Faults{Rate: 0.1, Above: 3}
	for query, want := range map[string]Faults{
		"rate=0.2":              {Rate: 0.2, Above: 3},
		"latency=1s&above=0":    {Rate: 0.1, Latency: time.Second},
		"rate=0&rate=1&above=7": {Rate: 1, Above: 7},
	} {
		values, _ := url.ParseQuery(query)
		if got, err := before.with(values); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", query, got, err, want)
		}
	}
	for _, query := range []string{"rate=2", "rate=-1", "rate=x", "above=-1", "latency=-1s", "speed=1"} {
		values, _ := url.ParseQuery(query)
		if got, err := before.with(values); err == nil {
			t.Errorf("%s was accepted: %+v", query, got)
		}
	}
}
