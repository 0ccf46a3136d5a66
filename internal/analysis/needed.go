package analysis

import "math"

// needed estimates how many more requests certify the error rate if they fail at
// the baseline's rate: for every cell of the nuisance grid the best single
// alternative's distance to the limit over its expected gain per request, and of
// the cells the slowest. The mixture reaches the limit no later than its best
// member, so for the mean path this errs on the high side. Zero means that no
// number would do: a cell within the tolerance of the baseline's rate cannot be
// ruled out by the new side, and the baseline itself is too small to do it.
func (c *cut) needed(seen count, tolerance, goodAt float64) uint64 {
	expected := 0.0
	if c.n > 0 {
		expected = c.x / c.n
	}
	var gridBuf [len(falls)]tilt
	grid := tilts(gridBuf[:0], falls[:], c.dispersion)
	most := 0.0
	for i := 1; i < c.size; i++ {
		known := c.baseline(i)
		if known+logAtom >= goodAt {
			break
		}
		most = max(most, requests(seen, grid, c.ends[i]+tolerance, expected, goodAt-known))
	}
	return rounded(most)
}

// requests is the least number of further requests, at the expected rate, with
// which one alternative alone reaches the log evidence goal against the edge.
func requests(seen count, grid []tilt, edge, expected, goal float64) float64 {
	least := math.Inf(1)
	for _, g := range grid {
		perRequest := math.Log1p(edge * g.psi)
		gain := g.t*expected - perRequest
		have := logRest + g.logWeight + g.t*seen.x - seen.n*perRequest
		if gain > 0 {
			least = min(least, max(goal-have, 0)/gain)
		}
	}
	return least
}

// rounded counts in whole requests, at least one; nothing for what is out of reach.
func rounded(requests float64) uint64 {
	const reach = 1e15
	if requests > reach {
		return 0
	}
	return max(uint64(math.Ceil(requests)), 1)
}
