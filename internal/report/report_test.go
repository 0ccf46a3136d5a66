package report_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
)

// TestGolden: the report of the whole story, and as it stood after the rollback.
func TestGolden(t *testing.T) {
	full := story(t)
	r := whole(t)
	golden(t, "retired.md", written(t, report.Markdown, report.WithLoad(r, counted(r))))
	golden(t, "rolled-back.md", written(t, report.Markdown, build(t, rolledBack(t, full))))
}

func rolledBack(t testing.TB, recs []migration.Record) []migration.Record {
	return until(t, recs, func(s runbook.State) bool { return s.Mode == migration.ModeRolledBack })
}

func TestOutcome(t *testing.T) {
	full := story(t)
	at := func(step migration.Step, attempt int) []migration.Record {
		return until(t, full, func(s runbook.State) bool { return s.Step == step && s.Attempt == attempt })
	}
	for _, c := range []struct {
		recs   []migration.Record
		result report.Result
		text   string
	}{
		{full[:1], report.UnderWay, "at assess"},
		{at(migration.StepLead, 1), report.Waiting, "waits until 2026-03-03 10:03:44 UTC, at lead"},
		{at(migration.StepWatch, 1), report.Waiting, "waits until 2026-03-03 10:21:54 UTC, at watch"},
		{at(migration.StepDNSBack, 1), report.RollingBack, "lead the names back"},
		{rolledBack(t, full), report.RolledBack, "until incident royal-bank-api-1 has a root cause analysis"},
		{until(t, full, func(s runbook.State) bool { return len(s.Incidents) > 0 && s.Incidents[0].RCA != nil }), report.RolledBack, "may begin"},
		{at(migration.StepHold, 2), report.Waiting, "at hold"},
		{with(full[:40], migration.KindAbort, migration.Said{Text: "not today"}), report.Aborting, "being undone"},
	} {
		o := build(t, c.recs).Outcome
		if o.Result != c.result || !strings.Contains(o.Text, c.text) {
			t.Errorf("after record %d: %s, %q; want %s, %q", len(c.recs), o.Result, o.Text, c.result, c.text)
		}
	}
	if o := whole(t).Outcome; o.Result != report.Retired || !strings.Contains(o.Text, "at attempt 2") {
		t.Errorf("in the end: %s, %q", o.Result, o.Text)
	}
	late, err := report.Build(at(migration.StepLead, 1), full[len(full)-1].At)
	if err != nil || late.Outcome.Result != report.UnderWay {
		t.Errorf("what was waited for has passed, and it is %s (%v)", late.Outcome.Result, err)
	}
}

// with appends what angua says, sealed.
func with(recs []migration.Record, kind migration.RecordKind, body any) []migration.Record {
	last := recs[len(recs)-1]
	b, _ := json.Marshal(body)
	r := migration.Record{Migration: last.Migration, At: last.At.Add(time.Second), Kind: kind, Actor: "angua", Position: last.Position, Body: b}
	return append(slices.Clone(recs), journal.Seal(journal.HeadOf(last), r))
}

// TestTimes: waiting and acting add up to the whole, step by step.
func TestTimes(t *testing.T) {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	recs := story(t)
	var slow []migration.Record
	var stretch time.Duration
	for _, r := range until(t, recs, func(s runbook.State) bool { return s.Step == migration.StepRehearse }) {
		if r.Kind == migration.KindOutcome {
			stretch += 7 * time.Second // each of the two actions takes so long
		}
		r.At = r.At.Add(stretch)
		slow = append(slow, r)
	}
	slow = journal.SealAll(migration.Head{}, slow)
	r := build(t, slow)
	for _, s := range r.Attempts[0].Stays {
		if s.Acting+s.Waiting != s.Took || s.Took < 0 || s.Acting < 0 {
			t.Errorf("%s: %s is not %s acting and %s waiting", s.Step, s.Took, s.Acting, s.Waiting)
		}
		if s.Step == migration.StepStage && (s.Acting < report.Span(13*time.Second) || s.Waiting > report.Span(11*time.Second)) {
			t.Errorf("stage acts for %s and waits for %s", s.Acting, s.Waiting)
		}
	}
	if r.Outcome.Began.Before(start) || r.Attempts[0].Took != r.Outcome.Took {
		t.Errorf("attempt of %s in %s", r.Attempts[0].Took, r.Outcome.Took)
	}
}

// TestDirections: an abort, and another declaration, make a second attempt of
// which the first one's end is told.
func TestDirections(t *testing.T) {
	recs := with(story(t)[:40], migration.KindAbort, migration.Said{Text: "not today"})
	end := func(to migration.Position) {
		recs = with(recs, migration.KindMoved, migration.Moved{To: to})
	}
	end(migration.Position{Attempt: 1, Mode: migration.ModeAborted, Step: migration.StepUndoStaging})
	if r := build(t, recs); r.Outcome.Result != report.Aborted || r.Attempts[0].Ended.IsZero() {
		t.Errorf("%+v", r.Outcome)
	}
	var d migration.Declared
	if err := json.Unmarshal(recs[0].Body, &d); err != nil {
		t.Fatal(err)
	}
	d.Policy.Hold = time.Minute
	r := build(t, with(recs, migration.KindDeclared, d))
	if len(r.Attempts) != 2 || r.Attempts[0].Mode != migration.ModeAborted || r.Attempts[1].Stays[0].Step != migration.StepAssess {
		t.Fatalf("%d attempts", len(r.Attempts))
	}
	if words := r.Attempts[1].Words; len(words) != 1 || !strings.Contains(words[0].Text, "declared royal-bank-api.yaml again") {
		t.Errorf("the second attempt begins with %+v", words)
	}
	if !slices.Contains(r.Shortened, "hold 1m0s instead of 72h0m0s") {
		t.Errorf("shortened: %v", r.Shortened)
	}
}

