package grafana

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/metrics"
)

func TestCounterIn(t *testing.T) {
	const all, failed = `http_requests_total{job="vm"}`, `http_requests_total{job="vm",code=~"5.."}`
	for _, c := range []struct {
		want       part
		expression string
		selector   string
	}{
		{requests, `rate(http_requests_total{job="vm"}[5m])`, all},
		{requests, `sum(rate(http_requests_total{job="vm"}[1m])) by (instance)`, all},
		{requests, `sum by (code, method) (increase(http_requests_total{job="vm"}[$__range]))`, all},
		{requests, `round(60 * sum without (pod) (irate(http_requests_total{job="vm"}[1m])), 0.1)`, all},
		{requests, "# all of them\nsum(http_requests_total{job=\"vm\"}) # bare", all},
		{requests, `label_replace(sum(rate(http_requests_total{job="vm"}[5m])), "side", "old", "job", ".*")`, all},
		{requests, `(sum(rate(http_requests_total{job="vm",code=~"5.."}[5m])) or vector(0)) / on (job) group_left () sum(rate(http_requests_total{job="vm"}[5m])) * 100`, all},
		{errors5, `(sum(rate(http_requests_total{job="vm",code=~"5.."}[5m])) or vector(0)) / on (job) group_left () sum(rate(http_requests_total{job="vm"}[5m])) * 100`, failed},
		{errors5, `100 * sum(rate(http_requests_total{job="vm",code=~"5.."}[5m])) / sum(rate(http_requests_total{job="vm"}[5m]))`, failed},
		{errors5, `sum(rate(http_requests_total{job="vm",code=~"5.."}[5m]))`, failed},
		{errors5, `sum(rate(x_total{path!~"}]|\"(",why='a}b'}[5m]))`, `x_total{path!~"}]|\"(",why='a}b'}`},
		{errors5, `sum(rate({__name__="x_total", code="500"}[5m]))`, `{__name__="x_total", code="500"}`},
		{latency, `histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket{job="vm"}[5m])))`, `took_seconds_bucket{job="vm"}`},
		{latency, `1000 * histogram_quantile(9.9e-1, sum(rate(took_seconds_bucket[5m])) by (le))`, `took_seconds_bucket`},
		{latency, `sum(increase(took_seconds_bucket[1m])) by (le)`, `took_seconds_bucket`}, // a heat map
	} {
		got, err := counterIn(c.expression, c.want)
		if err != nil || got != c.selector {
			t.Errorf("%s of %s: %q, %v, want %q", c.want, c.expression, got, err, c.selector)
		}
		if _, err := metrics.ParseSelector(got); err != nil && !strings.Contains(got, "why") {
			t.Errorf("%s is no selector: %v", got, err)
		}
	}
}

// What cannot be taken back to counters for sure is refused, with the reason.
func TestNoCounterIn(t *testing.T) {
	for expression, want := range map[string]string{
		`avg(rate(x_total[5m]))`:                   "avg() does not add up",
		`topk(5, sum(rate(x_total[5m])) by (pod))`: "topk() does not add up",
		`count(up)`:                                                        "count() does not add up",
		`sum(rate(x_total[5m] offset 1d))`:                                 "shown at another time",
		`sum(rate(x_total[5m] @ end()))`:                                   "shown at another time",
		`max_over_time(sum(rate(x_total[5m]))[1h:1m])`:                     "a subquery",
		`rate(x_total[1h:1m])`:                                             "a subquery",
		`deriv(x_total[5m])`:                                               "deriv() is not taken back",
		`sum(rate(a_total[5m])) + sum(rate(b_total[5m]))`:                  `"+" of several counters`,
		`1 - sum(rate(x_total{code=~"5.."}[5m])) / sum(rate(x_total[5m]))`: "a share that did not fail",
		`sum(rate(x_total{code!~"5.."}[5m])) / sum(rate(x_total[5m]))`:     "selects what did not fail",
		`sum(rate(x_total{status_code=~"2..|3.."}[5m]))`:                   "selects what did not fail",
		`sum(rate(x_total{status="200"}[5m]))`:                             "selects what did not fail",
		`job:requests:rate5m`:                                              "the result of a recording rule",
		`memory_bytes`:                                                     "it may be no counter",
		`x_total[5m]`:                                                      "is a range",
		`rate(x_total)`:                                                    "without a range",
		`vector(1)`:                                                        "vector() is not taken back",
		`42`:                                                               "it shows no counter",
		`sum(rate(x_total[5m])) > 5`:                                       `">" of several counters`,
		`sum(rate(x_total[5m])) and up`:                                    `"and" of several counters`,
		`sum(rate(x_total[5m])) or sum(rate(y_total[5m]))`:                 `"or" of several counters`,
		`60 / sum(rate(x_total[5m]))`:                                      `"/" of several counters`,
		`-rate(x_total[5m])`:                                               "a sign before a counter",
		`sum(rate(x_total[5m])`:                                            "want , or )",
		`sum(rate(x_total{a="b[5m]))`:                                      "a string has no end",
		`rate(x_total{a="b"[5m])`:                                          "a brace has no end",
		`rate(x_total[5m)`:                                                 "a range has no end",
		`rate(x_total[5m])) `:                                              "what is",
		``:                                                                 "want an expression",
		strings.Repeat("(", 100_000):                                       "too deep",
		`histogram_quantile(0.99, sum(rate(took_seconds_bucket[5m])) by (le))`: "histogram_quantile() is not taken back",
	} {
		if got, err := counterIn(expression, errors5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %q, %v, want %q", expression, got, err, want)
		}
	}
	for expression, want := range map[string]string{
		`sum(rate(took_seconds_count[5m]))`:                        "is no histogram",
		`sum(rate(a_bucket{x="1"}[5m])) / sum(rate(a_bucket[5m]))`: `"/" of several counters`,
	} {
		if got, err := counterIn(expression, latency); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v, want %q", expression, got, err, want)
		}
	}
}

