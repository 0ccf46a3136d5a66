package prometheus_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

// noon is when the fake is asked, on a whole second.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// selectors of the fake: it answers by the first word.
var selectors = migration.Metrics{
	Old: migration.SideMetrics{Requests: "old_requests", Errors: "old_errors", Vantage: "edge"},
	New: migration.SideMetrics{Requests: "new_requests", Errors: "new_errors", Vantage: "edge"},
}

// healthy is what the fake answers where a case does not say otherwise.
var healthy = map[string]string{
	"old_requests": stream(`"job":"vm","instance":"a"`, "-30 90", "-15 100"),
	"new_requests": stream(`"job":"pods","instance":"b"`, "-30 40", "-15 50"),
}

// stream is one series: its labels, and its samples as seconds from noon and value.
func stream(labels string, samples ...string) string {
	var values []string
	for _, sample := range samples {
		var at, value string
		fmt.Sscan(sample, &at, &value)
		seconds, _ := time.ParseDuration(at + "s")
		values = append(values, fmt.Sprintf(`[%d.%03d,%q]`, noon.Add(seconds).Unix(), noon.Add(seconds).UnixMilli()%1000, value))
	}
	return fmt.Sprintf(`{"metric":{%s},"values":[%s]}`, labels, strings.Join(values, ","))
}

func matrix(streams ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(streams, ",") + `]}}`
}

// fake serves streams by selector, or whole replies where they begin with {"status".
func fake(t *testing.T, answers map[string]string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		selector, _, _ := strings.Cut(r.FormValue("query"), "[")
		answer, found := answers[selector]
		if !found {
			answer = healthy[selector]
		}
		if !strings.HasPrefix(answer, `{"status"`) {
			answer = matrix(strings.Split(answer, "\n")...)
		}
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, settings ...string) *prometheus.Source {
	t.Helper()
	conn := migration.Connection{Name: "main", Settings: map[string]string{}}
	for i := 0; i < len(settings); i += 2 {
		conn.Settings[settings[i]] = settings[i+1]
	}
	s, err := prometheus.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatMakesASampleMissing(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]string
		want    string // in the reason
	}{
		{"a partial answer", map[string]string{"new_requests": `{"status":"success","warnings":["store s3 is gone"],"data":{"resultType":"matrix","result":[]}}`}, "new side: requests new_requests: the answer may not be whole: Prometheus warns: store s3 is gone"},
		{"an error with a warning", map[string]string{"old_errors": `{"status":"error","errorType":"execution","error":"too many samples","warnings":["slow"]}`}, "too many samples\nPrometheus warns: slow"},
		{"not a range", map[string]string{"new_errors": `{"status":"success","data":{"resultType":"vector","result":[]}}`}, "gives a vector: want a selector of counters"},
		{"not Prometheus", map[string]string{"old_requests": `{"status":"success","data":[]}`}, "the base address of a Prometheus?"},
		{"not a counter", map[string]string{"new_requests": stream(`"instance":"b"`, "-15 -3")}, "not a counter"},
		{"not a number", map[string]string{"new_requests": stream(`"instance":"b"`, "-15 NaN")}, "not a counter"},
		{"beyond numbers", map[string]string{"new_requests": stream(`"instance":"b"`, "-15 +Inf")}, "not a counter"},
		{"too old", map[string]string{"new_requests": stream(`"instance":"b"`, "-50 7")}, "new side: requests new_requests: last scraped 50s ago"},
		{"the old side is gone", map[string]string{"old_requests": stream(`"instance":"b"`, "-100 7")}, "old side: requests old_requests: no series in the last 1m30s"},
		{"errors of somebody else", map[string]string{"new_errors": stream(`"instance":"c"`, "-30 1", "-15 2")}, `new_errors: {instance="c"} has no requests`},
		{"requests are buckets", map[string]string{"new_errors": stream(`"job":"pods","instance":"b","le":"1"`, "-15 7")}, "new_errors: these are a histogram's buckets"},
		{"both sides", map[string]string{"old_requests": "", "new_requests": stream(`"instance":"b"`, "-50 7")}, "; new side: requests new_requests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, "url", fake(t, c.answers).URL).Sample(t.Context(), selectors, noon)
			if !strings.Contains(s.Missing, c.want) || s.New != nil || s.Old != nil {
				t.Errorf("%+v\nwant a reason with %q", s, c.want)
			}
		})
	}
}

