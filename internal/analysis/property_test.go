package analysis

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// trace draws a state and the samples that lead on from it.
func trace(t *rapid.T) (JudgeState, []Sample) {
	cfg := DefaultConfig()
	cfg.WarmUp = time.Duration(rapid.IntRange(0, 20).Draw(t, "warmUp")) * time.Second
	history := rapid.Uint64Range(0, 200_000).Draw(t, "history")
	base := fineBaseline()
	base.Requests, base.Errors = history, history/rapid.Uint64Range(5, 5000).Draw(t, "every")
	base.Dispersion = rapid.Float64Range(1, 8).Draw(t, "dispersion")
	var samples []Sample
	var now Counters
	sec := 0.0
	for i := range rapid.IntRange(1, 25).Draw(t, "samples") {
		if i > 0 && rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
			samples = append(samples, Sample{At: after(sec), Missing: "gap"})
		} else {
			grown := rapid.Uint64Range(0, 3000).Draw(t, "requests")
			now.Requests += grown
			now.Errors += min(grown, rapid.Uint64Range(0, 12).Draw(t, "errors"))
			slow := now.Requests - now.Requests/rapid.Uint64Range(20, 200).Draw(t, "slow")
			now.Buckets = []Bucket{{0.25, slow}, {0.3, max(slow, now.Requests-5)}, {0.5, now.Requests}, {inf, now.Requests}}
			samples = append(samples, Sample{At: after(sec), New: map[string]Counters{"a": now}})
		}
		sec += float64(rapid.IntRange(1, 60).Draw(t, "seconds"))
	}
	return Start(cfg, base, t0), samples
}

func TestStateSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live, samples := trace(t)
		stored := live
		for _, sample := range samples {
			var v, w Verdict
			live, v = Step(live, sample)
			data, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			var back JudgeState
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, stored) {
				t.Fatalf("after a round trip\n%+v\nwas\n%+v", back, stored)
			}
			stored, w = Step(back, sample)
			if v != w {
				t.Fatalf("verdict %+v, from the stored state %+v", v, w)
			}
		}
	})
}

func TestRepeatingASampleChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, samples := trace(t)
		for _, sample := range samples {
			var v Verdict
			s, v = Step(s, sample)
			if again, w := Step(s, sample); w != v || !reflect.DeepEqual(again, s) {
				t.Fatalf("repeated: %+v, was %+v", w, v)
			}
		}
	})
}

// More errors in any sample never improve what is said.
func TestMoreErrorsNeverHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, samples := trace(t)
		base.Config.LatencyFactor = 0
		from := rapid.IntRange(0, len(samples)-1).Draw(t, "from")
		extra := rapid.Uint64Range(1, 50).Draw(t, "extra")
		fair, worse := base, base
		for i, sample := range samples {
			more := sample
			if c, ok := sample.New["a"]; ok && i >= from && i > 0 {
				c.Errors += min(extra, c.Requests-c.Errors)
				more.New = map[string]Counters{"a": c}
			}
			fair, _ = Step(fair, sample)
			worse, _ = Step(worse, more)
			// the capped extra may shrink nothing, so errors stay comparable
			if worse.New.Sum.Errors < fair.New.Sum.Errors || worse.Verdict.Kind == Bad || fair.Verdict.Kind == Bad {
				break
			}
			f, w := fair.errorRate(), worse.errorRate()
			if w.bad < f.bad-1e-6 || w.good > f.good+1e-6 {
				t.Fatalf("%d errors: bad %v good %v; %d errors: bad %v good %v",
					fair.New.Sum.Errors, f.bad, f.good, worse.New.Sum.Errors, w.bad, w.good)
			}
		}
		if fair.Verdict.Kind == Bad && worse.New.Sum.Errors >= fair.New.Sum.Errors && worse.Verdict.Kind != Bad {
			t.Fatalf("bad became %s with more errors", worse.Verdict.Kind)
		}
	})
}

// Whether one series counts or two share the load makes no difference.
func TestSplittingASeriesChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, samples := trace(t)
		split := whole
		part := rapid.Uint64Range(2, 9).Draw(t, "part")
		for _, sample := range samples {
			two := sample
			if c, ok := sample.New["a"]; ok {
				a, b := Counters{Requests: c.Requests / part, Errors: c.Errors / part}, Counters{}
				for _, bucket := range c.Buckets {
					a.Buckets = append(a.Buckets, Bucket{bucket.LE, bucket.Count / part})
					b.Buckets = append(b.Buckets, Bucket{bucket.LE, bucket.Count - bucket.Count/part})
				}
				b.Requests, b.Errors = c.Requests-a.Requests, c.Errors-a.Errors
				two.New = map[string]Counters{"x": a, "y": b}
			}
			var v, w Verdict
			whole, v = Step(whole, sample)
			split, w = Step(split, two)
			// the drawn slow share may fall, which reads as it should in one
			// series and rounds differently in two
			if whole.New.Sum.Slow != split.New.Sum.Slow || whole.New.Sum.MaybeSlow != split.New.Sum.MaybeSlow {
				return
			}
			if v != w {
				t.Fatalf("one series %+v, two %+v", v, w)
			}
		}
	})
}
