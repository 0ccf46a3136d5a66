package runbook

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// TestScenarios plays every story under testdata/scenario. A line that begins
// with "> " is what happens outside or what a person says; the lines below it
// are what was decided, and why. A decision is shown once below each line, and
// again only when it differs in more than its numbers.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenario/*.txt")
	if err != nil || (len(files) < 25 && !*update) {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the transcript differs; if it should: go test ./internal/runbook -run TestScenarios -update\n%s", firstDifference(string(want), string(got)))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		line := func(l []string) string {
			if i < len(l) {
				return l[i]
			}
			return "(nothing)"
		}
		if line(w) != line(g) {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, line(w), line(g))
		}
	}
	return ""
}

// story is one scenario while it is told.
type story struct {
	t      *testing.T
	out    bytes.Buffer
	spec   migration.Spec
	policy migration.Policy
	ttl    uint32
	waive  time.Duration    // until when the unjudged codes are waived; 0 for not at all
	judged []migration.Code // codes that are not waived all the same
	p      *play
	told   map[string]bool // decisions that were shown since the last command
	quiet  bool
	varied bool // something was given that is not the plain example's
}

// tell plays the commands of a scenario and gives it back with its answers.
func tell(t *testing.T, text string) []byte {
	st := &story{t: t, spec: exampleSpec(), policy: examplePolicy(), ttl: 3600, waive: 90 * 24 * time.Hour}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			fmt.Fprintln(&st.out, line)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintf(&st.out, "\n%s\n", line)
			st.told = map[string]bool{}
			st.command(strings.Fields(line)[1:])
			if st.p != nil && st.p.err != nil {
				t.Fatalf("%s: %v\n%s", line, st.p.err, st.out.String())
			}
		}
	}
	return st.out.Bytes()
}

// begin declares the migration when the first command needs it.
func (st *story) begin() *play {
	if st.p != nil {
		return st.p
	}
	w := newWorld(st.spec, st.ttl)
	w.pass(time.Hour)
	w.now = t0
	st.p = newPlay(w)
	st.p.heard = st.hear
	st.quiet = true
	st.p.declare("angua", st.spec, st.policy)
	if st.waive > 0 {
		for _, wv := range waivers(t0.Add(st.waive)) {
			if slices.Contains(st.judged, wv.Code) {
				continue
			}
			st.p.says("angua", migration.KindWaived, wv)
		}
	}
	st.quiet = false
	return st.p
}

// hear writes down a decision that says something new.
func (st *story) hear(s State, d Decision, r *migration.Record) {
	if st.quiet {
		return
	}
	if r != nil {
		st.hearRecord(s, *r)
		return
	}
	shape := DecisionName(d) + string(s.Step) + string(s.Mode)
	for _, r := range d.Why() {
		shape += fmt.Sprint(r.Code, r.Verdict, r.Remedy, digits.ReplaceAllString(clock(r.Text), "N"))
	}
	if a, ok := d.(Act); ok {
		for _, i := range a.Intents {
			shape += actionText(i.Action)
		}
	}
	if st.told[shape] {
		return
	}
	st.told[shape] = true
	st.line(s, decisionText(d, st.p.w.now))
	st.reasons(d.Why())
	if a, ok := d.(Act); ok {
		for _, i := range a.Intents {
			st.detail("%s", actionText(i.Action))
		}
	}
	if m, ok := d.(Move); ok && m.Incident != nil {
		st.detail("incident %s: %s", m.Incident.ID, clock(m.Incident.Summary))
	}
}

// hearRecord writes down what only the journal shows: outcomes that were not
// plain, and what was left.
func (st *story) hearRecord(s State, r migration.Record) {
	switch r.Kind {
	case migration.KindOutcome:
		var b migration.Settled
		if err := jsonInto(r.Body, &b); err != nil {
			st.t.Fatal(err)
		}
		if b.Outcome != migration.OutcomeDone && b.Result.Detail != "" {
			st.line(s, "outcome "+b.Outcome.String())
			st.detail("%s", clock(b.Result.Detail))
		}
	case migration.KindMoved:
		var b migration.Moved
		if err := jsonInto(r.Body, &b); err != nil {
			st.t.Fatal(err)
		}
		for _, e := range b.Evidence {
			var left migration.Left
			if e.Kind == migration.EvidenceLeft {
				if err := jsonInto(e.Body, &left); err != nil {
					st.t.Fatal(err)
				}
				st.detail("left undone: %s: %s", left.What, clock(left.Why))
			}
		}
	}
}

