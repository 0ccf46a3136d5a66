package forward

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// failuresToDown are how many attempts in a row fail until a target counts as down.
const failuresToDown = 2

// A target is one address that connections are led to.
type target struct {
	address netip.AddrPort
	of      HostPort // as the route names it

	open               atomic.Int64
	total, failed      atomic.Int64
	toTarget, toClient atomic.Int64
	gone               atomic.Bool // no name leads to it any more; it is kept for what is open

	mu       sync.Mutex
	up       bool
	failures int // in a row
	why      string
}

// succeeded notes that it took a connection, and says whether that is news.
func (t *target) succeeded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := !t.up
	t.up, t.failures, t.why = true, 0, ""
	return news
}

// failedWith notes that it took none, and says whether it is down since now.
func (t *target) failedWith(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	first := t.why == "" && !t.up
	t.why = err.Error()
	if t.up && t.failures >= failuresToDown {
		t.up = false
		return true
	}
	return first
}

// untried says that nobody has tried it yet.
func (t *target) untried() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.up && t.why == ""
}

// state is whether it takes connections, as far as is known, and why not.
func (t *target) state() (up bool, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.up && t.why == "" {
		return false, "not tried yet"
	}
	return t.up, t.why
}
