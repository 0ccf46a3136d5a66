package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// progress tells on standard error what the engine does: a line for each step
// that is entered or left, for each change outside, and for each change of what
// is waited for; and a countdown, in place on a terminal.
type progress struct {
	p       *Program
	pos     migration.Position
	entered time.Time
	waiting string // identifies what is waited for
	why     string // in one line, for the countdown
	until   time.Time
	since   time.Time
	next    time.Time // of the next line where there is no terminal
	inPlace bool      // a countdown stands on the terminal's last line
	looked  time.Time // not again before, where there is no terminal
	trouble string
}

// event takes one event of the engine.
func (g *progress) event(e engine.Event) {
	if g.entered.IsZero() {
		g.pos, g.entered = e.State.Position, e.State.Since
	}
	switch {
	case e.Looking != "":
		g.looking(e)
	case e.Err != nil:
		g.err(e)
	case e.Record != nil:
		g.record(e.At, *e.Record, e.State)
	case e.Decision != nil:
		g.decision(e.At, e.Decision, e.State)
	}
}

// line writes one line with the time.
func (g *progress) line(at time.Time, format string, args ...any) {
	g.clear()
	fmt.Fprintf(g.p.Stderr, "%s  %s\n", g.p.stamp(at), fmt.Sprintf(format, args...))
}

// detail writes a line below the one before.
func (g *progress) detail(format string, args ...any) {
	g.clear()
	fmt.Fprintf(g.p.Stderr, "    %s\n", fmt.Sprintf(format, args...))
}

func (g *progress) clear() {
	if g.inPlace {
		fmt.Fprint(g.p.Stderr, "\r\x1b[K")
		g.inPlace = false
	}
}

func (g *progress) err(e engine.Event) {
	text := e.Err.Error()
	if errors.Is(e.Err, engine.ErrMoved) || errors.Is(e.Err, engine.ErrFenced) {
		text = "the journal has grown meanwhile; it is read again"
	}
	if text != g.trouble {
		g.line(e.At, "trouble: %s", text)
	}
	g.trouble = text
}

// looking shows that something takes its time to be seen: in place on a terminal,
// otherwise in a line now and then.
func (g *progress) looking(e engine.Event) {
	if g.p.Terminal {
		fmt.Fprintf(g.p.Stderr, "\r\x1b[K%s", cut(g.p.stamp(e.At)+"  "+e.Looking, g.p.Width))
		g.inPlace = true
		return
	}
	if e.At.Before(g.looked) {
		return
	}
	g.looked = e.At.Add(30 * time.Second)
	g.line(e.At, "%s", e.Looking)
}

func (g *progress) record(at time.Time, r migration.Record, s runbook.State) {
	switch r.Kind {
	case migration.KindIntent:
		a := body[migration.Intent](r).Action
		g.line(at, "%s", actionText(a))
		for _, l := range actionDiff(a) {
			g.detail("%s", l)
		}
	case migration.KindOutcome:
		g.outcome(at, body[migration.Settled](r))
	case migration.KindMoved:
		g.reasonsOfTurn(at, r)
		g.assessed(at, r)
	case migration.KindEvidence:
		if ev := body[migration.Evidence](r); ev.Kind != migration.EvidenceJudge {
			g.line(at, "%s", g.p.evidenceText(ev))
		}
	default:
		g.line(at, "%s: %s", r.Actor, g.p.summary(r))
	}
	if s.Position != g.pos {
		g.moved(at, s.Position)
	}
	if r.Kind == migration.KindMoved {
		g.left(at, body[migration.Moved](r))
	}
}

func (g *progress) outcome(at time.Time, s migration.Settled) {
	switch {
	case s.Outcome == migration.OutcomeUnknown && s.Result.Detail != "":
		g.detail("%s", s.Result.Detail)
	case s.Outcome != migration.OutcomeDone:
		g.line(at, "%s", settledText(s))
	case s.Result.Smoke != nil:
		g.detail("%d of %d smoke tests passed", s.Result.Smoke.Ran-s.Result.Smoke.Failed, s.Result.Smoke.Ran)
		for _, d := range s.Result.Smoke.Detail {
			g.detail("failed: %s", d)
		}
	case s.Result.Trial != nil:
		g.detail("%s", s.Result.Trial.Text())
	case s.Result.Drill != nil:
		d := s.Result.Drill
		g.detail("%s: %s", g.p.verdictMark(d.Verdict), d.Text)
		for _, e := range d.Evidence {
			if d.Verdict != migration.Pass {
				g.detail("  %s", e)
			}
		}
	}
	for _, f := range s.Result.Files {
		g.detail("saved: %s", f)
	}
}

// reasonsOfTurn tells why an attempt turns around by itself, or goes back.
func (g *progress) reasonsOfTurn(at time.Time, r migration.Record) {
	if bad := failing(r.Reasons); len(bad) > 0 {
		for _, b := range bad {
			g.line(at, "%s: %s", b.Code, b.Text)
		}
	}
}

