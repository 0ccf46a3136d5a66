package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// A second source has counted for years when it carries on: a side that is quiet stays
// quiet, and what comes then, or came meanwhile to the first, is seen.
func TestQuietThroughAnotherSource(t *testing.T) {
	var s State
	look := func(seconds int, source, series string, requests, seen uint64, quiet time.Duration) {
		t.Helper()
		c := map[string]analysis.Counters{series: {Requests: requests}}
		at := t0.Add(time.Duration(seconds) * time.Second)
		s = Look(s, Facts{Sample: &analysis.Sample{At: at, Source: source, New: c, Old: c}}, at)
		for _, tr := range []Traffic{s.Live.OldQuiet, s.Live.NewQuiet} {
			if tr.Seen != seen || tr.Quiet.For() != quiet {
				t.Errorf("at %d s: seen %d, quiet for %s, want %d and %s", seconds, tr.Seen, tr.Quiet.For(), seen, quiet)
			}
		}
	}
	look(0, "first", "a", 100, 0, 0)
	look(5, "first", "a", 100, 0, 5*time.Second)
	look(10, "second", "b", 9_000_000, 0, 10*time.Second)
	look(15, "second", "b", 9_000_000, 0, 15*time.Second)
	look(20, "second", "b", 9_000_002, 2, 0)
	look(25, "first", "a", 102, 4, 0) // counted by both: too many, never too few
	look(30, "first", "a", 102, 4, 0)
}
