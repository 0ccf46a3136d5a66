package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == asApplication {
		main()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "scan" {
		os.Exit(cli.Run(context.Background(), cli.System()))
	}
	os.Exit(m.Run())
}

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

// The real agent, one sample long, of an application that has something open.
func TestWhatAProbeCosts(t *testing.T) {
	root, err := part.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	agent := filepath.Join(t.TempDir(), "rehome-agent")
	if err := goBuild(t.Context(), root, "-s -w", agent, "./cmd/rehome-agent"); err != nil {
		t.Fatal(err)
	}
	app, err := launch(t.Context(), t.TempDir(), 20, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer app.end()
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", app.pid)); err != nil || len(open) < 20+2*2 {
		t.Errorf("it has %d open, %v", len(open), err)
	}
	begun := 0
	c, err := observe(t.Context(), agent, app.pid, time.Second, func() { begun++ })
	if err != nil {
		t.Fatal(err)
	}
	if begun == 0 || c.samples != 1 || c.peak < 1<<20 || c.peak > 1<<30 || c.cpu <= 0 || c.took <= 0 {
		t.Errorf("begun %d, %+v", begun, c)
	}
	if _, err := observe(t.Context(), agent, 1<<30, time.Second, func() {}); err == nil || !strings.Contains(err.Error(), "no such process") {
		t.Errorf("of a process that is not there: %v", err)
	}
}

func TestLimits(t *testing.T) {
	got := limits(5<<20, []cost{{name: "an application", cpu: 300 * time.Millisecond, first: 40 * time.Millisecond, last: 240 * time.Millisecond, samples: 41, took: time.Minute, peak: 9 << 20}})
	want := `| Probe | measured | limit | ratio |
|---|---:|---:|---:|
| size of ` + "`rehome-agent`" + ` | 5 MiB | 10 MiB | 0.50 |
| CPU while it samples once a second, an application | 0.5 % of a core | 1 % of a core | 0.50 |
| CPU over 60 s with beginning and end, an application | 0.5 % of a core | 1 % of a core | 0.50 |
| memory at the peak, an application | 9 MiB | 10 MiB | 0.90 |
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLatency(t *testing.T) {
	got := latency([]time.Duration{9e6, 1e6, 2e6}, []time.Duration{3e6, 3e6, 18e6})
	for _, want := range []string{"| 2.00 ms | 3.00 ms | 1.50 |", "| 9.00 ms | 18.00 ms | 2.00 |"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
