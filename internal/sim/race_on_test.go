//go:build race

package sim

// share is how many of so many trials are made: the race detector makes each
// ten times as long. Which, only their names decide.
const share = 8
