package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/readiness"
)

// Measured is what a person puts on record of experiments that were made on the
// machines: the engine takes facts, and makes neither loads nor drills. File is
// where it was read, for people.
type Measured struct {
	File        string               `json:"file,omitempty"`
	Experiments []readiness.Recorded `json:"experiments"`
}

// Text says what was put on record, in one line.
func (m Measured) Text() string {
	var out []string
	for _, r := range m.Experiments {
		out = append(out, fmt.Sprintf("the %s of %s on %s (%s; facts %s)", r.Kind(), r.Made.UTC().Format(time.RFC3339), r.Host, r.Shows(), r.Facts[:min(len(r.Facts), 12)]))
	}
	return strings.Join(out, "; ")
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
