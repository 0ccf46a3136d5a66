package analysis

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// one is a sample of one series at a second of the judgement.
func one(sec float64, requests, errors uint64) Sample {
	return Sample{At: after(sec), New: map[string]Counters{"a": {Requests: requests, Errors: errors}}}
}

func after(sec float64) time.Time { return t0.Add(time.Duration(sec * float64(time.Second))) }

func steps(s JudgeState, samples ...Sample) (JudgeState, Verdict) {
	v := s.Verdict
	for _, sample := range samples {
		s, v = Step(s, sample)
	}
	return s, v
}

func begin() JudgeState {
	return Start(errorsOnly(), Baseline{Requests: 90_000, Errors: 90}, t0)
}

func TestVerdicts(t *testing.T) {
	missing := func(sec float64) Sample { return Sample{At: after(sec), Missing: "connection refused"} }
	cases := []struct {
		name    string
		samples []Sample
		kind    VerdictKind
		metric  string
		why     string
	}{
		{"no sample yet", nil, Unresolved, ErrorRate, "nothing has been measured"},
		{"no requests at all", []Sample{one(0, 0, 0), one(900, 0, 0)}, Unresolved, ErrorRate, "no request has been counted"},
		{"few requests", []Sample{one(0, 0, 0), one(5, 500, 1)}, Unresolved, ErrorRate, "more are needed"},
		{"healthy for long", []Sample{one(0, 0, 0), one(900, 90_000, 90)}, Good, ErrorRate, "certified"},
		{"ten times the errors", []Sample{one(0, 0, 0), one(30, 3000, 30)}, Bad, ErrorRate, "proven"},
		{"just above the tolerance, little traffic", []Sample{one(0, 0, 0), one(30, 1000, 3)}, Unresolved, ErrorRate, "settles nothing"},
		{"first sample missing", []Sample{missing(1)}, Blind, "", "connection refused"},
		{"good, then gone", []Sample{one(0, 0, 0), one(900, 90_000, 90), missing(905)}, Blind, "", "refused"},
		{"no series", []Sample{{At: after(1)}}, Blind, "", "no series"},
		{"sight regained", []Sample{one(0, 0, 0), missing(5), one(900, 90_000, 90)}, Good, ErrorRate, "certified"},
		{"bad stays bad when blind", []Sample{one(0, 0, 0), one(30, 3000, 300), missing(35)}, Bad, ErrorRate, "proven"},
		{"bad stays bad when it recovers", []Sample{one(0, 0, 0), one(30, 3000, 300), one(9000, 1e6, 300)}, Bad, ErrorRate, "proven"},
		{"certified, then the beginning of a regression", []Sample{one(0, 0, 0), one(900, 90_000, 90), one(910, 91_000, 98)}, Unresolved, ErrorRate, ""},
		{"certified, then a few errors more", []Sample{one(0, 0, 0), one(20, 16_000, 14), one(25, 16_100, 17)}, Good, ErrorRate, "certified"},
		{"the same without a certificate", []Sample{one(0, 0, 0), one(25, 16_100, 17)}, Unresolved, ErrorRate, "settles nothing"},
		{"certified, then a regression", []Sample{one(0, 0, 0), one(900, 90_000, 90), one(930, 93_000, 180)}, Bad, ErrorRate, "proven"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, v := steps(begin(), c.samples...)
			if v.Kind == Bad && s.Certified {
				t.Error("bad and certified at once")
			}
			if v.Kind != c.kind || v.Metric != c.metric || !strings.Contains(v.Why, c.why) {
				t.Errorf("got %+v, want %s of %q with %q", v, c.kind, c.metric, c.why)
			}
		})
	}
}

func TestBlindSaysSinceWhen(t *testing.T) {
	s, v := steps(begin(), Sample{At: after(3), Missing: "x"})
	if !v.Since.Equal(t0) {
		t.Errorf("never seen: blind since %v, want the start", v.Since)
	}
	_, v = steps(s, one(5, 0, 0), one(10, 100, 0), Sample{At: after(15), Missing: "x"}, Sample{At: after(20), Missing: "x"})
	if !v.Since.Equal(after(10)) || v.Requests != 100 {
		t.Errorf("blind since %v with %d requests, want the last look at 10 s with 100", v.Since, v.Requests)
	}
}

func TestBlindAfterBridgesALostSampleWithoutPassing(t *testing.T) {
	cfg := errorsOnly()
	cfg.BlindAfter = 10 * time.Second
	s, v := steps(Start(cfg, Baseline{Requests: 90_000, Errors: 90}, t0), one(0, 0, 0), one(900, 90_000, 90))
	if v.Kind != Good {
		t.Fatalf("not good: %+v", v)
	}
	for sec, want := range map[float64]VerdictKind{905: Unresolved, 910: Unresolved, 911: Blind} {
		if _, v := Step(s, Sample{At: after(sec), Missing: "x"}); v.Kind != want {
			t.Errorf("after %v s: %s, want %s", sec-900, v.Kind, want)
		}
	}
}

