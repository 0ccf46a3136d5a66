//go:build !race

package sim

// share is one: every single fault is tried. Of the pairs every third is, and migrations
// are drawn by their seeds; make seeds tries all pairs and draws more.
const (
	share      = 1
	pairShare  = 3
	migrations = 1000
)
