package analysis

import (
	"maps"
	"math"
	"time"
)

// A Side sums what the series of one side have counted since the judgement began.
type Side struct {
	// Primed is set by the first sample: its series start at what they had
	// counted by then, every later one starts from zero. A rate taken between two
	// scrapes would lose what a new series counted before its first scrape, and
	// after a switch all series are new.
	Primed bool              `json:"primed,omitempty"`
	Series map[string]Series `json:"series,omitempty"`
	Sum    Tally             `json:"sum"`
}

// A Tally counts requests and what went wrong with them.
type Tally struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	// Timed counts the requests whose latency is known, Slow those surely and
	// MaybeSlow those possibly slower than the limit.
	Timed     uint64 `json:"timed,omitempty"`
	Slow      uint64 `json:"slow,omitempty"`
	MaybeSlow uint64 `json:"maybeSlow,omitempty"`
}

// A Series is what one series had counted when it was last seen. It is kept
// when the series vanishes: one that comes back goes on from there, and
// forgetting it would count everything twice.
type Series struct {
	Last Tally `json:"last"`
	// Since is when the series (or its process, after a reset) was first seen:
	// the warm-up runs from here.
	Since time.Time `json:"since"`
	Edges Edges     `json:"edges,omitzero"`
}

// A look is one sample's view of one side.
type look struct {
	at, before time.Time // now, and the last time that the side was seen
	start      time.Time // of the judgement
	limit      Limit
	warmUp     time.Duration
}

// absorb adds what the counters grew by and returns the growth of all together.
// The receiver's map is replaced, never written to.
func (s *Side) absorb(now map[string]Counters, l look) Tally {
	known := maps.Clone(s.Series)
	if known == nil && len(now) > 0 {
		known = make(map[string]Series, len(now))
	}
	var grown Tally
	for name, c := range now {
		tally, edges := l.limit.tally(c)
		last, seen := known[name]
		next, delta := l.grow(last, seen, tally, edges)
		if !s.Primed {
			next.Since, delta = l.start, Tally{}
		}
		known[name] = next
		grown = grown.plus(delta)
	}
	s.Series, s.Primed = known, true
	s.Sum = s.Sum.plus(grown)
	return grown
}

// grow returns the series as it now stands and its growth since last. A counter
// that went back was reset with its process, so all of it is growth.
func (l look) grow(last Series, seen bool, now Tally, edges Edges) (Series, Tally) {
	next := Series{Last: now, Since: last.Since, Edges: edges}
	delta := now
	fresh := !seen || now.Requests < last.Last.Requests || now.Errors < last.Last.Errors ||
		(edges == last.Edges && now.Timed < last.Last.Timed)
	if fresh {
		next.Since = l.at
	} else {
		delta = now.minus(last.Last)
	}
	cold := l.warmUp > 0 && (fresh || l.before.Before(last.Since.Add(l.warmUp)))
	relaid := !fresh && edges != last.Edges && last.Last.Timed > 0 // other edges: nothing to compare
	if cold || relaid {
		delta.Timed, delta.Slow, delta.MaybeSlow = 0, 0, 0
	}
	return next, delta
}

func (t Tally) plus(u Tally) Tally {
	return Tally{
		Requests: add(t.Requests, u.Requests), Errors: add(t.Errors, u.Errors),
		Timed: add(t.Timed, u.Timed), Slow: add(t.Slow, u.Slow), MaybeSlow: add(t.MaybeSlow, u.MaybeSlow),
	}
}

func (t Tally) minus(u Tally) Tally {
	return Tally{
		Requests: sub(t.Requests, u.Requests), Errors: sub(t.Errors, u.Errors),
		Timed: sub(t.Timed, u.Timed), Slow: sub(t.Slow, u.Slow), MaybeSlow: sub(t.MaybeSlow, u.MaybeSlow),
	}
}

// add and sub saturate: a journal that was tampered with must not wrap around
// into a healthy count.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

func sub(a, b uint64) uint64 { return a - min(a, b) }