// What a sample takes from each instance: series are "new_requests" and
// "new_errors" of the new side.
func TestWhatIsTakenOfAnInstance(t *testing.T) {
	const b = `"job":"pods","instance":"b"`
	for _, c := range []struct {
		name             string
		requests, errors []string
		want             map[string]analysis.Counters
	}{
		{
			"codes and methods are one instance", []string{stream(b+`,"code":"200","method":"GET"`, "-15 50"), stream(b+`,"code":"500","method":"PUT"`, "-15 3")},
			[]string{stream(b+`,"code":"500","method":"PUT"`, "-15 3")},
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 53, Errors: 3}},
		}, {
			"errors under further labels are its errors", []string{stream(b, "-30 40", "-15 50")},
			[]string{stream(b+`,"type":"database"`, "-30 4", "-15 5"), stream(b+`,"type":"mail"`, "-15 1")},
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 50, Errors: 6}},
		}, {
			"a former process is not counted", []string{stream(b+`,"code":"200"`, "-30 9000", "-15 3"), stream(b+`,"code":"500"`, "-30 700")},
			[]string{stream(b+`,"code":"500"`, "-30 700")},
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 3}},
		}, {
			"a scrape between the queries waits", []string{stream(b, "-30 40", "-15 50")},
			[]string{stream(b, "-30 4", "-15 5", "-1 9"), stream(`"job":"pods","instance":"just-come"`, "-1 1")},
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 50, Errors: 5}},
		}, {
			"an instance without a request yet is at zero", []string{stream(b, "-30 40", "-15 50")},
			[]string{stream(`"job":"pods","instance":"idle"`, "-30 0", "-15 0"), stream(`"job":"pods","instance":"first"`, "-30 0", "-15 1")},
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 50}},
		}, {
			"pods with one address are two", []string{stream(b+`,"pod":"x"`, "-30 40"), stream(b+`,"pod":"y"`, "-15 2")},
			nil,
			map[string]analysis.Counters{`{instance="b",job="pods",pod="x"}`: {Requests: 40}, `{instance="b",job="pods",pod="y"}`: {Requests: 2}},
		}, {
			"what was not scraped goes by all its labels", []string{stream(`"__name__":"edge:requests","site":"x","status":"200"`, "-15 8"), stream(`"__name__":"edge:requests","site":"y","status":"200"`, "-15 9")},
			[]string{stream(`"__name__":"edge:errors","site":"y"`, "-15 2")},
			map[string]analysis.Counters{`{site="x"}`: {Requests: 8}, `{site="y"}`: {Requests: 9, Errors: 2}},
		}, {
			"what is later than asked is outside", []string{stream(b, "-15 50", "1 70")},
			nil,
			map[string]analysis.Counters{`{instance="b",job="pods"}`: {Requests: 50}},
		}, {
			"the left end of the window is outside", []string{stream(b, "-90 1"), stream(`"instance":"c"`, "-15 2")},
			nil,
			map[string]analysis.Counters{`{instance="c"}`: {Requests: 2}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[string]string{"new_requests": strings.Join(c.requests, "\n"), "new_errors": strings.Join(c.errors, "\n")}
			s := open(t, "url", fake(t, answers).URL).Sample(t.Context(), selectors, noon)
			if got, want := fmt.Sprint(s.New), fmt.Sprint(c.want); s.Missing != "" || got != want {
				t.Errorf("%s %s\nwant %s", s.Missing, got, want)
			}
		})
	}
}

func TestBuckets(t *testing.T) {
	const b = `"job":"pods","instance":"b"`
	withLatency := selectors
	withLatency.New.Latency = "new_latency"
	for _, c := range []struct {
		name    string
		latency []string
		want    string // the buckets, or the reason
	}{
		{"one histogram", []string{stream(b+`,"le":"+Inf"`, "-15 9"), stream(b+`,"le":"0.5"`, "-15 4"), stream(b+`,"le":"1.0"`, "-15 7")}, "[{0.5 4} {1 7} {+Inf 9}]"},
		{"paths are added up", []string{stream(b+`,"le":"1","path":"/a"`, "-15 1"), stream(b+`,"le":"+Inf","path":"/a"`, "-15 2"), stream(b+`,"le":"1","path":"/b"`, "-15 10"), stream(b+`,"le":"+Inf","path":"/b"`, "-15 20")}, "[{1 11} {+Inf 22}]"},
		{"an edge that not all have is left out", []string{stream(b+`,"le":"1","path":"/a"`, "-15 1"), stream(b+`,"le":"2","path":"/a"`, "-15 1"), stream(b+`,"le":"+Inf","path":"/a"`, "-15 2"), stream(b+`,"le":"1","path":"/b"`, "-15 10"), stream(b+`,"le":"+Inf","path":"/b"`, "-15 20")}, "[{1 11} {+Inf 22}]"},
		{"milliseconds become seconds", []string{stream(b+`,"__name__":"istio_request_duration_milliseconds_bucket","le":"250"`, "-15 3"), stream(b+`,"__name__":"istio_request_duration_milliseconds_bucket","le":"+Inf"`, "-15 4")}, "[{0.25 3} {+Inf 4}]"},
		{"a former process's path is not counted", []string{stream(b+`,"le":"+Inf","path":"/a"`, "-15 2"), stream(b+`,"le":"+Inf","path":"/b"`, "-30 20")}, "[{+Inf 2}]"},
		{"none yet", nil, "[]"},
		{"without +Inf", []string{stream(b+`,"le":"1"`, "-15 1")}, "new side: latency new_latency: a histogram is without its +Inf bucket"},
		{"not buckets", []string{stream(b, "-15 1")}, "new side: latency new_latency: no le label"},
		{"an edge that is no number", []string{stream(b+`,"le":"fast"`, "-15 1")}, "le is not a number"},
		{"a native histogram", []string{`{"metric":{` + b + `},"histograms":[[1772366385,{"count":"3","sum":"2","buckets":[]}]]}`}, "native histogram"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, "url", fake(t, map[string]string{"new_latency": strings.Join(c.latency, "\n")}).URL).Sample(t.Context(), withLatency, noon)
			got := s.Missing
			if got == "" {
				got = fmt.Sprint(s.New[`{instance="b",job="pods"}`].Buckets)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
