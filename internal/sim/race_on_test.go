//go:build race

package sim

// share is how many of so many trials are made, pairShare how many of so many pairs, and
// migrations how many are drawn by their seeds: the race detector makes each ten times as
// long. Which trials, only their names decide.
const (
	share      = 8
	pairShare  = 64
	migrations = 200
)
