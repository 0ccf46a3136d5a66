// Package metrics holds what every source of metrics must do alike: when a side
// counts as silent, how bursty its errors are, and what it did in the past.
//
// It is arithmetic on times and counts. It must not know where they come from,
// nor what is concluded from them.
package metrics

import "time"

// StaleScrapes is how many scrape intervals a side may be silent before it is
// missing: one scrape may fail and the next be late without blinding anybody.
const StaleScrapes = 3

// LookBefore is how long before the beginning of a time of comparison a counter's
// start value may lie.
const LookBefore = 5 * time.Minute
