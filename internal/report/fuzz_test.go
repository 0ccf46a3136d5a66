package report_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
	"rehome.dev/rehome/internal/runbook"
)

// FuzzBuild puts a record with any body into the story. Whatever it holds, there
// is a report that can be written, or an error.
func FuzzBuild(f *testing.F) {
	recs := until(f, story(f), func(s runbook.State) bool { return s.Mode == migration.ModeRolledBack })
	seen := map[migration.RecordKind]bool{}
	for i, r := range recs {
		if !seen[r.Kind] {
			seen[r.Kind] = true
			f.Add(uint16(i), string(r.Kind), []byte(r.Body), r.At.Unix(), true)
		}
	}
	f.Add(uint16(0), "declared", []byte("null"), int64(0), true)
	f.Add(uint16(80), "intent", []byte(`{"id":"x","kind":"swap-records","action":null}`), int64(1)<<40, true)
	f.Add(uint16(80), "evidence", []byte(`{"kind":"judge","body":{"judge":{"at":"9999-12-31T00:00:00Z"}}}`), int64(-1)<<40, true)
	f.Add(uint16(99), "nonsense", []byte("{"), int64(0), false)
	f.Fuzz(func(t *testing.T, where uint16, kind string, body []byte, at int64, sealed bool) {
		i := int(where) % len(recs)
		from := max(0, i-8)
		part := append([]migration.Record{}, recs[:1]...)
		part = append(part, recs[from:i+1]...)
		part[len(part)-1].Kind, part[len(part)-1].Body, part[len(part)-1].At = migration.RecordKind(kind), body, time.Unix(at, 0).UTC()
		if sealed {
			part = seal(part)
		}
		r, err := report.Build(part, recs[len(recs)-1].At)
		if err != nil {
			return
		}
		r = report.WithLoad(r, report.Load{{T: recs[i].At, Sent: 3, OK: 1}})
		for _, write := range []func(io.Writer, report.Report) error{report.Markdown, report.HTML} {
			if err := write(io.Discard, r); err != nil {
				t.Error(err)
			}
		}
	})
}

// seal chains what can be chained; a record without a JSON form stays as it is.
func seal(recs []migration.Record) (out []migration.Record) {
	defer func() {
		if recover() != nil {
			out = recs
		}
	}()
	return journal.SealAll(migration.Head{}, recs)
}

func FuzzReadLoad(f *testing.F) {
	f.Add("{\"t\":\"2026-11-22T15:47:06Z\",\"sent\":51,\"ok\":51,\"by\":{\"vm\":51}}\n")
	r := build(f, rolledBack(f, story(f)))
	f.Fuzz(func(t *testing.T, text string) {
		load, err := report.ReadLoad(strings.NewReader(text))
		if err != nil {
			return
		}
		lost := report.WithLoad(r, load).Lost
		sum := 0
		for _, row := range lost.Rows {
			sum += row.Failed
		}
		if sum != lost.Total.Failed {
			t.Errorf("rows %d, total %d", sum, lost.Total.Failed)
		}
	})
}
