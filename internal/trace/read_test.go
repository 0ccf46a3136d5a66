package trace_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/trace"
)

func TestReadBaseline(t *testing.T) {
	got, err := trace.ReadBaseline("b.json", []byte(`{"requests": 90000, "errors": 9e1,
		"buckets": {"+Inf": 90000, "0.25": 89000.0, "0.1": 81000}, "dispersion": 1.5}`))
	want := analysis.Baseline{Requests: 90_000, Errors: 90, Dispersion: 1.5, Buckets: []analysis.Bucket{
		{LE: 0.1, Count: 81_000}, {LE: 0.25, Count: 89_000}, {LE: math.Inf(1), Count: 90_000},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]float64{`{"requests":1,"errors":0}`: 1, `{"requests":1,"errors":0,"dispersion":0.2}`: 1} {
		if got, err := trace.ReadBaseline("b.json", []byte(text)); err != nil || got.Dispersion != want || got.Buckets != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// What is refused says file, line, column, field and remedy.
func TestBaselineIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, `b.json:1:1: ends in the middle (was it written to its end?)`},
		{`{"requests":1,"errors":0`, `b.json:1:1: ends in the middle`},
		{`{"requests": oops}`, `b.json:1:14: is no JSON`},
		{`{"requests":1 "errors":0}`, `b.json:1:15: is no JSON`},
		{`[]`, `b.json:1:1: is []: want an object, {…}`},
		{"{\n  \"requests\": 1,\n  oops\n}", `b.json:3:3: is no JSON: invalid character 'o'`},
		{`{"requests":1,"errors":0}{}`, `something stands behind the object`},
		{`{"requests":1,"errors":0,"Errors":0}`, `b.json:1:35: Errors: is no key of it (the keys are requests, errors, buckets, dispersion)`},
		{"{\"requests\":1,\n\"errors\":0,\n\"requests\":2}", `b.json:3:12: requests: stands there twice (leave one of them out)`},
		{`{"errors":0}`, `b.json:1:1: requests: is missing (give it)`},
		{`{"requests":1}`, `b.json:1:1: errors: is missing`},
		{`{"requests":"1","errors":0}`, `b.json:1:13: requests: is "1", not a number (write a number)`},
		{`{"requests":null,"errors":0}`, `requests: is null, not a number`},
		{`{"requests":-1,"errors":0}`, `requests: is -1: a counter is a whole number, not below zero`},
		{`{"requests":1.5,"errors":0}`, `requests: is 1.5: a counter`},
		{`{"requests":1e400,"errors":0}`, `requests: is 1e400, more than a number can be`},
		{`{"requests":1e19,"errors":0}`, `requests: is 1e19: a counter`},
		{`{"requests":1,"errors":2}`, `errors: are 2, more than the 1 requests`},
		{`{"requests":1,"errors":0,"dispersion":-1}`, `dispersion: is -1, below zero`},
		{`{"requests":1,"errors":0,"buckets":[]}`, `buckets: is []: want an object`},
		{`{"requests":1,"errors":0,"buckets":{}}`, `buckets: has no edge "+Inf" (count all requests in the bucket "+Inf")`},
		{`{"requests":1,"errors":0,"buckets":{"0.1":1}}`, `buckets: has no edge "+Inf"`},
		{`{"requests":1,"errors":0,"buckets":{"fast":1,"+Inf":1}}`, `buckets: "fast" is no edge (write edges in seconds`},
		{`{"requests":1,"errors":0,"buckets":{"NaN":1,"+Inf":1}}`, `"NaN" is no edge`},
		{`{"requests":1,"errors":0,"buckets":{"-1":1,"+Inf":1}}`, `"-1" is no edge`},
		{`{"requests":1,"errors":0,"buckets":{"0.1":1,"0.10":1,"+Inf":1}}`, `buckets: has the edge 0.1 twice`},
		{`{"requests":1,"errors":0,"buckets":{"0.1":1,"0.1":1,"+Inf":1}}`, `buckets.0.1: stands there twice`},
		{`{"requests":1,"errors":0,"buckets":{"0.1":3,"+Inf":2}}`, `buckets: has 3 requests up to 0.1 s and fewer, 2, up to +Inf s`},
		{`{"requests":1,"errors":0,"buckets":{"0.1":-3,"+Inf":2}}`, `buckets.0.1: is -3: a counter`},
	} {
		got, err := trace.ReadBaseline("b.json", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !reflect.DeepEqual(got, analysis.Baseline{}) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	got, err := trace.Read("t.jsonl", strings.NewReader(`{"t":0,"requests":0,"errors":0}

{"t":12.5,"requests":1200,"errors":3,"buckets":{"0.1":900,"0.25":1100,"+Inf":1200},"old":{"requests":7,"errors":0}}
{"t":13,"missing":"connection refused"}`))
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := got[1]; trace.Seconds(s.At) != 12.5 || s.Old["trace"].Requests != 7 || !reflect.DeepEqual(s.New["trace"], analysis.Counters{
		Requests: 1200, Errors: 3, Buckets: []analysis.Bucket{{LE: 0.1, Count: 900}, {LE: 0.25, Count: 1100}, {LE: math.Inf(1), Count: 1200}},
	}) {
		t.Errorf("%+v", s)
	}
	if s := got[2]; s.Missing != "connection refused" || s.New != nil || s.Old != nil {
		t.Errorf("%+v", s)
	}
	if got[0].Old != nil {
		t.Errorf("an old side that nobody wrote down: %+v", got[0])
	}
}

func TestTraceIsRefused(t *testing.T) {
	const fine = `{"t":1,"requests":10,"errors":0}` + "\n"
	for _, c := range []struct{ text, want string }{
		{"", `t.jsonl:1:1: there is no sample in it (write one in each line`},
		{"\n\n", `t.jsonl:3:1: there is no sample`},
		{fine + `{"t":1,"requests":10,"errors":0}`, `t.jsonl:2:6: t: is 1, not after the 1 of line 1 (put the lines in the order of t, each once)`},
		{fine + "\n" + `{"t":0.5,"missing":"x"}`, `t.jsonl:3:6: t: is 0.5, not after the 1 of line 1`},
		{fine + `{"t":2,"requests":10`, `t.jsonl:2:1: ends in the middle`},
		{fine + `{"t":2,"requests":10,"errors":0,"pod":"a"}`, `t.jsonl:2:39: pod: is no key of it`},
		{fine + `{"t":2,"requests":10,"errors":0,"old":{"requests":1,"errors":0,"t":1}}`, `old.t: is no key of it`},
		{fine + `{"t":2,"requests":10,"errors":0,"old":{"requests":1}}`, `t.jsonl:2:39: old.errors: is missing`},
		{fine + `{"t":2,"requests":10,"errors":0,"old":7}`, `t.jsonl:2:39: old: is 7: want an object`},
		{`{"requests":10,"errors":0}`, `t.jsonl:1:1: t: is missing`},
		{`{"t":-1,"requests":10,"errors":0}`, `t: is -1, below zero (leave out what was seen before the switch, which is at 0)`},
		{`{"t":1766000000000,"requests":10,"errors":0}`, `(write seconds, not milliseconds)`},
		{`{"t":1,"missing":""}`, `t.jsonl:1:18: missing: is "", not a text`},
		{`{"t":1,"missing":true}`, `missing: is true, not a text`},
		{`{"t":1,"missing":"x","requests":3}`, `requests: is no key of it (the keys are t, missing)`},
		{`{"t":1,"requests":10,"errors":0}` + strings.Repeat(" ", 2<<20), `t.jsonl:1:1: is longer than 1048576 bytes`},
	} {
		got, err := trace.Read("t.jsonl", strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%.60s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// All mistakes are told at once, but not without end.
func TestMistakesAreCollected(t *testing.T) {
	_, err := trace.Read("t.jsonl", strings.NewReader("{\"t\":1}\nnonsense\n{\"t\":3,\"requests\":1,\"errors\":2}\n"))
	var all trace.Errors
	if !errors.As(err, &all) || len(all) != 4 || all[3].Line != 3 {
		t.Errorf("%v", err)
	}
	_, err = trace.Read("t.jsonl", strings.NewReader(strings.Repeat("nonsense\n", 1000)))
	if !errors.As(err, &all) || len(all) != 20 {
		t.Errorf("%d mistakes of a thousand", len(all))
	}
}

func TestReaderFails(t *testing.T) {
	_, err := trace.Read("t.jsonl", io.MultiReader(strings.NewReader(`{"t":1,"requests":1,"errors":0}`+"\n"), iotest.ErrReader(io.ErrClosedPipe)))
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

// FuzzRead: whatever a trace and a baseline hold, there is a judgement or there are
// mistakes with their place.
func FuzzRead(f *testing.F) {
	f.Add(`{"t":1,"requests":10,"errors":0,"buckets":{"0.1":3,"+Inf":10},"old":{"requests":1,"errors":0}}`+"\n"+`{"t":2,"missing":"x"}`, `{"requests":1,"errors":0,"dispersion":2}`)
	f.Add(`{"t":0,"requests":1e18,"errors":0}`, `{"requests":1,"errors":0,"buckets":{"+Inf":1}}`)
	f.Add(`{"t":1,"t":1}`, `{"requests":1,}`)
	f.Fuzz(func(t *testing.T, lines, baseline string) {
		base, err := trace.ReadBaseline("b", []byte(baseline))
		placed(t, err)
		samples, err := trace.Read("t", strings.NewReader(lines))
		placed(t, err)
		if (err == nil) != (len(samples) > 0) {
			t.Fatalf("%d samples, %v", len(samples), err)
		}
		j := trace.Judge(analysis.DefaultConfig(), base, samples)
		if j.Verdict.Kind == "" || math.IsNaN(j.Verdict.EValue) || math.IsInf(j.Verdict.EValue, 0) || j.Samples+j.Missing != len(samples) {
			t.Errorf("%+v", j)
		}
	})
}

func placed(t *testing.T, err error) {
	var all trace.Errors
	if err == nil {
		return
	}
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("%v", err)
	}
	for _, e := range all {
		if e.Line < 1 || e.Column < 1 || e.Problem == "" || e.Remedy == "" {
			t.Errorf("%s", fmt.Sprintf("%+v", e))
		}
	}
}
