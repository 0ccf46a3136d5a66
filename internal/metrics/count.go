package metrics

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// Series is one raw counter as its instance showed it. Name is not in Labels.
type Series struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Selectors are those of one side.
type Selectors struct {
	side                      migration.Side
	requests, errors, latency Selector
	timed                     bool
}

// SelectorsOf reads a side's selectors. The error names the side and the selector.
func SelectorsOf(side migration.Side, m migration.SideMetrics) (Selectors, error) {
	out := Selectors{side: side, timed: strings.TrimSpace(m.Latency) != ""}
	for _, s := range []struct {
		what, text string
		to         *Selector
	}{{"requests", m.Requests, &out.requests}, {"errors", m.Errors, &out.errors}, {"latency", m.Latency, &out.latency}} {
		if s.to == &out.latency && !out.timed {
			continue
		}
		parsed, err := ParseSelector(s.text)
		if err != nil {
			return Selectors{}, fmt.Errorf("%s side: %s %s: %w", side, s.what, s.text, err)
		}
		*s.to = parsed
	}
	return out, nil
}

// Names are the metrics that the selectors ask for.
func (s Selectors) Names() []string {
	out := []string{s.requests.Name, s.errors.Name}
	if s.timed {
		out = append(out, s.latency.Name)
	}
	return out
}

// Wrap says of which side an error is.
func (s Selectors) Wrap(err error) error {
	return fmt.Errorf("%s side: requests %s: %w", s.side, s.requests, err)
}

// Count gives what one instance shows under the selectors: a series of its own for
// each set of labels that are none of the answer's, so that one that vanishes or
// begins again touches no other. Its key has its labels behind the prefix. A metric
// that is selected for errors and was never counted is none.
func (s Selectors) Count(prefix string, shown []Series) (map[string]analysis.Counters, error) {
	requests, failed, timed := map[string]float64{}, map[string]float64{}, map[string]*Histograms{}
	keys, other := map[string]bool{}, 0.0
	for _, one := range shown {
		key := prefix + keyOf(one.Labels)
		if one.Name == s.requests.Name && s.requests.Match(one.Labels) {
			if err := s.plain("requests", s.requests, one); err != nil {
				return nil, err
			}
			requests[key] += one.Value
			keys[key] = true
		}
		if one.Name == s.errors.Name && s.errors.Match(one.Labels) {
			if err := s.plain("errors", s.errors, one); err != nil {
				return nil, err
			}
			failed[key] += one.Value
			keys[key] = true
			other += one.Value
		}
		if s.timed && one.Name == s.latency.Name && s.latency.Match(one.Labels) {
			le, err := edge(one)
			if err != nil {
				return nil, fmt.Errorf("%s side: latency %s: %w", s.side, s.latency, err)
			}
			if timed[key] == nil {
				timed[key] = &Histograms{}
			}
			timed[key].Add(keyWithAnswer(one.Labels), le, one.Value)
			keys[key] = true
			other += one.Value
		}
	}
	if len(requests) == 0 && other > 0 {
		return nil, fmt.Errorf("%s side: requests %s: no series, while %s or %s has some", s.side, s.requests, s.errors, s.latency)
	}
	out := make(map[string]analysis.Counters, len(keys))
	for key := range keys {
		c := analysis.Counters{Requests: Whole(requests[key]), Errors: Whole(failed[key])}
		if h := timed[key]; h != nil {
			var err error
			if c.Buckets, err = h.Buckets(); err != nil {
				return nil, fmt.Errorf("%s side: latency %s: %w", s.side, s.latency, err)
			}
		}
		out[key] = c
	}
	return out, nil
}

// plain refuses what is no counter of requests.
func (s Selectors) plain(what string, selector Selector, one Series) error {
	var err error
	if _, isEdge := one.Labels["le"]; isEdge {
		err = errors.New("these are a histogram's buckets")
	} else {
		err = counts(one)
	}
	if err != nil {
		return fmt.Errorf("%s side: %s %s: %w", s.side, what, selector, err)
	}
	return nil
}

func counts(one Series) error {
	if one.Value < 0 || one.Value >= 1<<63 || math.IsNaN(one.Value) {
		return fmt.Errorf("%s is %v: not a counter", one.Name, one.Value)
	}
	return nil
}

func edge(one Series) (float64, error) {
	text, found := one.Labels["le"]
	if !found {
		return 0, errors.New("no le label: want a histogram's _bucket series")
	}
	le, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(le) {
		return 0, errors.New("le is not a number")
	}
	return le * Unit(one.Name), counts(one)
}

func keyOf(labels map[string]string) string { return render(labels, OfAnswer) }

func keyWithAnswer(labels map[string]string) string {
	return render(labels, func(name string) bool { return name == "le" })
}

// render writes the labels in order, without those that are left out.
func render(labels map[string]string, without func(string) bool) string {
	parts := make([]string, 0, len(labels))
	for name, value := range labels {
		if !without(name) {
			parts = append(parts, name+"="+strconv.Quote(value))
		}
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}
