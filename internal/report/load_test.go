package report_test

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/report"
)

// TestLost: each lost request is in the row of the change that lost it, no
// request is counted twice, and the rows sum up.
func TestLost(t *testing.T) {
	r := whole(t)
	load := counted(r)
	lost := report.WithLoad(r, load).Lost
	if len(lost.Rows) != 4 {
		t.Fatalf("%d rows", len(lost.Rows))
	}
	for i, what := range []string{"switch, attempt 1", "rollback, attempt 1", "switch, attempt 2", "outside of them"} {
		if lost.Rows[i].What != what {
			t.Errorf("row %d is %q, want %q", i, lost.Rows[i].What, what)
		}
	}
	var sent, failed int
	for _, s := range load {
		sent, failed = sent+s.Sent, failed+s.Sent-s.OK
	}
	var rows report.LostRow
	for _, row := range lost.Rows {
		rows.Sent, rows.Failed = rows.Sent+row.Sent, rows.Failed+row.Failed
	}
	if lost.Total.Sent != sent || lost.Total.Failed != failed || rows.Sent != sent || rows.Failed != failed || failed == 0 {
		t.Errorf("lost %d of %d, in rows %d of %d; counted %d of %d", lost.Total.Failed, lost.Total.Sent, rows.Failed, rows.Sent, failed, sent)
	}
	switched, back := lost.Rows[0], lost.Rows[1]
	if switched.Failed != switched.FailedBy["kubernetes"] || switched.Failed == 0 || switched.Unanswered != 0 {
		t.Errorf("the switch: %+v", switched)
	}
	if back.Unanswered != 40 || back.Causes["timeout"] != 40 || back.Failed != 40+back.FailedBy["kubernetes"] {
		t.Errorf("the rollback: %+v", back)
	}
	if lost.Rows[2].Failed != 0 || lost.Rows[3].Failed != 0 {
		t.Errorf("lost by nobody's fault: %+v", lost.Rows[2:])
	}
	if r.Lost != nil || r.Judgements[0].Clients != nil {
		t.Error("WithLoad has changed the report that it was given")
	}
}

// TestLateLoss: a request lost within a TTL of the rollback's end is the
// rollback's; one lost after it is not.
func TestLateLoss(t *testing.T) {
	r := whole(t)
	end := r.Attempts[0].Ended
	bad := func(at time.Time) report.Second {
		return report.Second{T: at, Sent: 1, Errors: map[string]int{"timeout": 1}}
	}
	lost := report.WithLoad(r, report.Load{bad(end.Add(55 * time.Second)), bad(end.Add(65 * time.Second)), bad(r.Outcome.Began.Add(-time.Hour))}).Lost
	if lost.Rows[1].Failed != 1 || lost.Rows[3].Failed != 1 || lost.Total.Failed != 2 {
		t.Errorf("%+v", lost)
	}
}

func TestReadLoad(t *testing.T) {
	const lines = `{"t":"2026-11-22T15:47:06Z","sent":51,"ok":51,"by":{"vm":51}}
{"t":"2026-11-22T15:47:07Z","sent":100,"ok":97,"by":{"kubernetes":60,"vm":38},"failedBy":{"kubernetes":1},"errors":{"http-500":1,"timeout":2}}

{"t":"2026-11-22T15:47:08Z","sent":1`
	load, err := report.ReadLoad(strings.NewReader(lines))
	if err != nil || len(load) != 2 {
		t.Fatalf("%d seconds, %v", len(load), err)
	}
	s := load[1]
	if s.Sent != 100 || s.OK != 97 || s.By["kubernetes"] != 60 || s.FailedBy["kubernetes"] != 1 || s.Errors["timeout"] != 2 || s.T.Second() != 7 {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"{\n", `{"sent":1,"ok":1}` + "\n", `{"t":"2026-11-22T15:47:08Z","sent":1,"ok":2}` + "\n", `[1]` + "\n"} {
		if _, err := report.ReadLoad(strings.NewReader(lines[:strings.Index(lines, "\n")+1] + bad)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestNoLoad: before anything is switched there is nothing around which to count.
func TestNoLoad(t *testing.T) {
	r := build(t, story(t)[:1])
	lost := report.WithLoad(r, report.Load{{T: r.Outcome.Began, Sent: 10, OK: 9}}).Lost
	if len(lost.Rows) != 1 || lost.Rows[0].What != "outside of them" || lost.Total.Failed != 1 {
		t.Errorf("%+v", lost)
	}
}