// FIRST-SCRAPE, resets, gaps and vanished series, by what is counted.
func TestCounting(t *testing.T) {
	type m = map[string]Counters
	at := func(sec float64, c m) Sample { return Sample{At: after(sec), New: c} }
	cases := []struct {
		name             string
		samples          []Sample
		requests, errors uint64
	}{
		{"a series that exists at the start begins at its count",
			[]Sample{at(0, m{"a": {1000, 9, nil}}), at(5, m{"a": {1500, 10, nil}})}, 500, 1},
		{"a series that appears later begins at zero",
			[]Sample{at(0, m{"a": {10, 0, nil}}), at(5, m{"a": {10, 0, nil}, "b": {300, 7, nil}})}, 300, 7},
		{"an empty first look proves every series new",
			[]Sample{at(0, m{}), at(5, m{"b": {300, 7, nil}})}, 300, 7},
		{"a missing first look does not",
			[]Sample{{At: t0, Missing: "x"}, at(5, m{"b": {300, 7, nil}}), at(10, m{"b": {310, 7, nil}})}, 10, 0},
		{"a gap loses nothing",
			[]Sample{at(0, m{"a": {}}), {At: after(5), Missing: "x"}, {At: after(500), Missing: "x"}, at(600, m{"a": {900, 3, nil}})}, 900, 3},
		{"a counter that goes back was reset",
			[]Sample{at(0, m{"a": {}}), at(5, m{"a": {500, 5, nil}}), at(10, m{"a": {80, 2, nil}})}, 580, 7},
		{"requests alone going back are a reset",
			[]Sample{at(0, m{"a": {}}), at(5, m{"a": {500, 0, nil}}), at(10, m{"a": {80, 0, nil}})}, 580, 0},
		{"errors alone going back are a reset too",
			[]Sample{at(0, m{"a": {}}), at(5, m{"a": {500, 5, nil}}), at(10, m{"a": {600, 2, nil}})}, 1100, 7},
		{"a vanished series keeps what it counted",
			[]Sample{at(0, m{"a": {}, "b": {}}), at(5, m{"a": {100, 1, nil}, "b": {50, 2, nil}}), at(10, m{"a": {110, 1, nil}})}, 160, 3},
		{"a series that comes back goes on from there",
			[]Sample{at(0, m{"a": {}, "b": {}}), at(5, m{"a": {100, 1, nil}, "b": {50, 2, nil}}), at(10, m{"a": {110, 1, nil}}),
				at(15, m{"a": {110, 1, nil}, "b": {60, 2, nil}})}, 170, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, _ := steps(begin(), c.samples...)
			if got := s.New.Sum; got.Requests != c.requests || got.Errors != c.errors {
				t.Errorf("counted %d requests, %d errors; want %d, %d", got.Requests, got.Errors, c.requests, c.errors)
			}
		})
	}
}

func TestSampleThatIsNotNewerChangesNothing(t *testing.T) {
	s, v := steps(begin(), one(0, 0, 0), one(10, 1000, 2))
	for _, again := range []Sample{one(10, 5000, 4000), one(5, 5000, 4000), {At: after(10), Missing: "x"}, {}} {
		if next, w := Step(s, again); w != v || !reflect.DeepEqual(next, s) {
			t.Errorf("sample at %v changed the judgement to %+v", again.At, w)
		}
	}
}

func TestStepLeavesItsArgumentAlone(t *testing.T) {
	s, _ := steps(begin(), one(0, 0, 0), one(40, 4000, 4), one(80, 8000, 8))
	before, _ := json.Marshal(s)
	for i := range 5 {
		Step(s, Sample{At: after(float64(200 + i)), New: map[string]Counters{"a": {9000, 900, nil}, "c": {5, 5, nil}}, Old: map[string]Counters{"v": {1, 1, nil}}})
	}
	if now, _ := json.Marshal(s); string(now) != string(before) {
		t.Errorf("the state changed\nfrom %s\nto   %s", before, now)
	}
}

