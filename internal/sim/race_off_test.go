//go:build !race

package sim

const share = 1
