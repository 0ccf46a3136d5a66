package prometheus

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"rehome.dev/rehome/internal/metrics"
)

// series is one raw counter of one instance.
type series struct {
	key    string  // the instance, see instanceKey
	group  string  // every label but le: the buckets of one histogram share it
	le     float64 // NaN where there is none
	points []point // in time order, at least one
}

// point is a scraped value; at is when it was scraped, not when it was asked for.
type point struct {
	at    time.Time
	value float64
}

// ofTarget are the labels that tell one scraped process from another. Labels of
// the request (method, path) and of its answer (code, status) are not among
// them: an instance's counters begin and end together, and a counter of errors
// need not be split as the counter of requests is.
var ofTarget = []model.LabelName{
	"cluster", "prometheus", "prometheus_replica", "replica", "namespace", "job", "instance", "pod",
}

// instanceKey names the instance under which requests, errors and buckets meet.
// Series that did not come from a scrape (recording rules, federation of sums)
// have no instance label; they go by all labels but those of the answer.
func instanceKey(labels model.Metric) string {
	_, scraped := labels["instance"]
	return render(labels, func(name model.LabelName) bool {
		if scraped {
			return slices.Contains(ofTarget, name)
		}
		return !metrics.OfAnswer(string(name))
	})
}

func render(labels model.Metric, keep func(model.LabelName) bool) string {
	var parts []string
	for name, value := range labels {
		if keep(name) {
			parts = append(parts, string(name)+"="+strconv.Quote(string(value)))
		}
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

// newSeries converts one stream. It gives nil for a stream without a point in
// (from, to]: servers disagree on whether a range includes its left end.
func newSeries(stream *model.SampleStream, from, to time.Time) (*series, error) {
	if len(stream.Histograms) > 0 {
		return nil, fmt.Errorf("%s is a native histogram: select counters", stream.Metric)
	}
	s := &series{key: instanceKey(stream.Metric), le: math.NaN()}
	s.group = render(stream.Metric, func(name model.LabelName) bool { return name != "le" })
	if text, found := stream.Metric["le"]; found {
		le, err := strconv.ParseFloat(string(text), 64)
		if err != nil || math.IsNaN(le) {
			return nil, fmt.Errorf("%s: le is not a number", stream.Metric)
		}
		s.le = le * metrics.Unit(string(stream.Metric[model.MetricNameLabel]))
	}
	for _, p := range stream.Values {
		at, value := p.Timestamp.Time(), float64(p.Value)
		if !at.After(from) || at.After(to) {
			continue
		}
		if value < 0 || value >= 1<<63 || math.IsNaN(value) {
			return nil, fmt.Errorf("%s is %v: not a counter", stream.Metric, value)
		}
		s.points = append(s.points, point{at, value})
	}
	if len(s.points) == 0 {
		return nil, nil
	}
	return s, nil
}

// sameScrape bounds how far apart the timestamps of one scrape can be. Prometheus
// gives all of them the same; pushed series differ by less than this.
const sameScrape = 100 * time.Millisecond

// at is the value that was scraped at the time.
func (s *series) at(when time.Time) (float64, bool) {
	for _, p := range slices.Backward(s.points) {
		if d := when.Sub(p.at).Abs(); d <= sameScrape {
			return p.value, true
		}
	}
	return 0, false
}

func (s *series) newest() time.Time { return s.points[len(s.points)-1].at }

// countedBefore says whether the series stood above zero before its newest scrape.
func (s *series) countedBefore() bool {
	return slices.ContainsFunc(s.points[:len(s.points)-1], func(p point) bool { return p.value > 0 })
}
