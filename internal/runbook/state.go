package runbook

import (
	"maps"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// State is the fold of one migration's journal, and the live part that is
// journalled only from time to time. It is a value: Apply and Next never change
// what they were given.
type State struct {
	Key  string         `json:"key"`
	Head migration.Head `json:"head"`
	// DeclaredBy is who declared or last edited the file: who runs the migration.
	DeclaredBy string           `json:"declaredBy"`
	Spec       migration.Spec   `json:"spec"`
	Policy     migration.Policy `json:"policy"`
	File       string           `json:"file,omitempty"`

	migration.Position
	Started time.Time `json:"started"` // the attempt
	Since   time.Time `json:"since"`   // in this step
	Fence   uint64    `json:"fence"`

	Pending []migration.Intent                  `json:"pending,omitempty"`
	Done    map[string]Done                     `json:"done,omitempty"`   // by doneKey, of this attempt
	Failed  map[migration.Target]Failure        `json:"failed,omitempty"` // refused in this step
	Swaps   map[string]migration.SwapRecords    `json:"swaps,omitempty"`  // the attempt's switch, by zone
	Origin  map[string]migration.RRset          `json:"origin,omitempty"` // each set as it was first found
	Images  map[int][]string                    `json:"images,omitempty"` // by attempt
	Smoke   map[string]Observation[SmokeResult] `json:"smoke,omitempty"`  // by env/via
	Drills  map[string]Drilled                  `json:"drills,omitempty"` // by workload/drill, of this attempt

	// Trials are the newest of the return paths by env/workload, of this attempt.
	Trials map[string]Observation[migration.TrialResult] `json:"trials,omitempty"`

	Assessed  *Assessed            `json:"assessed,omitempty"`
	Measured  []readiness.Recorded `json:"measured,omitempty"` // the newest of each kind for each machine
	TTLLow    *migration.TTLLow    `json:"ttlLow,omitempty"`
	Rehearsal *migration.Rehearsal `json:"rehearsal,omitempty"`
	Baseline  *analysis.Baseline   `json:"baseline,omitempty"`
	Switched  *migration.Switched  `json:"switched,omitempty"`
	Hold      *migration.Hold      `json:"hold,omitempty"`

	Waivers   []migration.Waiver   `json:"waivers,omitempty"`
	Approvals []migration.Approval `json:"approvals,omitempty"`
	Incidents []migration.Incident `json:"incidents,omitempty"`
	Overs     []migration.Over     `json:"overs,omitempty"`
	Left      []migration.Left     `json:"left,omitempty"`

	Live Live `json:"live"`
}

// SmokeResult is the vocabulary's; the alias keeps State readable.
type SmokeResult = migration.SmokeResult

// Observation is a journalled value with its time.
type Observation[T any] struct {
	Value T         `json:"value"`
	At    time.Time `json:"at"`
}

// Done is an action of this attempt that was carried out.
type Done struct {
	Intent string        `json:"intent"`
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
}

// Failure is an action that was refused: nothing was changed.
type Failure struct {
	Count   int               `json:"count"`
	At      time.Time         `json:"at"`
	Outcome migration.Outcome `json:"outcome"`
	Detail  string            `json:"detail,omitempty"`
}

// Live is what changes with every look and is journalled only at each change of
// verdict and from time to time. After a crash it is older, never wrong:
// counters are cumulative, and a streak that is too short only waits longer.
type Live struct {
	Judge    analysis.JudgeState  `json:"judge,omitzero"`
	Judging  bool                 `json:"judging,omitempty"`
	Warm     Streak               `json:"warm,omitzero"`   // the balancer answers
	OldBad   Streak               `json:"oldBad,omitzero"` // the old side's probes fail
	NewQuiet Traffic              `json:"newQuiet,omitzero"`
	OldQuiet Traffic              `json:"oldQuiet,omitzero"`
	Source   string               `json:"source,omitempty"` // of the metrics, who counted last
	SavedAt  time.Time            `json:"savedAt,omitzero"`
	Saved    analysis.VerdictKind `json:"saved,omitempty"`
}

// Streak is how long something has been true without a break.
type Streak struct {
	Since time.Time `json:"since,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// Keep continues the streak at a look that found it true, or ends it. What was
// not looked at for longer than gap was not seen to be true; a gap of zero means
// that nothing is lost between two looks.
func (s Streak) Keep(ok bool, at time.Time, gap time.Duration) Streak {
	switch {
	case !ok:
		return Streak{Last: at}
	case s.Since.IsZero(), gap > 0 && at.Sub(s.Last) > gap:
		return Streak{Since: at, Last: at}
	}
	return Streak{Since: s.Since, Last: at}
}

// For is the streak's length.
func (s Streak) For() time.Duration {
	if s.Since.IsZero() {
		return 0
	}
	return s.Last.Sub(s.Since)
}

// Traffic follows one side's request counters: since when they stand still.
type Traffic struct {
	Last  map[string]uint64 `json:"last,omitempty"` // by series
	Quiet Streak            `json:"quiet,omitzero"`
	Seen  uint64            `json:"seen,omitempty"` // requests since the first look
}

// Meet remembers what series of another source have counted before they are looked at
// for the first time: it may be years of requests.
func (t Traffic) Meet(series map[string]analysis.Counters) Traffic {
	if t.Last == nil {
		return t
	}
	t.Last = maps.Clone(t.Last)
	for id, c := range series {
		if _, known := t.Last[id]; !known {
			t.Last[id] = c.Requests
		}
	}
	return t
}

// Look takes the counters of one sample. The first look only remembers them; a
// series that appears later has counted from zero.
func (t Traffic) Look(series map[string]analysis.Counters, at time.Time) Traffic {
	if !t.Quiet.Last.Before(at) {
		return t
	}
	next := Traffic{Last: make(map[string]uint64, len(series)), Quiet: t.Quiet, Seen: t.Seen}
	maps.Copy(next.Last, t.Last)
	var grown uint64
	for id, c := range series {
		last := t.Last[id]
		if c.Requests < last {
			last = 0 // reset
		}
		grown += c.Requests - last
		next.Last[id] = c.Requests
	}
	if t.Last == nil {
		grown = 0
	}
	next.Seen += grown
	next.Quiet = t.Quiet.Keep(grown == 0, at, 0)
	return next
}

// OpenIncident is the last incident that has no root cause analysis yet.
func (s State) OpenIncident() (migration.Incident, bool) {
	for _, inc := range slices.Backward(s.Incidents) {
		if inc.RCA == nil {
			return inc, true
		}
	}
	return migration.Incident{}, false
}

// SwitchBegan says whether an intent to move production records exists in this
// attempt: from then on traffic may be on the new side.
func (s State) SwitchBegan() bool { return len(s.Swaps) > 0 }

// zones are the distinct zones in their views that the names live in, with the
// names of each, in the spec's order.
type zone struct {
	Zone, View, Provider string
	Names                []migration.Name
}

func (z zone) key() string { return migration.ZoneKey(z.Zone, z.View) }

func zonesOf(names []migration.Name) []zone {
	var out []zone
	for _, n := range names {
		i := slices.IndexFunc(out, func(z zone) bool { return z.key() == migration.ZoneKey(n.Zone, n.View) })
		if i < 0 {
			out = append(out, zone{Zone: n.Zone, View: n.View, Provider: n.Provider})
			i = len(out) - 1
		}
		out[i].Names = append(out[i].Names, n)
	}
	return out
}

// switched are the zones that this attempt's switch may have changed, with the
// names that it changed in each: what is led back is what was moved, whatever
// the file has come to say since.
func (s State) switched() []zone {
	var out []zone
	for _, k := range slices.Sorted(maps.Keys(s.Swaps)) {
		swap := s.Swaps[k]
		z := zone{Zone: swap.Zone, View: swap.View, Provider: swap.Provider}
		for _, a := range swap.After {
			if isGeneration(a) {
				z.Names = append(z.Names, migration.Name{Name: a.Name[len(generationPrefix):], Zone: swap.Zone, View: swap.View, Provider: swap.Provider})
			}
		}
		out = append(out, z)
	}
	return out
}

// allNames are the names that move or have moved, and the rehearsal's.
func (s State) allNames() []migration.Name {
	names := slices.Clone(s.Spec.Names)
	for _, z := range s.switched() {
		for _, n := range z.Names {
			if !slices.ContainsFunc(names, func(o migration.Name) bool { return o.Name == n.Name && o.View == n.View }) {
				names = append(names, n)
			}
		}
	}
	if s.Spec.Rehearsal != nil {
		names = append(names, *s.Spec.Rehearsal)
	}
	return names
}
