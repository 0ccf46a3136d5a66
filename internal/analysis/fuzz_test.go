package analysis

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// Whatever a journal holds that decodes, judging on must not panic, must give
// one of the four verdicts and must be storable again.
func FuzzState(f *testing.F) {
	s, _ := steps(Start(DefaultConfig(), fineBaseline(), t0), one(0, 0, 0), slowPods(40, 4000, "b"))
	data, err := json.Marshal(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint64(5000), uint64(7))
	f.Add([]byte(`{"baseline":{"dispersion":1e308,"requests":18446744073709551615,"errors":18446744073709551615}}`), uint64(math.MaxUint64), uint64(1))
	f.Add([]byte(`{"epochs":[{"k":0}],"new":{"primed":true,"sum":{"errors":9}},"config":{"alpha":-1,"latencyFactor":1e5}}`), uint64(1), uint64(9))
	f.Add([]byte(`{"baseline":{"buckets":[{"le":"-Inf","count":4},{"le":"1e400","count":1}]}}`), uint64(1), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, requests, errors uint64) {
		var s JudgeState
		if json.Unmarshal(data, &s) != nil {
			return
		}
		latched := s.Verdict.Kind == Bad
		at := s.At.Add(time.Minute)
		if at.Year() > 9000 || at.Year() < 1 {
			return
		}
		c := Counters{Requests: requests, Errors: errors, Buckets: hist(requests, 0.25, 0.9, 0.3, 0.95)}
		next, v := Step(s, Sample{At: at, New: map[string]Counters{"a": c}, Old: map[string]Counters{"v": c}})
		if latched {
			return
		}
		if v.Kind != Good && v.Kind != Bad && v.Kind != Unresolved && v.Kind != Blind {
			t.Fatalf("verdict %+v", v)
		}
		if math.IsNaN(v.EValue) || math.IsInf(v.EValue, 0) {
			t.Fatalf("e-value %v", v.EValue)
		}
		if next.Verdict.Since.Year() < 9000 {
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestBucketEdgesInJSON(t *testing.T) {
	var got []Bucket
	if err := json.Unmarshal([]byte(`[{"le":"0.25","count":3},{"le":0.5,"count":4},{"le":"+Inf","count":5}]`), &got); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got)
	if want := `[{"le":"0.25","count":3},{"le":"0.5","count":4},{"le":"+Inf","count":5}]`; err != nil || string(data) != want {
		t.Errorf("got %s, %v; want %s", data, err, want)
	}
	for _, wrong := range []string{`{"le":"NaN"}`, `{"le":"soon"}`, `{}`, `{"le":null}`, `[]`} {
		if err := json.Unmarshal([]byte(wrong), &Bucket{}); err == nil {
			t.Errorf("%s was accepted", wrong)
		}
	}
}
