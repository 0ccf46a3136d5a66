//go:build !race

package sim

const (
	share      = 1
	migrations = 10_000
)
