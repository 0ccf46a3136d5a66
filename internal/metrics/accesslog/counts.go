package accesslog

import (
	"slices"
	"time"

	"rehome.dev/rehome/internal/accesslog"
	"rehome.dev/rehome/internal/analysis"
)

// kept is for how long counts can be told apart by their second.
const kept = 15 * time.Minute

// counts are what the lines of one log say, by the second in which they were
// written, so that the past can be asked. What is older is in base.
type counts struct {
	base    second
	settled time.Time // up to where base goes
	by      map[int64]*second
	newest  time.Time
	lines   uint64
	strange uint64 // lines that are none of the format
	untimed uint64 // requests without a time taken
}

// second is what was counted in one; times by bucket, not cumulative.
type second struct {
	requests, errors uint64
	times            []uint64
}

func (s *second) add(o *second) {
	s.requests, s.errors = s.requests+o.requests, s.errors+o.errors
	if s.times == nil {
		s.times = make([]uint64, len(o.times))
	}
	for i, n := range o.times {
		s.times[i] += n
	}
}

// take counts one line.
func (c *counts) take(e accesslog.Entry, ok bool, q query, edges []float64) {
	c.lines++
	if !ok {
		c.strange++
		return
	}
	if c.newest.Before(e.At) {
		c.newest = e.At
	}
	to := &c.base
	if e.At.After(c.settled) {
		if c.by == nil {
			c.by = map[int64]*second{}
		}
		at := e.At.Unix()
		if to = c.by[at]; to == nil {
			to = &second{}
			c.by[at] = to
		}
	}
	if to.times == nil {
		to.times = make([]uint64, len(edges))
	}
	if q.requests.match(e) {
		to.requests++
		if q.timed && q.latency.match(e) {
			if e.Timed {
				i, _ := slices.BinarySearch(edges, e.Latency.Seconds())
				to.times[i]++
			} else {
				c.untimed++
			}
		}
		if q.errors.match(e) {
			to.errors++
		}
	}
	if len(c.by) > 2*int(kept/time.Second) {
		c.settle()
	}
}

// settle puts into base what is too old to be asked for.
func (c *counts) settle() {
	c.settled = c.newest.Add(-kept)
	for at, s := range c.by {
		if !time.Unix(at, 0).After(c.settled) {
			c.base.add(s)
			delete(c.by, at)
		}
	}
}

// upTo is what had been counted by then. A line of a second counts from its beginning.
func (c *counts) upTo(at time.Time, edges []float64, timed bool) analysis.Counters {
	sum := second{times: make([]uint64, len(edges))}
	sum.add(&c.base)
	for when, s := range c.by {
		if when <= at.Unix() {
			sum.add(s)
		}
	}
	return sum.counters(edges, timed)
}

func (s *second) counters(edges []float64, timed bool) analysis.Counters {
	out := analysis.Counters{Requests: s.requests, Errors: s.errors}
	if !timed {
		return out
	}
	var all uint64
	for i, le := range edges {
		if i < len(s.times) {
			all += s.times[i]
		}
		out.Buckets = append(out.Buckets, analysis.Bucket{LE: le, Count: all})
	}
	return out
}

// clone is a copy that shares nothing.
func (c *counts) clone() counts {
	out := *c
	out.base.times = slices.Clone(c.base.times)
	out.by = make(map[int64]*second, len(c.by))
	for at, s := range c.by {
		out.by[at] = &second{s.requests, s.errors, slices.Clone(s.times)}
	}
	return out
}