func TestAbsoluteLimit(t *testing.T) {
	none := Baseline{} // no statistics are possible
	half := Baseline{Requests: 10_000, Errors: 5000}
	cases := []struct {
		name    string
		base    Baseline
		samples []Sample
		want    bool
	}{
		{"all of twenty for 3 s", none, []Sample{one(0, 0, 0), one(1, 7, 7), one(2, 14, 14), one(3, 20, 20)}, true},
		{"not yet 3 s", none, []Sample{one(0, 0, 0), one(1, 10, 10), one(2, 20, 20)}, false},
		{"fewer than a handful", none, []Sample{one(0, 0, 0), one(4, 4, 4)}, false},
		{"one success", none, []Sample{one(0, 0, 0), one(4, 1000, 999)}, false},
		{"a success in the middle begins anew", none, []Sample{one(0, 0, 0), one(2, 20, 20), one(3, 30, 29), one(5, 60, 59)}, false},
		{"silence says nothing", none, []Sample{one(0, 0, 0), one(1, 20, 20), one(9, 20, 20)}, true},
		{"a service that half fails anyway shows runs of nine", half, []Sample{one(0, 0, 0), one(60, 600, 300), one(64, 609, 309)}, false},
		{"but not of sixty", half, []Sample{one(0, 0, 0), one(60, 600, 300), one(64, 660, 360)}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, v := steps(Start(errorsOnly(), c.base, t0), c.samples...)
			if got := v.Kind == Bad && v.Metric == AllFailing; got != c.want {
				t.Errorf("got %+v, want the absolute limit: %v", v, c.want)
			}
		})
	}
}

func TestWithoutBaselineNothingIsProven(t *testing.T) {
	for _, errors := range []uint64{0, 100, 900} {
		if _, v := steps(Start(errorsOnly(), Baseline{}, t0), one(0, 0, 0), one(60, 1000, errors)); v.Kind != Unresolved || !strings.Contains(v.Why, "no baseline") {
			t.Errorf("%d errors of 1000: %+v", errors, v)
		}
	}
}

func TestBaselineWithoutErrors(t *testing.T) {
	cases := []struct {
		history, requests, errors uint64
		want                      VerdictKind
	}{
		{90_000, 3000, 0, Unresolved}, {90_000, 20_000, 0, Good}, {90_000, 2000, 15, Bad},
		{90_000, 10_000, 5, Unresolved}, // half the tolerance, but too few to tell
		{500, 1000, 5, Unresolved},      // a history of 500 cannot exclude 0.5 %
		{500, 1000, 60, Bad},
	}
	for _, c := range cases {
		if _, v := steps(Start(errorsOnly(), Baseline{Requests: c.history}, t0), one(0, 0, 0), one(60, c.requests, c.errors)); v.Kind != c.want {
			t.Errorf("%+v: got %+v", c, v)
		}
	}
}

func TestDispersionDemandsMore(t *testing.T) {
	for dispersion, want := range map[float64]VerdictKind{1: Bad, 9: Unresolved} {
		_, v := steps(Start(errorsOnly(), Baseline{Requests: 90_000, Errors: 90, Dispersion: dispersion}, t0), one(0, 0, 0), one(30, 3000, 30))
		if v.Kind != want {
			t.Errorf("dispersion %v: %+v, want %s", dispersion, v, want)
		}
	}
}

// The control: what both sides suffer at once is not the new side's doing.
func TestConcurrentControl(t *testing.T) {
	with := func(old Counters) Verdict {
		_, v := steps(begin(),
			Sample{At: t0, New: map[string]Counters{"a": {}}, Old: map[string]Counters{"vm": {}}},
			Sample{At: after(30), New: map[string]Counters{"a": {3000, 90, nil}}, Old: map[string]Counters{"vm": old}})
		return v
	}
	if v := with(Counters{Requests: 1000, Errors: 1}); v.Kind != Bad {
		t.Errorf("healthy control: %+v", v)
	}
	if v := with(Counters{Requests: 1000, Errors: 30}); v.Kind != Unresolved {
		t.Errorf("control just as sick: %+v", v)
	}
}

func TestNeededIsAboutRight(t *testing.T) {
	s, v := steps(begin(), one(0, 0, 0), one(20, 2000, 2))
	if v.Needed < 3000 || v.Needed > 60_000 {
		t.Fatalf("needed %d", v.Needed)
	}
	more := 2000 + v.Needed
	if _, v := steps(s, one(500, more, 2+v.Needed/1000)); v.Kind != Good {
		t.Errorf("after the needed requests at the baseline's rate: %+v", v)
	}
	small := Start(errorsOnly(), Baseline{Requests: 200, Errors: 4}, t0)
	if _, v := steps(small, one(0, 0, 0), one(20, 2000, 40)); v.Needed != 0 || !strings.Contains(v.Why, "baseline is too small") {
		t.Errorf("a baseline of 200 cannot certify 0.1 points: %+v", v)
	}
}

func TestBillionsOfRequests(t *testing.T) {
	s := Start(errorsOnly(), Baseline{Requests: 1e9, Errors: 1e6}, t0)
	if _, v := steps(s, one(0, 0, 0), one(3600, 1e9, 1_000_500)); v.Kind != Good {
		t.Errorf("equal rates: %+v", v)
	}
	if _, v := steps(s, one(0, 0, 0), one(3600, 1e9, 2_500_000)); v.Kind != Bad {
		t.Errorf("beyond tolerance: %+v", v)
	}
}
