package prometheus

import (
	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
)

// buckets adds up histograms edge by edge; value gives what one series counts,
// or false where it does not count at all.
func buckets(all []series, value func(*series) (float64, bool)) ([]analysis.Bucket, error) {
	var h metrics.Histograms
	for i := range all {
		if v, counts := value(&all[i]); counts {
			h.Add(all[i].group, all[i].le, v)
		}
	}
	return h.Buckets()
}

// count turns a sum of counters into a number of requests.
func count(sum float64) uint64 { return metrics.Whole(sum) }
