package metrics

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/analysis"
)

// Histograms adds up histograms edge by edge. Counts at most an edge may only be
// added where every histogram has that edge, so the others are left out.
type Histograms struct {
	sums   map[float64]float64
	having map[float64]int
	names  map[string]bool
}

// Add takes in how many requests one histogram counts at most at an edge in seconds.
func (h *Histograms) Add(histogram string, le, count float64) {
	if h.sums == nil {
		h.sums, h.having, h.names = map[float64]float64{}, map[float64]int{}, map[string]bool{}
	}
	h.names[histogram] = true
	h.sums[le] += count
	h.having[le]++
}

// Buckets is the sum, nil of none. A histogram without its +Inf bucket is an error.
func (h *Histograms) Buckets() ([]analysis.Bucket, error) {
	if len(h.names) == 0 {
		return nil, nil
	}
	if h.having[math.Inf(1)] != len(h.names) {
		return nil, errors.New("a histogram is without its +Inf bucket")
	}
	var out []analysis.Bucket
	for _, le := range slices.Sorted(maps.Keys(h.sums)) {
		if h.having[le] == len(h.names) {
			out = append(out, analysis.Bucket{LE: le, Count: Whole(h.sums[le])})
		}
	}
	return out, nil
}

// Whole turns a sum of counters into a number of requests. The sum of many is
// bounded, since each of them is.
func Whole(sum float64) uint64 {
	if sum >= 1<<63 {
		return 1 << 63
	}
	return uint64(math.Round(sum))
}

// Unit converts the edges of a histogram to seconds by its metric's name, which
// carries the unit: Istio's counts in milliseconds.
func Unit(name string) float64 {
	if strings.HasSuffix(name, "_milliseconds_bucket") || strings.HasSuffix(name, "_ms_bucket") {
		return 1e-3
	}
	return 1
}

// ofAnswer are the labels that differ between the answers of one instance, by the
// names that common exporters give them (client libraries, ingress-nginx, Istio,
// Envoy, OpenTelemetry).
var ofAnswer = []string{
	"__name__", "le", "code", "status", "status_code", "response_code", "response_flags", "grpc_code",
	"grpc_response_status", "envoy_response_code", "envoy_response_code_class", "http_status", "http_response_status_code",
}

// OfAnswer says whether a label tells answers apart rather than who gave them.
func OfAnswer(label string) bool { return slices.Contains(ofAnswer, label) }
