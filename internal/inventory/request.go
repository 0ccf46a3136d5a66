package inventory

import "time"

// Request is what a probe is asked for. It goes to the agent on its standard
// input, never in its arguments.
type Request struct {
	Target Target `json:"target"`
	// Every and For: one sample each Every, for so long. For 0 takes one sample.
	Every time.Duration `json:"everyNanos"`
	For   time.Duration `json:"forNanos"`
	// Dirs are the configuration directories that are known.
	Dirs []string `json:"dirs,omitempty"`
	// HealthPaths are asked for on every TCP listener; empty asks the usual ones.
	HealthPaths []string `json:"healthPaths,omitempty"`
	// Key is the key of the trees' digests, KeyID its name. Both come from whoever
	// probes all machines at once, and are kept in memory alone.
	Key    []byte      `json:"key,omitempty"`
	KeyID  string      `json:"keyId,omitempty"`
	Drills []DrillName `json:"drills,omitempty"`
	// DrillFor bounds each drill.
	DrillFor time.Duration `json:"drillForNanos,omitempty"`
}

// Event is one line of what an agent answers: progress while it looks, then
// the facts, or why there are none.
type Event struct {
	Samples int    `json:"samples,omitempty"`
	Planned int    `json:"planned,omitempty"`
	Say     string `json:"say,omitempty"`
	Facts   *Facts `json:"facts,omitempty"`
	Err     string `json:"err,omitempty"`
	Hint    string `json:"hint,omitempty"`
}
