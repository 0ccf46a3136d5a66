package trace_test

import (
	"fmt"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/trace"
)

var steady = analysis.Baseline{Requests: 90_000, Errors: 90, Dispersion: 1}

// line is a sample as a trace has it.
func line(t float64, requests, errors uint64) string {
	return fmt.Sprintf(`{"t":%v,"requests":%d,"errors":%d}`, t, requests, errors)
}

func judge(t *testing.T, base analysis.Baseline, lines ...string) trace.Judgement {
	t.Helper()
	samples, err := trace.Read("t", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	cfg := analysis.DefaultConfig()
	cfg.LatencyFactor = 0
	return trace.Judge(cfg, base, samples)
}

func TestWhenTheVerdictFell(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		kind  analysis.VerdictKind
		at    float64
	}{
		{"bad at its first sample, whatever follows", []string{line(5, 500, 0), line(10, 1000, 90), line(15, 1500, 90), line(20, 1e6, 90)}, analysis.Bad, 10},
		{"good since it was certified", []string{line(5, 500, 0), line(300, 30_000, 30), line(305, 30_500, 30), line(310, 31_000, 31)}, analysis.Good, 300},
		{"good again, since it is seen again", []string{line(300, 30_000, 30), `{"t":305,"missing":"refused"}`, line(310, 31_000, 31), line(315, 31_500, 31)}, analysis.Good, 310},
		{"unresolved at the end", []string{line(5, 500, 0), line(10, 1000, 1)}, analysis.Unresolved, 10},
		{"blind at the end", []string{line(300, 30_000, 30), `{"t":305,"missing":"refused"}`, `{"t":310,"missing":"refused"}`}, analysis.Blind, 310},
		{"bad stays bad where nothing is seen any more", []string{line(5, 500, 200), `{"t":10,"missing":"refused"}`}, analysis.Bad, 5},
		{"sight regained", []string{`{"t":1,"missing":"refused"}`, line(300, 30_000, 30)}, analysis.Good, 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			if j := judge(t, steady, c.lines...); j.Verdict.Kind != c.kind || j.T != c.at {
				t.Errorf("%s at %v, want %s at %v: %+v", j.Verdict.Kind, j.T, c.kind, c.at, j)
			}
		})
	}
}

// FIRST-SCRAPE: what the first sample has counted belongs to the new side, unless it
// stands at the switch itself or has visibly run before.
func TestWhereCountersBegin(t *testing.T) {
	for _, c := range []struct {
		name             string
		lines            []string
		requests, errors uint64
		fromZero         bool
	}{
		{"with the switch", []string{line(12, 1200, 3), line(13, 1300, 3)}, 1300, 3, true},
		{"after samples that are missing", []string{`{"t":0,"missing":"x"}`, `{"t":1,"missing":"x"}`, line(12, 1200, 3)}, 1200, 3, true},
		{"at the first sample, at the switch", []string{line(0, 1200, 3), line(13, 1300, 4)}, 100, 1, false},
		{"long before", []string{line(1, 5_000_000, 900), line(2, 5_000_100, 901), line(3, 5_000_200, 901)}, 200, 1, false},
		{"long before, and are reset", []string{line(1, 5_000_000, 900), line(2, 80, 2), line(3, 180, 2)}, 180, 2, false},
		{"at nothing, at the switch", []string{line(0, 0, 0), line(13, 100, 1)}, 100, 1, false},
		{"with the switch, and are reset to almost nothing", []string{line(10, 1000, 1), line(20, 2000, 2), line(21, 0, 0), line(22, 100, 0)}, 2100, 2, true},
		{"with a busy moment", []string{line(1, 900, 3), line(2, 1000, 3), line(3, 1100, 3)}, 1100, 3, true},
		{"with the only requests that ever came", []string{line(1, 900, 3), line(2, 900, 3)}, 900, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judge(t, steady, c.lines...)
			if j.Verdict.Requests != c.requests || j.Verdict.Errors != c.errors || j.FromZero != c.fromZero {
				t.Errorf("%d requests, %d errors, from zero: %t: %+v", j.Verdict.Requests, j.Verdict.Errors, j.FromZero, j.Verdict)
			}
		})
	}
}

func TestResetsGapsAndTheOldSide(t *testing.T) {
	j := judge(t, steady, line(1, 100, 1), line(2, 200, 2), line(3, 30, 0), `{"t":4,"missing":"x"}`, line(50, 5030, 5))
	if v := j.Verdict; v.Requests != 5230 || v.Errors != 7 || j.Samples != 4 || j.Missing != 1 {
		t.Errorf("%+v", j)
	}
	both := func(t float64, requests, errors, old, oldErrors uint64) string {
		return strings.TrimSuffix(line(t, requests, errors), "}") + fmt.Sprintf(`,"old":{"requests":%d,"errors":%d}}`, old, oldErrors)
	}
	alone := judge(t, steady, line(1, 100, 3), line(30, 3000, 90))
	shared := judge(t, steady, both(1, 100, 3, 7_000_000, 7000), both(30, 3000, 90, 7_001_000, 7030))
	if alone.Verdict.Kind != analysis.Bad || shared.Verdict.Kind != analysis.Unresolved {
		t.Errorf("alone %s, with an old side just as sick %s", alone.Verdict.Kind, shared.Verdict.Kind)
	}
}

func TestBucketEdgesMayChange(t *testing.T) {
	const base = `{"requests":90000,"errors":90,"buckets":{"0.1":85000,"0.25":89500,"0.3":89800,"+Inf":90000}}`
	b, err := trace.ReadBaseline("b", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	samples, err := trace.Read("t", strings.NewReader(`{"t":10,"requests":5000,"errors":5,"buckets":{"0.1":4700,"0.3":4990,"+Inf":5000}}
{"t":20,"requests":10000,"errors":10,"buckets":{"0.2":9500,"0.35":9900,"+Inf":10000}}
{"t":30,"requests":15000,"errors":15,"buckets":{"0.2":9600,"0.35":9900,"+Inf":15000}}`))
	if err != nil {
		t.Fatal(err)
	}
	if j := trace.Judge(analysis.DefaultConfig(), b, samples); j.Verdict.Kind != analysis.Bad || j.Verdict.Metric != analysis.LatencyP99 || j.T != 30 {
		t.Errorf("%+v", j)
	}
	if j := trace.Judge(analysis.DefaultConfig(), b, samples[:2]); j.Verdict.Kind == analysis.Bad {
		t.Errorf("edges that change are no slow requests: %+v", j)
	}
}

func TestNothingToJudge(t *testing.T) {
	if j := trace.Judge(analysis.DefaultConfig(), steady, nil); j.Verdict.Kind != analysis.Unresolved || j.Samples != 0 {
		t.Errorf("%+v", j)
	}
}
