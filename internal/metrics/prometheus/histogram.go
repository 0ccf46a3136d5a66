package prometheus

import (
	"errors"
	"maps"
	"math"
	"slices"

	"rehome.dev/rehome/internal/analysis"
)

// buckets adds up histograms edge by edge; value gives what one series counts,
// or false where it does not count at all. Counts at most an edge may only be
// added where every histogram has that edge, so the others are left out.
func buckets(all []series, value func(*series) (float64, bool)) ([]analysis.Bucket, error) {
	sums, having, histograms := map[float64]float64{}, map[float64]int{}, map[string]bool{}
	for i := range all {
		v, counts := value(&all[i])
		if !counts {
			continue
		}
		histograms[all[i].group] = true
		sums[all[i].le] += v
		having[all[i].le]++
	}
	if len(histograms) == 0 {
		return nil, nil
	}
	if having[math.Inf(1)] != len(histograms) {
		return nil, errors.New("a histogram is without its +Inf bucket")
	}
	var out []analysis.Bucket
	for _, le := range slices.Sorted(maps.Keys(sums)) {
		if having[le] == len(histograms) {
			out = append(out, analysis.Bucket{LE: le, Count: count(sums[le])})
		}
	}
	return out, nil
}

// count turns a sum of counters into a number of requests. The sum of many is
// bounded, since each of them is.
func count(sum float64) uint64 {
	if sum >= 1<<63 {
		return 1 << 63
	}
	return uint64(math.Round(sum))
}
