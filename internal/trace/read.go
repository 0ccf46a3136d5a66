package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// longestLine bounds one line of a trace, in bytes.
const longestLine = 1 << 20

// origin is the moment of t = 0. A trace has no calendar.
var origin = time.Unix(0, 0).UTC()

// Seconds is the t of a moment of a trace.
func Seconds(at time.Time) float64 { return at.Sub(origin).Seconds() }

// ReadBaseline reads what the old side counted:
//
//	{"requests":90000,"errors":90,"buckets":{"0.1":81000,"+Inf":90000},"dispersion":1.2}
//
// Without dispersion errors are taken to come singly, without buckets latency is not
// judged. The error is of type Errors.
func ReadBaseline(file string, text []byte) (analysis.Baseline, error) {
	o := open(text, 0, "")
	var b analysis.Baseline
	if len(o.wrong) == 0 {
		o.knows("requests", "errors", "buckets", "dispersion")
		c := o.counters()
		b = analysis.Baseline{Requests: c.Requests, Errors: c.Errors, Buckets: c.Buckets, Dispersion: 1}
		if o.has("dispersion") {
			if v, ok := o.number("dispersion"); ok && v < 0 {
				o.problem("dispersion", "give the variance of the errors in an interval over their mean: 1 where they come singly", "is %v, below zero", v)
			} else if ok {
				b.Dispersion = max(v, 1)
			}
		}
	}
	if len(o.wrong) > 0 {
		return analysis.Baseline{}, in(file, 1, text, o.wrong)
	}
	return b, nil
}

// counters reads what one side has counted.
func (o *object) counters() analysis.Counters {
	requests, ok := o.count("requests")
	failed, also := o.count("errors")
	if ok && also && failed > requests {
		o.problem("errors", "count the requests that failed among all of them", "are %d, more than the %d requests", failed, requests)
	}
	return analysis.Counters{Requests: requests, Errors: failed, Buckets: o.buckets("buckets")}
}

// series is the one series of a side of a trace.
const series = "trace"

// Read reads a trace. Each line is a sample, its counters cumulative:
//
//	{"t":12.0,"requests":1200,"errors":3,"buckets":{"0.1":900,"+Inf":1200}}
//	{"t":13.0,"missing":"connection refused"}
//
// t counts seconds from the switch and rises from line to line. "old" holds the
// counters of the old side where it is still served meanwhile. Empty lines are
// passed over. Mistakes are of type Errors; any other error is the reader's.
func Read(file string, from io.Reader) ([]analysis.Sample, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longestLine)
	var all []analysis.Sample
	var wrong Errors
	last, n := 0, 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		o := open(lines.Bytes(), 0, "")
		s := o.sample()
		if len(o.wrong) == 0 && len(all) > 0 && !s.At.After(all[len(all)-1].At) {
			o.problem("t", "put the lines in the order of t, each once", "is %v, not after the %v of line %d", Seconds(s.At), Seconds(all[len(all)-1].At), last)
		}
		if wrong = append(wrong, in(file, n, lines.Bytes(), o.wrong)...); len(wrong) >= mostErrors {
			return nil, wrong[:mostErrors]
		}
		if len(o.wrong) == 0 {
			all, last = append(all, s), n
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		wrong = append(wrong, Error{file, n + 1, 1, "", fmt.Sprintf("is longer than %d bytes", longestLine), "write one sample in each line"})
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", file, err)
	case len(all) == 0 && len(wrong) == 0:
		wrong = append(wrong, Error{file, n + 1, 1, "", "there is no sample in it", `write one in each line, such as {"t":1.0,"requests":100,"errors":0}`})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return all, nil
}

// sample reads one line.
func (o *object) sample() analysis.Sample {
	if len(o.wrong) > 0 {
		return analysis.Sample{}
	}
	t, ok := o.number("t")
	switch {
	case ok && t < 0:
		o.problem("t", "leave out what was seen before the switch, which is at 0", "is %v, below zero", t)
	case ok && t > mostSeconds:
		o.problem("t", "write seconds, not milliseconds", "is %v seconds, more than a century", t)
	}
	s := analysis.Sample{At: origin.Add(time.Duration(math.Round(min(max(t, 0), mostSeconds) * float64(time.Second))))}
	if o.has("missing") {
		o.knows("t", "missing")
		s.Missing = o.text("missing")
		return s
	}
	o.knows("t", "requests", "errors", "buckets", "old", "missing")
	s.New = map[string]analysis.Counters{series: o.counters()}
	if f, found := o.fields["old"]; found {
		old := open(f.value, f.at, "old.")
		if len(old.wrong) == 0 {
			old.knows("requests", "errors", "buckets")
			s.Old = map[string]analysis.Counters{series: old.counters()}
		}
		o.wrong = append(o.wrong, old.wrong...)
	}
	return s
}