// Whatever is found in an expression stands in it.
func FuzzCounterIn(f *testing.F) {
	f.Add(`100 * (sum by (le) (rate(x_total{a=~"b|c",d!='e'}[5m] offset 1m)) or vector(0)) / on (a) group_left sum(rate(y_total[1m]))`)
	f.Add(`histogram_quantile(0.99, sum(rate({__name__="x_bucket"}[5m])) by (le)) > bool 1e-3`)
	f.Fuzz(func(_ *testing.T, expression string) {
		for _, want := range []part{requests, errors5, latency} {
			if got, err := counterIn(expression, want); err == nil && !strings.Contains(expression, got) {
				panic(got)
			}
		}
	})
}

func TestVariables(t *testing.T) {
	every, one := ".+", ""
	vars := values{of: []variable{
		{Name: "job", Current: option{texts{`shop "x"\y`}}},
		{Name: "pod", Multi: true, Current: option{texts{"a.1", "b"}}},
		{Name: "env", IncludeAll: true, Current: option{texts{everything}}, AllValue: &every},
		{Name: "zone", IncludeAll: true, Current: option{texts{everything}}, AllValue: &one, Options: []option{{texts{everything}}, {texts{"x"}}, {texts{"y+z"}}}},
		{Name: "lost", IncludeAll: true, Current: option{texts{everything}}},
		{Name: "empty"},
	}, given: map[string][]string{"said": {"x"}}}
	for text, want := range map[string]string{
		`up{job="$job"}`:                `up{job="shop \"x\"\\y"}`,
		`up{pod=~"$pod"}`:               `up{pod=~"(a\\.1|b)"}`,
		`up{pod=~"${pod}",j="[[job]]"}`: `up{pod=~"(a\\.1|b)",j="shop \"x\"\\y"}`,
		`up{pod=~"${pod:pipe}"}`:        `up{pod=~"a.1|b"}`,
		`up{pod=~"${pod:regex}"}`:       `up{pod=~"(a\\.1|b)"}`,
		`up{env=~"$env"}`:               `up{env=~".+"}`,
		`up{zone=~"$zone"}`:             `up{zone=~"(x|y\\+z)"}`,
		`rate(x[$__rate_interval])`:     `rate(x[1m])`,
		`x * $__range_s`:                `x * 60`,
		`up{a=~"^5.$",b="c$|d"}`:        `up{a=~"^5.$",b="c$|d"}`,
	} {
		if got, err := vars.in(text); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"$unknown":   "no variable $unknown",
		"$lost":      "name them with ?var-lost=",
		"$empty":     "name one with ?var-empty=",
		"${pod:csv}": `the format "csv"`,
		"$said":      "no variable $said", // a value alone makes no variable
	} {
		if got, err := vars.in(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v, want %q", text, got, err, want)
		}
	}
	vars.given["lost"] = []string{"found"}
	if got, err := vars.in(`up{a=~"$lost"}`); err != nil || got != `up{a=~"found"}` {
		t.Errorf("%s, %v", got, err)
	}
}
