//go:build !race

package scan

const repeated = 30_000