// assessed tells what the machines were found to be, where that was journalled.
func (g *progress) assessed(at time.Time, r migration.Record) {
	for _, ev := range body[migration.Moved](r).Evidence {
		if ev.Kind != migration.EvidenceAssess {
			continue
		}
		g.line(at, "%s", g.p.evidenceText(ev))
		for _, a := range alike(advice(r.Reasons)) {
			g.detail("advice: %s %s: %s", a.Verdict, joined(a.codes), a.Text)
		}
	}
}

// moved tells that a step is left and another one entered.
func (g *progress) moved(at time.Time, to migration.Position) {
	if g.pos.Attempt == to.Attempt && g.pos.Mode == to.Mode {
		g.line(at, "%s left after %s", g.pos.Step, span(at.Sub(g.entered)))
	}
	if to.Attempt != g.pos.Attempt {
		g.line(at, "attempt %d", to.Attempt)
	}
	switch to.Mode {
	case migration.ModeForward:
		g.line(at, "%s (%d of %d): %s", to.Step, to.Step.Index(), len(migration.Forward), runbook.Title(to.Step))
	case migration.ModeRollback, migration.ModeAborting:
		g.line(at, "%s, %s: %s", to.Mode, to.Step, runbook.Title(to.Step))
	default:
		g.line(at, "%s", to.Mode)
	}
	g.pos, g.entered, g.waiting, g.trouble = to, at, "", ""
}

// left tells what could not be undone or done.
func (g *progress) left(at time.Time, m migration.Moved) {
	for _, ev := range m.Evidence {
		var l migration.Left
		if ev.Kind == migration.EvidenceLeft && json.Unmarshal(ev.Body, &l) == nil {
			g.line(at, "left for a person: %s: %s", l.What, l.Why)
		}
	}
}

// decision tells what is waited for when that changes.
func (g *progress) decision(at time.Time, d runbook.Decision, s runbook.State) {
	until, waits := waitsUntil(d)
	if !waits {
		return
	}
	key := runbook.DecisionName(d)
	for _, r := range d.Why() {
		key += " " + string(r.Code)
	}
	g.why, g.until = oneLine(d.Why()), until
	if key == g.waiting {
		g.tick(at)
		return
	}
	g.waiting, g.since = key, at
	g.next = at.Add(pauseBetween(0, until.Sub(at)))
	word, latest := "waiting for", " at the latest"
	switch d.(type) {
	case runbook.Wait:
		latest = ""
	case runbook.Ask:
		word = "a person is needed for"
	}
	for _, r := range failing(d.Why()) {
		g.line(at, "%s %s: %s", word, r.Code, r.Text)
		if r.Hint != "" {
			g.detail("hint: %s", hintText(r.Hint, s.Key))
		}
	}
	if !until.IsZero() {
		g.detail("until %s%s, in %s", g.p.stamp(until), latest, span(until.Sub(at)))
	}
}

// waitsUntil says whether a decision is to wait, and until when at most.
func waitsUntil(d runbook.Decision) (time.Time, bool) {
	switch d := d.(type) {
	case runbook.Wait:
		return d.Until, true
	case runbook.Watch:
		return d.Until, true
	case runbook.Ask:
		return time.Time{}, d.Every > 0
	}
	return time.Time{}, false
}

// tick shows how long is still waited: in place on a terminal, otherwise in a
// line now and then.
func (g *progress) tick(now time.Time) {
	if g.waiting == "" {
		return
	}
	left := "for " + span(now.Sub(g.since))
	if !g.until.IsZero() {
		left = span(max(g.until.Sub(now), 0)) + " left"
	}
	if g.p.Terminal {
		fmt.Fprintf(g.p.Stderr, "\r\x1b[K%s", cut(fmt.Sprintf("%s  %s, %s: %s", g.p.stamp(now), g.pos.Step, left, g.why), g.p.Width))
		g.inPlace = true
		return
	}
	if now.Before(g.next) {
		return
	}
	g.next = now.Add(pauseBetween(now.Sub(g.since), g.until.Sub(now)))
	g.line(now, "%s, %s: %s", g.pos.Step, left, g.why)
}

// pauseBetween is how long a log is left alone: at least half a minute, and
// longer the longer the wait, so that a day does not fill it.
func pauseBetween(gone, left time.Duration) time.Duration {
	return max(30*time.Second, gone/10, left/20)
}

// oneLine is what does not pass, in one line.
func oneLine(list []migration.Reason) string {
	var out []string
	for _, r := range failing(list) {
		out = append(out, string(r.Code)+" "+r.Text)
	}
	return strings.Join(out, "; ")
}

// cut keeps a line from wrapping, which could not be rewritten in place.
func cut(s string, width int) string {
	r := []rune(s)
	if width < 20 || len(r) < width {
		return s
	}
	return string(r[:width-2]) + "…"
}

// follow shows what another process has done since the last look.
func (g *progress) follow(at time.Time, s runbook.State) {
	if s.Position != g.pos {
		g.moved(at, s.Position)
	}
}
