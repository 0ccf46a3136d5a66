package main

import "math"

// upper is the one-sided upper 95 % limit of a share of which k of n were seen: the
// share with which so few would be seen in one of twenty experiments (Clopper and
// Pearson 1934).
func upper(k, n int) float64 {
	if k >= n {
		return 1
	}
	low, high := float64(k)/float64(n), 1.0
	for range 60 {
		mid := (low + high) / 2
		if atMost(k, n, mid) > 0.05 {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// atMost is the chance of at most k among n at a share strictly between 0 and 1.
func atMost(k, n int, share float64) float64 {
	sum := 0.0
	for x := range k + 1 {
		sum += math.Exp(choices(float64(n), float64(x)) + float64(x)*math.Log(share) + float64(n-x)*math.Log1p(-share))
	}
	return sum
}

// divergence is that of Kullback and Leibler between two coins, in nats.
func divergence(p, q float64) float64 {
	return p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q))
}
