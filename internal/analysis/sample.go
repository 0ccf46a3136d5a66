package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Sample is what one look at the counters saw.
type Sample struct {
	At time.Time `json:"at"`
	// Missing says why the sample could not be taken; empty when it was. New and
	// Old of a missing sample are not read.
	Missing string `json:"missing,omitempty"`
	// Source names who counted it, where there are several who can.
	Source string `json:"source,omitempty"`
	// New holds the counters of the new side by series (a pod, an instance). A
	// sample without any series is blind.
	New map[string]Counters `json:"new,omitempty"`
	// Old holds those of the old side where it is still served: the concurrent
	// control. Nil where the old side was not looked at.
	Old map[string]Counters `json:"old,omitempty"`
}

// Counters are what one series has counted since it began, not since the last
// sample: a gap between samples then loses nothing.
type Counters struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	// Buckets is the latency histogram: cumulative counts by rising edge, +Inf
	// last. Nil where latency is not measured.
	Buckets []Bucket `json:"buckets,omitempty"`
}

// A Bucket counts the requests that took at most LE seconds.
type Bucket struct {
	LE    float64
	Count uint64
}

type bucketJSON struct {
	LE    json.RawMessage `json:"le"`
	Count uint64          `json:"count"`
}

// MarshalJSON writes the edge as a string, as Prometheus does, since JSON has no
// number for +Inf.
func (b Bucket) MarshalJSON() ([]byte, error) {
	le := "+Inf"
	if !math.IsInf(b.LE, 1) {
		le = strconv.FormatFloat(b.LE, 'g', -1, 64)
	}
	return json.Marshal(bucketJSON{LE: json.RawMessage(strconv.Quote(le)), Count: b.Count})
}

// UnmarshalJSON accepts the edge as a string or as a number; NaN is an error.
func (b *Bucket) UnmarshalJSON(data []byte) error {
	var raw bucketJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	text := string(raw.LE)
	if len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(raw.LE, &text); err != nil {
			return fmt.Errorf("bucket edge: %w", err)
		}
	}
	le, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(le) {
		return fmt.Errorf("bucket edge %q: want a number of seconds or \"+Inf\"", text)
	}
	b.LE, b.Count = le, raw.Count
	return nil
}
