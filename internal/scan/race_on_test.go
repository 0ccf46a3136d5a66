//go:build race

package scan

// repeated is how often a text that is made to be slow repeats itself: nothing here
// runs beside anything, and the detector makes it ten times as slow.
const repeated = 6_000