func (st *story) line(s State, what string) {
	mode := ""
	if s.Mode != migration.ModeForward {
		mode = " (" + string(s.Mode) + ")"
	}
	fmt.Fprintf(&st.out, "%-11s %d %s%s: %s\n", since(st.p.w.now), s.Attempt, s.Step, mode, what)
}

func (st *story) detail(format string, args ...any) {
	fmt.Fprintf(&st.out, "%14s%s\n", "", strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n"+strings.Repeat(" ", 16)))
}

// reasons writes down all reasons; findings that pass stand in one line.
func (st *story) reasons(list []migration.Reason) {
	var good []string
	for _, r := range list {
		if r.Verdict == migration.Pass && r.Required != "" {
			good = append(good, string(r.Code))
			continue
		}
		st.reason(r)
	}
	if len(good) > 0 {
		st.detail("found well: %s", strings.Join(good, " "))
	}
}

func (st *story) reason(r migration.Reason) {
	if r.Verdict == migration.Waived && r.Text == waivedText(r) {
		st.detail("waived %s", r.Code)
		return
	}
	remedy := ""
	switch {
	case r.Advice:
		remedy = ", advice"
	case !r.Verdict.OK():
		remedy = ", " + r.Remedy.String()
	}
	st.detail("%s %s%s: %s", r.Verdict, r.Code, remedy, clock(r.Text))
	if r.Hint != "" {
		st.detail("  hint: %s", r.Hint)
	}
}

// waivedText is what an unjudged code says once it is waived; the transcript
// shows only that it is.
func waivedText(r migration.Reason) string {
	text, _, _ := strings.Cut(r.Text, " — waived by angua")
	if text != "no check of this version can judge it" {
		return ""
	}
	return r.Text
}

func decisionText(d Decision, now time.Time) string {
	switch d := d.(type) {
	case Settle:
		return "settle " + d.Outcome.String()
	case Move:
		out := fmt.Sprintf("move to %s", d.To.Step)
		if d.To.Mode != migration.ModeForward {
			out = fmt.Sprintf("move to %s (%s)", d.To.Step, d.To.Mode)
		}
		for _, e := range d.Evidence {
			out += ", journalling " + string(e.Kind)
		}
		return out
	case Watch:
		return "watch every " + d.Every.String()
	case Wait:
		return "wait until " + since(d.Until)
	case Ask:
		if d.Every > 0 {
			return "ask, and look every " + d.Every.String()
		}
	}
	return DecisionName(d)
}

func actionText(a migration.Action) string {
	switch a := a.(type) {
	case migration.SwapRecords:
		out := fmt.Sprintf("%s: change of %s", a.Purpose, migration.ZoneKey(a.Zone, a.View))
		for _, l := range migration.DiffSets(a.Before, a.After) {
			out += "\n" + generationNumber.ReplaceAllString(l, "generation N")
		}
		return out
	case migration.Scale:
		return fmt.Sprintf("scale %s to %d", a.Target(), a.Replicas)
	case migration.TurnReturnPath:
		return fmt.Sprintf("turn %s to the %s side", a.Target(), a.To)
	case migration.RunDrill:
		return fmt.Sprintf("drill %s of %s in %s", a.Drill, a.Workload, a.Env)
	}
	return migration.ActionName(a) + " " + string(a.Target())
}

var (
	numbers          = regexp.MustCompile(`; (error rate|share of requests)[^;]*(; about \d+ are needed)?`)
	digits           = regexp.MustCompile(`[0-9]+[0-9hms.]*`)
	instants         = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	generationNumber = regexp.MustCompile(`generation \d+`)
)

// clock makes the times in a text relative to the story's begin, and leaves out
// the judgement's own numbers.
func clock(text string) string {
	text = numbers.ReplaceAllString(text, "")
	return instants.ReplaceAllStringFunc(text, func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return since(t)
	})
}

func since(t time.Time) string {
	d := t.Sub(t0).Round(time.Second)
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	return fmt.Sprintf("%s%dd %02d:%02d:%02d", sign, days, d/time.Hour, d/time.Minute%60, d/time.Second%60)
}
