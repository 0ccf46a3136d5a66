package bank

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Faults are failures that can be switched on.
type Faults struct {
	Rate    float64       // share of requests that are answered 500, from 0 to 1
	Above   int           // the share fails only while more requests than this came within a second
	Latency time.Duration // added to every request
}

func (f Faults) check() error {
	if !(f.Rate >= 0 && f.Rate <= 1) { // so that NaN is refused too
		return fmt.Errorf("the rate of failures is a share from 0 to 1, not %v", f.Rate)
	}
	if f.Above < 0 || f.Latency < 0 {
		return errors.New("failures have no negative threshold or latency")
	}
	return nil
}

// with changes those failures that the query names.
func (f Faults) with(query url.Values) (Faults, error) {
	var err error
	for key, values := range query {
		value := values[len(values)-1]
		var bad error
		switch key {
		case "rate":
			f.Rate, bad = strconv.ParseFloat(value, 64)
		case "above":
			f.Above, bad = strconv.Atoi(value)
		case "latency":
			f.Latency, bad = time.ParseDuration(value)
		default:
			bad = errors.New("unknown; there are rate, above and latency")
		}
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", key, bad))
		}
	}
	return f, errors.Join(err, f.check())
}

// breaker decides request by request what fails.
type breaker struct {
	mu     sync.Mutex
	faults Faults
	second int64  // the second that is being counted
	count  [2]int // requests in the second before and in this one
}

// next counts a request and returns what it has to suffer.
func (b *breaker) next(now time.Time) (fail bool, latency time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch second := now.Unix(); second {
	case b.second:
	case b.second + 1:
		b.second, b.count = second, [2]int{b.count[1], 0}
	default:
		b.second, b.count = second, [2]int{}
	}
	b.count[1]++
	loaded := max(b.count[0], b.count[1]) > b.faults.Above
	return loaded && rand.Float64() < b.faults.Rate, b.faults.Latency
}

func (b *breaker) get() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults
}

func (b *breaker) set(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}
