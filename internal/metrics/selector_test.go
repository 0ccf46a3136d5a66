package metrics

import (
	"reflect"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

func TestSelector(t *testing.T) {
	labels := map[string]string{"host": "shop_test", "code": "503", "quote": `a"b`}
	for text, want := range map[string]bool{
		`hits_total`:                                  true,
		` hits_total { } `:                            true,
		`hits_total{host="shop_test",}`:               true,
		`hits_total{host="shop"}`:                     false,
		`hits_total{host=~"shop"}`:                    false, // anchored
		`hits_total{host=~"shop.*",code=~'5..'}`:      true,
		`hits_total{code!~"5.."}`:                     false,
		`hits_total{absent=""}`:                       true,
		`hits_total{absent!=""}`:                      false,
		`{__name__="hits_total", host != "x"}`:        true,
		"hits_total{quote=`a\"b`}":                    true,
		`hits_total{quote="a\"b"}`:                    true,
		`hits_total{quote="a\x22b",host=~"(?i)SH.*"}`: true,
	} {
		s, err := ParseSelector(text)
		if err != nil || s.Name != "hits_total" || s.Match(labels) != want {
			t.Errorf("%s: %v, %v, want %v", text, s.Match(labels), err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "names no selector",
		`hits_total{`:            "label",
		`hits_total{host}`:       "want =, !=, =~ or !~",
		`hits_total{host="a"`:    "want , or }",
		`hits_total{host="a}`:    "no end",
		`hits_total{host=a}`:     "in quotes",
		`hits_total{host=~"("}`:  "not a regular expression",
		`hits_total[5m]`:         "plain selector",
		`hits_total{} offset 5m`: "plain selector",
		`rate(hits_total[5m])`:   "plain selector",
		`hits_total - misses`:    "plain selector",
		`{host="a"}`:             "names no metric",
		`{__name__=~"hits.*"}`:   "named once",
		`hits{__name__="hits"}`:  "named once",
		`9hits`:                  "plain selector",
	} {
		if s, err := ParseSelector(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", text, s, err, want)
		}
	}
}

func FuzzSelector(f *testing.F) {
	f.Add("hits_total{a=\"b\",c=~'d',e!=`f`,}")
	f.Add(`{__name__="x"}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if s, err := ParseSelector(text); err == nil {
			s.Match(map[string]string{"a": "b"})
			if _, err := ParseSelector(s.String()); err != nil {
				panic(err)
			}
		}
	})
}

func TestCount(t *testing.T) {
	m := migration.SideMetrics{Requests: `hits`, Errors: `hits{code=~"5.."}`, Latency: "took_bucket"}
	s, err := SelectorsOf(migration.NewSide, m)
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string, value float64, labels ...string) Series {
		one := Series{Name: name, Labels: map[string]string{}, Value: value}
		for i := 0; i < len(labels); i += 2 {
			one.Labels[labels[i]] = labels[i+1]
		}
		return one
	}
	got, err := s.Count("a", []Series{
		of("hits", 7, "route", "x", "code", "200"), of("hits", 2, "route", "x", "code", "502"), of("hits", 3, "route", "y", "code", "200"),
		of("took_bucket", 4, "route", "x", "le", "0.1", "code", "200"), of("took_bucket", 9, "route", "x", "le", "+Inf", "code", "200"), of("other", 99),
	})
	x, y := got[`a{route="x"}`], got[`a{route="y"}`]
	if err != nil || len(got) != 2 || x.Requests != 9 || x.Errors != 2 || len(x.Buckets) != 2 || !reflect.DeepEqual(y, analysis.Counters{Requests: 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	for want, all := range map[string][]Series{
		"no series, while":                {of("took_bucket", 1, "le", "+Inf")},
		"without its +Inf bucket":         {of("hits", 1), of("took_bucket", 1, "le", "1")},
		"these are a histogram's buckets": {of("hits", 1, "le", "1")},
		"le is not a number":              {of("took_bucket", 1, "le", "soon")},
		"no le label":                     {of("took_bucket", 1)},
		"not a counter":                   {of("hits", -1)},
	} {
		if got, err := s.Count("", all); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "new side: ") {
			t.Errorf("%v: %+v, %v", want, got, err)
		}
	}
	if got, err := s.Count("", []Series{of("took_bucket", 0, "le", "+Inf")}); err != nil || len(got) != 1 {
		t.Errorf("a histogram at zero before the first request: %+v, %v", got, err)
	}
}
