package runbook

import (
	"slices"

	"rehome.dev/rehome/internal/readiness"
)

// Measured is what a person puts on record of experiments that were made on the
// machines: the engine takes facts, and makes neither loads nor drills. File is
// where it was read, for people.
type Measured struct {
	File        string               `json:"file,omitempty"`
	Experiments []readiness.Recorded `json:"experiments"`
}

// newest takes experiments into those that are known: of each kind the one that
// was made last on each machine, and of two of the same time the later record's.
func newest(known, more []readiness.Recorded) []readiness.Recorded {
	out := slices.Clone(known)
	for _, r := range more {
		i := slices.IndexFunc(out, func(o readiness.Recorded) bool {
			return o.Host == r.Host && o.Unit == r.Unit && o.Kind() == r.Kind()
		})
		switch {
		case i < 0:
			out = append(out, r)
		case !r.Made.Before(out[i].Made):
			out[i] = r
		}
	}
	return out
}
