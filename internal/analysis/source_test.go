package analysis

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// taken is a sample of one series that a source calls by its own name.
func taken(source string, seconds int, requests, errors uint64) Sample {
	c := map[string]Counters{source + "'s": {Requests: requests, Errors: errors}}
	return Sample{At: time.Unix(1_700_000_000+int64(seconds), 0), Source: source, New: c, Old: c}
}

// A second source has counted for months when it takes over, and the first one goes
// on counting while it is not seen: neither may be counted twice.
func TestAnotherSourceSetsStartingValues(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	s := Start(DefaultConfig(), Baseline{Requests: 100_000, Errors: 100, Dispersion: 1}, start)
	step := func(sample Sample, requests, errors uint64, source string) {
		t.Helper()
		var v Verdict
		s, v = Step(s, sample)
		if got := s.New.Sum; got.Requests != requests || got.Errors != errors || v.Source != source {
			t.Errorf("at %s: %d requests, %d errors, verdict by %q; want %d, %d, %q", sample.At, got.Requests, got.Errors, v.Source, requests, errors, source)
		}
		if s.Control.Sum != s.New.Sum {
			t.Errorf("the control counts otherwise: %+v", s.Control.Sum)
		}
	}
	step(taken("first", 0, 1000, 50), 0, 0, "first")
	step(taken("first", 5, 1100, 51), 100, 1, "first")
	step(Sample{At: start.Add(10 * time.Second), Missing: "gone"}, 100, 1, "first")
	step(taken("second", 15, 9_000_000, 7_000_000), 100, 1, "second")
	step(taken("second", 20, 9_000_200, 7_000_000), 300, 1, "second")
	text, err := json.Marshal(s)
	var back JudgeState
	if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(back, s) {
		t.Fatalf("%v: not the same after a round trip", err)
	}
	s = back
	step(taken("first", 25, 1500, 51), 300, 1, "first")
	step(taken("first", 30, 1600, 61), 400, 11, "first")
	if s.Verdict.Kind == Bad {
		t.Errorf("%+v", s.Verdict)
	}
}

// What the new source shows for the first time after it took over is new all the same.
func TestAnotherSourceCountsNewSeriesFromZero(t *testing.T) {
	s := Start(DefaultConfig(), Baseline{Requests: 100_000, Dispersion: 1}, time.Unix(1_700_000_000, 0))
	s, _ = Step(s, taken("first", 0, 10, 0))
	s, _ = Step(s, taken("second", 5, 10, 0))
	next := taken("second", 10, 10, 0)
	next.New["a pod's"] = Counters{Requests: 70}
	s, _ = Step(s, next)
	if s.New.Sum.Requests != 70 {
		t.Errorf("%+v", s.New.Sum)
	}
}
