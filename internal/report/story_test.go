package report_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// played is the journal of the whole procedure: the first attempt is rolled
// back, the second one retired.
var played = sync.OnceValues(func() ([]migration.Record, error) {
	s, err := sim.Play(context.Background(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1, nil)
	if err != nil {
		return nil, err
	}
	return s.World.Journal.Read(context.Background(), sim.Example("").Name, 0)
})

func story(t testing.TB) []migration.Record {
	t.Helper()
	recs, err := played()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(recs)
}

// until gives the journal as it stood when the fold first was as wanted.
func until(t testing.TB, recs []migration.Record, wanted func(runbook.State) bool) []migration.Record {
	t.Helper()
	var s runbook.State
	for i, r := range recs {
		var err error
		if s, err = runbook.Apply(s, r); err != nil {
			t.Fatal(err)
		}
		if wanted(s) {
			return recs[:i+1]
		}
	}
	t.Fatal("the story never comes to that")
	return nil
}

func build(t testing.TB, recs []migration.Record) report.Report {
	t.Helper()
	r, err := report.Build(recs, recs[len(recs)-1].At.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is the report of the played story; nobody changes it.
var told = sync.OnceValues(func() (report.Report, error) {
	recs, err := played()
	if err != nil {
		return report.Report{}, err
	}
	return report.Build(recs, recs[len(recs)-1].At.Add(time.Minute))
})

func whole(t testing.TB) report.Report {
	t.Helper()
	r, err := told()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t testing.TB, write func(io.Writer, report.Report) error, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if have == string(want) {
		return
	}
	h, w := strings.Split(have, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(h), len(w)) {
		if i >= len(h) || i >= len(w) || h[i] != w[i] {
			t.Fatalf("%s differs from line %d on; if that is meant: go test ./internal/report -update\nhave %q\nwant %q", path, i+1, h[min(i, len(h)-1)], w[min(i, len(w)-1)])
		}
	}
}

// counted is a client's count of the played story: a bad release fails two of
// forty requests while it serves, and one second of the rollback goes unanswered.
func counted(r report.Report) report.Load {
	var load report.Load
	second := func(at time.Time, bad int) {
		s := report.Second{T: at, Sent: 40, OK: 40 - bad, By: map[string]int{"vm": 40}}
		if bad > 0 {
			s.By = map[string]int{"vm": 40 - 10*bad, "kubernetes": 10 * bad}
			s.FailedBy, s.Errors = map[string]int{"kubernetes": bad}, map[string]int{"http-500": bad}
		}
		load = append(load, s)
	}
	first := r.Judgements[0]
	from, to := first.Points[0].At, first.Points[len(first.Points)-1].At
	for at := from.Add(-time.Minute); at.Before(to.Add(20 * time.Minute)); at = at.Add(time.Second) {
		switch {
		case at.Equal(to.Add(5 * time.Second)):
			load = append(load, report.Second{T: at, Sent: 40, Errors: map[string]int{"timeout": 40}})
		case at.After(from.Add(10*time.Second)) && at.Before(to.Add(15*time.Second)):
			second(at, 2)
		default:
			second(at, 0)
		}
	}
	return load
}
