//go:build !race

package sim

// share is one: every trial is made. migrations is how many are drawn by their seeds;
// make seeds draws more.
const (
	share      = 1
	migrations = 2_500
)
