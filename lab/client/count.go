package client

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// Second counts the requests that left within one second. Sent is always the
// sum of OK and Errors.
type Second struct {
	T        time.Time      `json:"t"`                  // its beginning, UTC
	Sent     int            `json:"sent"`               // requests that left in it
	OK       int            `json:"ok"`                 // answered 200
	By       map[string]int `json:"by"`                 // answers by who gave them, whatever their status
	FailedBy map[string]int `json:"failedBy,omitempty"` // those of By that were not 200
	Errors   map[string]int `json:"errors,omitempty"`   // requests that were not OK, by cause
}

// outcome is how one request ended.
type outcome struct {
	by    string // who answered; empty without an answer
	cause string // empty when it was answered 200
}

func (s *Second) add(o outcome) {
	s.Sent++
	if o.by != "" {
		increase(&s.By, o.by, 1)
	}
	if o.cause == "" {
		s.OK++
		return
	}
	increase(&s.Errors, o.cause, 1)
	if o.by != "" {
		increase(&s.FailedBy, o.by, 1)
	}
}

func increase(m *map[string]int, key string, n int) {
	if *m == nil {
		*m = map[string]int{}
	}
	(*m)[key] += n
}

// Sum adds up the seconds that begin at or after from and before to. A zero time is
// no bound. T of the result is the first second's.
func Sum(seconds []Second, from, to time.Time) Second {
	total := Second{By: map[string]int{}, FailedBy: map[string]int{}, Errors: map[string]int{}}
	for _, s := range seconds {
		if !from.IsZero() && s.T.Before(from) || !to.IsZero() && !s.T.Before(to) {
			continue
		}
		if total.T.IsZero() {
			total.T = s.T
		}
		total.Sent += s.Sent
		total.OK += s.OK
		for key, n := range s.By {
			total.By[key] += n
		}
		for key, n := range s.FailedBy {
			total.FailedBy[key] += n
		}
		for key, n := range s.Errors {
			total.Errors[key] += n
		}
	}
	return total
}

// Read reads what a client has written to its file so far; the client may go on
// writing, so a last line without an end is left out.
func Read(path string) ([]Second, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the client's count: %w", err)
	}
	defer file.Close()
	var seconds []Second
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return seconds, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the client's count: %w", err)
		}
		var s Second
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, fmt.Errorf("line %d of the client's count: %w", len(seconds)+1, err)
		}
		seconds = append(seconds, s)
	}
}

// tally collects outcomes by second and writes a second once it is complete.
type tally struct {
	mu      sync.Mutex
	open    map[int64]*pending // by Unix second
	written Second
	out     *json.Encoder
	failed  error // the first error of writing
}

type pending struct {
	Second
	inFlight int
}

func newTally(out io.Writer) *tally {
	return &tally{open: map[int64]*pending{}, out: json.NewEncoder(out)}
}

// begin notes that a request leaves now; done must be called once with its outcome.
func (t *tally) begin() (done func(outcome)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	second := time.Now().Unix() // under the lock, so that no second begins again that was written
	p := t.open[second]
	if p == nil {
		p = &pending{Second: Second{T: time.Unix(second, 0).UTC(), By: map[string]int{}}}
		t.open[second] = p
	}
	p.inFlight++
	return func(o outcome) {
		t.mu.Lock()
		defer t.mu.Unlock()
		p.add(o)
		p.inFlight--
	}
}

// flush writes, oldest first, the seconds that are over and whose requests have all
// ended; one that has not holds back those after it, so that lines are in order.
func (t *tally) flush() error { return t.flushBefore(func() int64 { return time.Now().Unix() }) }

// finish writes what is left when no request is in flight.
func (t *tally) finish() error { return t.flushBefore(func() int64 { return math.MaxInt64 }) }

func (t *tally) flushBefore(end func() int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for before := end(); len(t.open) > 0; {
		oldest := slices.Min(slices.Collect(maps.Keys(t.open)))
		p := t.open[oldest]
		if oldest >= before || p.inFlight > 0 {
			break
		}
		if err := t.out.Encode(p.Second); err != nil && t.failed == nil {
			t.failed = fmt.Errorf("write the client's count: %w", err)
		}
		t.written = Sum([]Second{t.written, p.Second}, time.Time{}, time.Time{})
		delete(t.open, oldest)
	}
	return t.failed
}
