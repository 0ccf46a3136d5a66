package runbook

import (
	"fmt"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// judged says whether the judgement runs in a step: from the switch on, until
// the old side is gone.
func judged(s State) bool {
	return s.Mode == migration.ModeForward && s.Baseline != nil && !s.Step.Before(migration.StepSwitch)
}

// turnBack decides whether the attempt turns around by itself, or a person must
// decide because turning could make it worse.
func (l look) turnBack() Decision {
	if !judged(l.s) || !l.s.SwitchBegan() {
		return nil
	}
	if d := l.ledBackByHand(); d != nil {
		return d
	}
	v := l.s.Live.Judge.Verdict
	switch v.Kind {
	case analysis.Bad:
		return l.onBad(fails(migration.CodeVerdict, "%s", verdictText(v)))
	case analysis.Blind:
		return l.onBlind(v)
	}
	return nil
}

// ledBackByHand adopts a rollback that somebody made in the provider's console:
// it is followed, not fought.
func (l look) ledBackByHand() Decision {
	if l.s.Switched == nil {
		return nil
	}
	for _, z := range l.s.switched() {
		moved := l.s.Swaps[z.key()]
		v := l.f.zone(z.key())
		if !v.known || v.at.Before(l.s.Switched.At) {
			continue
		}
		have := v.newest().Sets
		if dataReached(have, moved.Before) && !dataReached(have, moved.After) && !isOld(have, moved) {
			return l.turned(seen(fails(migration.CodeForeign, "zone %s was led back by hand: the rollback is adopted", z.key()), "name servers", v.at))
		}
	}
	return nil
}

// isOld says whether sets show the generation from before a change: then they
// were read from a server that has not seen it, and nobody took it back.
func isOld(have []migration.RRset, change migration.SwapRecords) bool {
	for _, b := range change.Before {
		if isGeneration(b) && migration.FindSet(have, b.Name, b.Type).SameData(b) {
			return true
		}
	}
	return false
}

// onBad rolls back where that loses nothing and leads to something that works.
func (l look) onBad(cause migration.Reason) Decision {
	every := l.s.Policy.SampleEvery
	if sw := splitWrites(l); !sw.Verdict.OK() {
		return Ask{Reasons: Reasons{cause, asks(hint(sw, "rehome rollback %s", l.s.Key))}, Every: every}
	}
	if old := oldSideWell(l); !old.Verdict.OK() {
		return Ask{Reasons: Reasons{cause, asks(hint(sharedFault(old), "if it is better all the same: rehome rollback %s", l.s.Key))}, Every: every}
	}
	return l.turned(cause)
}

func sharedFault(old migration.Reason) migration.Reason {
	old.Code = migration.CodeSharedFault
	old.Text = "nothing automatic happens while the old side is ill or unseen: " + old.Text
	return old
}

// onBlind goes on for a while, then asks, and at last rolls back if the
// product's own probes fail too. Blind alone is never bad.
func (l look) onBlind(v analysis.Verdict) Decision {
	since := l.now.Sub(v.Since)
	if since < l.s.Policy.BlindAsk {
		return nil
	}
	blind := asks(hint(migration.Reason{Code: migration.CodeBlind, Verdict: migration.Unknown, Text: verdictText(v)},
		"repair the metrics; rehome rollback %s leads back", l.s.Key))
	if p := l.f.Probe[migration.NewSide]; since >= l.s.Policy.BlindRollback && p.Known() && !p.Value.OK {
		blind.Verdict, blind.Remedy = migration.Fail, migration.Blocks
		blind.Text += "; and the new side does not answer the product's own probes: " + p.Value.Detail
		return l.onBad(blind)
	}
	if r := l.waive(blind); r.Verdict.OK() {
		return nil
	}
	return Ask{Reasons: Reasons{blind}, Every: l.s.Policy.SampleEvery}
}

// turned is the automatic turn back: the incident goes first.
func (l look) turned(cause migration.Reason) Decision {
	inc := NewIncident(l.s, l.now, migration.Actor, cause.Text, []migration.Reason{cause})
	return Move{
		Reasons:  Reasons{cause},
		To:       migration.Position{Attempt: l.s.Attempt, Mode: migration.ModeRollback, Step: migration.Back[0]},
		Incident: &inc,
	}
}

// NewIncident says what is known at the moment when an attempt fails.
func NewIncident(s State, now time.Time, by, summary string, cause []migration.Reason) migration.Incident {
	n := 1
	for _, inc := range s.Incidents {
		if inc.Attempt == s.Attempt {
			n++
		}
	}
	id := fmt.Sprintf("%s-%d", s.Key, s.Attempt)
	if n > 1 {
		id = fmt.Sprintf("%s.%d", id, n)
	}
	return migration.Incident{ID: id, Attempt: s.Attempt, Step: s.Step, At: now, By: by, Summary: summary, Cause: cause}
}
