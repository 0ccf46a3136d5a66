package trace

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"rehome.dev/rehome/internal/analysis"
)

// mostSeconds bounds t: it is what 64 bits hold in nanoseconds, twice over.
const mostSeconds = 4e9

// number reads a field that must be there. It says whether there is one.
func (o *object) number(name string) (float64, bool) {
	f, found := o.fields[name]
	if !found {
		o.problem(name, "give it", "is missing")
		return 0, false
	}
	var n json.Number
	if f.value[0] == '"' || json.Unmarshal(f.value, &n) != nil || n == "" {
		o.problem(name, "write a number", "is %s, not a number", cut(f.value))
		return 0, false
	}
	v, err := n.Float64()
	if err != nil {
		o.problem(name, "write a number", "is %s, more than a number can be", cut(f.value))
		return 0, false
	}
	return v, true
}

// count reads a counter: a whole number, not below zero. 1200.0 is one too, since
// Prometheus counts in floating point.
func (o *object) count(name string) (uint64, bool) {
	v, ok := o.number(name)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseUint(string(o.fields[name].value), 10, 64); err == nil {
		return n, true
	}
	if v < 0 || v != math.Trunc(v) || v >= 1<<63 {
		o.problem(name, "write how many were counted since the beginning", "is %s: a counter is a whole number, not below zero", cut(o.fields[name].value))
		return 0, false
	}
	return uint64(v), true
}

// text reads a text that is not empty.
func (o *object) text(name string) string {
	var s string
	if f := o.fields[name]; f.value[0] != '"' || json.Unmarshal(f.value, &s) != nil || s == "" {
		o.problem(name, "write in a few words why there is no sample", "is %s, not a text", cut(f.value))
	}
	return s
}

// buckets reads a histogram: the counts of requests that took at most so many
// seconds, by that edge. Nil where there is none.
func (o *object) buckets(name string) []analysis.Bucket {
	f, found := o.fields[name]
	if !found {
		return nil
	}
	h := open(f.value, f.at, o.path+name+".")
	out := make([]analysis.Bucket, 0, len(h.fields))
	for edge, value := range h.fields {
		le, err := strconv.ParseFloat(edge, 64)
		if err != nil || math.IsNaN(le) || le < 0 {
			h.wrong = append(h.wrong, mistake{value.at, o.path + name, strconv.Quote(edge) + " is no edge", `write edges in seconds, such as "0.25", and "+Inf"`})
			continue
		}
		if n, ok := h.count(edge); ok {
			out = append(out, analysis.Bucket{LE: le, Count: n})
		}
	}
	slices.SortFunc(h.wrong, func(a, b mistake) int { return a.at - b.at })
	o.wrong = append(o.wrong, h.wrong...)
	if len(h.wrong) > 0 {
		return nil
	}
	slices.SortFunc(out, func(a, b analysis.Bucket) int { return compare(a.LE, b.LE) })
	o.shape(name, out)
	return out
}

// shape demands of a histogram that it is one.
func (o *object) shape(name string, all []analysis.Bucket) {
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.LE == b.LE {
			o.problem(name, "leave one of them out", "has the edge %v twice", a.LE)
		} else if b.Count < a.Count {
			o.problem(name, "count in each bucket what took at most its edge", "has %d requests up to %v s and fewer, %d, up to %v s", a.Count, a.LE, b.Count, b.LE)
		}
	}
	if len(all) == 0 || !math.IsInf(all[len(all)-1].LE, 1) {
		o.problem(name, `count all requests in the bucket "+Inf"`, `has no edge "+Inf"`)
	}
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
