package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// word keeps what a person said, in a sentence. Waivers and incidents have
// sections of their own.
func (t *teller) word(before runbook.State, r migration.Record) error {
	var text string
	var err error
	switch r.Kind {
	case migration.KindDeclared:
		err = with(r, func(d migration.Declared) error { text = t.declared(before, d); return nil })
	case migration.KindApproved:
		err = with(r, func(a migration.Approval) error {
			text = fmt.Sprintf("approved attempt %d of the file %s until %s%s", a.Attempt, short(a.Digest), stamp(a.Until), because(a.Reason))
			return nil
		})
	case migration.KindRollback:
		err = with(r, func(s migration.Said) error { text = "ordered the rollback" + because(s.Text); return nil })
	case migration.KindAbort:
		err = with(r, func(s migration.Said) error { text = "aborted the attempt" + because(s.Text); return nil })
	case migration.KindOver:
		err = with(r, func(o migration.Over) error { text = "allowed to overwrite " + o.Set.String(); return nil })
	case migration.KindRCA:
		err = with(r, func(a migration.RCA) error { text = "attached the root cause analysis of " + a.Incident; return nil })
	case migration.KindMeasured:
		err = with(r, func(m runbook.Measured) error { text = "put on record " + m.Text(); return nil })
	case migration.KindAgain:
		text = "asked for the drills that did not pass to be made again"
	case migration.KindNote:
		err = with(r, func(s migration.Said) error { text = s.Text; return nil })
	default:
		return nil
	}
	if err == nil {
		a := t.here()
		a.Words = append(a.Words, Word{At: r.At, By: r.Actor, Kind: r.Kind, Text: text, Record: r.Seq})
	}
	return err
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// declared also remembers which of the policy's numbers were weaker than the
// runbook's: they touched what follows, even where a later policy is stricter.
func (t *teller) declared(before runbook.State, d migration.Declared) string {
	for _, s := range d.Policy.Shortened() {
		if !slices.Contains(t.shortened, s) {
			t.shortened = append(t.shortened, s)
		}
	}
	file := d.File
	if file == "" {
		file = "the migration"
	}
	switch {
	case before.Head.Seq == 0:
		return fmt.Sprintf("declared %s, digest %s", file, short(d.Spec.Digest()))
	case len(d.Change) == 0:
		return fmt.Sprintf("declared %s again, digest %s", file, short(d.Spec.Digest()))
	}
	return fmt.Sprintf("edited %s (%s), digest %s", file, strings.Join(d.Change, ", "), short(d.Spec.Digest()))
}

// short is enough of a digest for a person to compare.
func short(digest string) string { return digest[:min(len(digest), 12)] }

// Waiver is one code that was let pass by name. Unjudged says that this version
// has no check for it: nobody measured, a person answers for it.
type Waiver struct {
	migration.Waiver
	Guards   string           `json:"guards"`
	Unjudged bool             `json:"unjudged"`
	Standing bool             `json:"standing,omitempty"` // from the policy
	Ended    bool             `json:"ended,omitempty"`
	Used     []migration.Step `json:"used,omitempty"` // steps that it let pass
}

// use is where waivers of one code let something pass.
type use []migration.Step

func (u use) at(s migration.Step) use {
	if slices.Contains(u, s) {
		return u
	}
	return append(u, s)
}

// waivers lists what was waived, what nobody measured first.
func (t *teller) waivers() []Waiver {
	unjudged := runbook.Unjudged()
	var out []Waiver
	add := func(list []migration.Waiver, standing bool) {
		for _, w := range list {
			out = append(out, Waiver{
				Waiver: w, Guards: Guards(w.Code), Unjudged: slices.Contains(unjudged, w.Code),
				Standing: standing, Ended: !t.now.Before(w.Until), Used: t.used[w.Code],
			})
		}
	}
	add(t.state.Waivers, false)
	add(t.state.Policy.StandingWaivers, true)
	slices.SortStableFunc(out, func(a, b Waiver) int {
		switch {
		case a.Unjudged == b.Unjudged:
			return 0
		case a.Unjudged:
			return -1
		}
		return 1
	})
	return out
}

// waived are waivers that differ in nothing but their code.
type waived struct {
	By, Reason string
	Until      time.Time
	Attempt    int
	Standing   bool
	Ended      bool
	Unjudged   bool
	Waivers    []Waiver
}

// What says what was let pass.
func (w waived) What() string {
	if w.Unjudged {
		return "Nobody measured these: this version has no check for them."
	}
	return "A check that did not pass, or could not be made, was let pass."
}

// Scope says what the waivers cover.
func (w waived) Scope() string {
	switch {
	case w.Standing:
		return "standing, from the policy"
	case w.Attempt > 0:
		return fmt.Sprintf("attempt %d", w.Attempt)
	}
	return "every attempt"
}

// grouped puts waivers together that one person gave in one breath.
func (r Report) grouped() []waived {
	var out []waived
	for _, w := range r.Waivers {
		i := slices.IndexFunc(out, func(g waived) bool {
			return g.By == w.By && g.Reason == w.Reason && g.Until.Equal(w.Until) && g.Attempt == w.Attempt && g.Standing == w.Standing && g.Unjudged == w.Unjudged
		})
		if i < 0 {
			out = append(out, waived{By: w.By, Reason: w.Reason, Until: w.Until, Attempt: w.Attempt, Standing: w.Standing, Ended: w.Ended, Unjudged: w.Unjudged})
			i = len(out) - 1
		}
		out[i].Waivers = append(out[i].Waivers, w)
	}
	return out
}
