package runbook

import (
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// look is everything that a guard may see.
type look struct {
	s   State
	f   Facts
	now time.Time
	// foreseen says that a plan is made: what takes long is not looked at, and
	// shown as the journal knows it.
	foreseen bool
}

// guard is one failure that must not happen: from what is seen to a reason.
type guard func(look) migration.Reason

func passes(code migration.Code, format string, args ...any) migration.Reason {
	return migration.Reason{Code: code, Verdict: migration.Pass, Text: fmt.Sprintf(format, args...)}
}

func fails(code migration.Code, format string, args ...any) migration.Reason {
	return migration.Reason{Code: code, Verdict: migration.Fail, Text: fmt.Sprintf(format, args...)}
}

func unknown(code migration.Code, format string, args ...any) migration.Reason {
	return migration.Reason{Code: code, Verdict: migration.Unknown, Text: fmt.Sprintf(format, args...), Remedy: migration.Watches}
}

func hint(r migration.Reason, format string, args ...any) migration.Reason {
	r.Hint = fmt.Sprintf(format, args...)
	return r
}

func seen(r migration.Reason, source string, at time.Time) migration.Reason {
	r.Source, r.At = source, at
	return r
}

func watches(r migration.Reason) migration.Reason { r.Remedy = migration.Watches; return r }
func asks(r migration.Reason) migration.Reason    { r.Remedy = migration.Asks; return r }

func waits(r migration.Reason, until time.Time) migration.Reason {
	r.Remedy, r.Until = migration.Waits, until
	return r
}

// evaluate runs every guard, so that an operator sees every blocker at once,
// and lets pass by name what is waived.
func (l look) evaluate(guards []guard) []migration.Reason {
	out := make([]migration.Reason, 0, len(guards))
	for _, g := range guards {
		out = append(out, l.waive(g(l)))
	}
	return out
}

// waive lets a reason pass where a waiver covers its code now.
func (l look) waive(r migration.Reason) migration.Reason {
	if r.OK() || !r.Code.Waivable() {
		return r
	}
	for _, list := range [][]migration.Waiver{l.s.Waivers, l.s.Policy.StandingWaivers} {
		for _, w := range list {
			if w.Covers(r.Code, l.s.Attempt, l.now) {
				return waivedBy(r, w)
			}
		}
	}
	return r
}

func waivedBy(r migration.Reason, w migration.Waiver) migration.Reason {
	r.Verdict = migration.Waived
	r.Text = fmt.Sprintf("%s — waived by %s until %s: %s", r.Text, w.By, w.Until.UTC().Format(time.RFC3339), w.Reason)
	r.Remedy, r.Hint, r.Until = migration.Blocks, "", time.Time{}
	return r
}

// failing are the reasons that do not let a forward step go on.
func failing(reasons []migration.Reason) []migration.Reason {
	var out []migration.Reason
	for _, r := range reasons {
		if !r.OK() {
			out = append(out, r)
		}
	}
	return out
}

// heldBack turns what does not pass into the decision that helps: something
// must change, a person must speak, it is on its way, or it takes time. Once
// traffic may be on the new side nothing just blocks: looking goes on while a
// person is asked.
func (l look) heldBack(reasons []migration.Reason, every time.Duration) Decision {
	bad := failing(reasons)
	if len(bad) == 0 {
		return nil
	}
	worst := len(urgency)
	var until time.Time
	for _, r := range bad {
		worst = min(worst, slices.Index(urgency, r.Remedy))
		if r.Until.After(until) {
			until = r.Until
		}
	}
	switch urgency[worst] {
	case migration.Blocks:
		if l.s.SwitchBegan() {
			return Ask{Reasons: bad, Every: every}
		}
		return Block{Reasons: bad}
	case migration.Asks:
		if l.s.SwitchBegan() || slices.ContainsFunc(bad, comes) {
			return Ask{Reasons: bad, Every: every}
		}
		return Ask{Reasons: bad}
	case migration.Watches:
		return Watch{Reasons: bad, Every: every, Until: until}
	}
	return Wait{Reasons: bad, Until: until}
}

// urgency orders the remedies by who must act first.
var urgency = []migration.Remedy{migration.Blocks, migration.Asks, migration.Watches, migration.Waits}
