package main

import (
	"strings"
	"testing"
	"time"
)

func TestTableOfGoBenchmarks(t *testing.T) {
	results, err := parse(strings.NewReader(`goos: linux
pkg: rehome.dev/rehome/internal/store/sqlite
cpu: something
BenchmarkAppend-2   	     500	   2000000 ns/op	 500.0 records/s	  120 B/op
PASS
ok  	rehome.dev/rehome/internal/store/sqlite	1.2s
pkg: rehome.dev/rehome/internal/sim
BenchmarkPlay/bad-then-good-2	1	1250000000 ns/op
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `| Package | Benchmark | time | per second | also |
|---|---|---:|---:|---|
| internal/store/sqlite | Append | 2.00 ms | 500 | 500 records/s, 120 B/op |
| internal/sim | Play/bad-then-good | 1.25 s | 0.8 |  |
`
	if got := table(results); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBenchmarksThatSayNothing(t *testing.T) {
	for name, text := range map[string]string{
		"none at all":          "PASS\nok x 1s\n",
		"a value without unit": "BenchmarkX-2 1 20 ns/op 7\n",
		"not a number":         "BenchmarkX-2 1 many ns/op\n",
	} {
		if _, err := parse(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestComparison(t *testing.T) {
	got := comparison(30e6, 60e6, 10*time.Millisecond, 40*time.Millisecond, 900*time.Millisecond)
	for _, want := range []string{"| 30.0 MB | 60.0 MB | 0.50 |", "| 10.0 ms | 40.0 ms | 0.25 |", "| 900 ms |"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := median([]time.Duration{9, 1, 5}); got != 5 {
		t.Errorf("got %d", got)
	}
}