func TestChain(t *testing.T) {
	full := story(t)
	altered := slices.Clone(full)
	altered[99].Actor = "carrot"
	illegible := slices.Clone(full)
	illegible[50].Body = []byte("{")
	for name, c := range map[string]struct {
		recs   []migration.Record
		intact int
		at     uint64
		why    string
	}{
		"altered":   {altered, 99, 100, "altered"},
		"gap":       {slices.Delete(slices.Clone(full), 10, 11), 10, 11, "missing"},
		"illegible": {illegible, 50, 51, "legible"},
	} {
		r := build(t, c.recs)
		if r.Chain.Verified || r.Chain.Intact != c.intact || r.Chain.BrokenAt != c.at || !strings.Contains(r.Chain.Broken, c.why) {
			t.Errorf("%s: %+v", name, r.Chain)
		}
		if r.Chain.Head != journal.HeadOf(full[c.intact-1]) {
			t.Errorf("%s: head %v", name, r.Chain.Head)
		}
		for form, text := range map[string]string{"Markdown": written(t, report.Markdown, r), "HTML": written(t, report.HTML, r)} {
			if lead := strings.Index(text, "The journal is broken"); lead < 0 || lead > strings.Index(text, "Waived by name") {
				t.Errorf("%s: the %s does not lead with the break", name, form)
			}
		}
	}
	if r := whole(t); !r.Chain.Verified || r.Chain.Head != journal.HeadOf(full[len(full)-1]) {
		t.Errorf("%+v", r.Chain)
	}
	full[0].Actor = "carrot"
	for _, recs := range [][]migration.Record{nil, full} {
		if _, err := report.Build(recs, time.Time{}); !errors.Is(err, report.ErrNothing) {
			t.Errorf("%d records: %v", len(recs), err)
		}
	}
}

// TestWaivers: what nobody measured comes first, with what it guards, where it
// was used and by whom; one that has ended says so.
func TestWaivers(t *testing.T) {
	recs := with(story(t), migration.KindWaived, migration.Waiver{Code: migration.CodeWindow, By: "vimes", Reason: "night watch", Until: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	r := build(t, recs)
	seen := false
	for _, w := range r.Waivers {
		if w.Guards == "" || w.By == "" || w.Reason == "" || w.Until.IsZero() {
			t.Errorf("%+v", w)
		}
		if w.Unjudged && seen {
			t.Errorf("%s comes after what was judged", w.Code)
		}
		seen = seen || !w.Unjudged
		if w.Code == migration.CodeConfigEnv && !slices.Contains(w.Used, migration.StepAssess) {
			t.Errorf("%s was used at %v", w.Code, w.Used)
		}
		if w.Code == migration.CodeWindow && (!w.Ended || len(w.Used) > 0) {
			t.Errorf("%+v", w)
		}
	}
	if !seen || len(r.Waivers) < len(runbook.Unjudged())+1 {
		t.Errorf("%d waivers", len(r.Waivers))
	}
}

// TestEveryCodeIsExplained: a report names no code without saying what it guards.
func TestEveryCodeIsExplained(t *testing.T) {
	for _, c := range migration.Codes() {
		if report.Guards(c) == "" {
			t.Errorf("no word about %s", c)
		}
	}
}

// TestDrills: each experiment is told with its verdict and its evidence, and what
// the file leaves out leads the report.
func TestDrills(t *testing.T) {
	recs := story(t)
	i := slices.IndexFunc(recs, func(r migration.Record) bool {
		return strings.Contains(string(r.Body), `"drill":"drain-load"`) && r.Kind == migration.KindOutcome
	})
	if i < 0 {
		t.Fatal("the story makes no drill")
	}
	changed := slices.Clone(recs[:i+1])
	changed[i].Body = []byte(strings.Replace(string(changed[i].Body), `"verdict":"pass"`, `"verdict":"fail","remedy":"mend it"`, 1))
	spec := changed[0]
	var d migration.Declared
	if err := json.Unmarshal(spec.Body, &d); err != nil {
		t.Fatal(err)
	}
	d.Spec.Drills.Skip = map[migration.StagingDrill]string{migration.DrillDial: "the firewall is open for all", migration.DrillDrain: "it proves a fix, and is made all the same"}
	body, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	changed[0].Body = body
	r := build(t, journal.SealAll(migration.Head{}, changed))
	last := r.Drills[len(r.Drills)-1]
	if last.Drill != migration.DrillDrain || last.Verdict != migration.Fail || last.Code != migration.CodeSigtermRace || len(last.Evidence) == 0 || last.Record != uint64(i+1) {
		t.Errorf("%+v", last)
	}
	if len(r.LeftOut) != 1 || r.LeftOut[0].Drill != migration.DrillDial || r.LeftOut[0].By != sim.Operator {
		t.Errorf("left out: %+v", r.LeftOut)
	}
	for form, text := range map[string]string{"Markdown": written(t, report.Markdown, r), "HTML": written(t, report.HTML, r)} {
		lead := strings.Index(text, "the firewall is open for all")
		if lead < 0 || lead > strings.Index(text, "The application on its machines") {
			t.Errorf("the %s does not lead with what is left out", form)
		}
		for _, said := range []string{"none of 1500 requests failed", "1500 of 1500 answered", "mend it"} {
			if !strings.Contains(text, said) {
				t.Errorf("the %s does not say %q", form, said)
			}
		}
	}
}
