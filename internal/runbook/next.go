package runbook

import (
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// strictTries is how often what must not hold up anything is tried without a rest.
//
// retryAfter is how long a refused action rests before it is tried again;
// giveUp is after how many refusals in a row a forward step asks for help;
// settleEvery is how often the effect of a change is looked for. On the way back
// nothing is given up: after patience refusals it is tried every longRest.
const (
	retryAfter  = 5 * time.Second
	giveUp      = 3
	settleEvery = 500 * time.Millisecond
	patience    = 30
	strictTries = 2
	longRest    = 30 * time.Second
)

// Next decides what to do now. It is total and deterministic: the same state,
// facts and time always give the same decision, with all its reasons.
func Next(s State, f Facts, now time.Time) Decision {
	l := look{s: s, f: f, now: now}
	if over(s.Mode) {
		return l.ended()
	}
	r, ok := rowOf(s.Step)
	if !ok {
		return Block{Reasons{fails(migration.CodeProcedure, "the journal stands at %q, which this version does not know", s.Step)}}
	}
	d, open := l.settlePending()
	if d != nil {
		return d
	}
	if s.Mode != migration.ModeForward {
		return l.back(r, open)
	}
	if d := l.turnBack(); d != nil {
		return d // a rollback supersedes what is pending, and never awaits it
	}
	if d := l.heldBack(open, settleEvery); d != nil {
		return d
	}
	return l.forward(r)
}

func over(m migration.Mode) bool {
	return m == migration.ModeRolledBack || m == migration.ModeAborted || m == migration.ModeRetired
}

// settlePending settles the first pending intent whose outcome can be told, or
// gives the reasons why none can. What cannot be told yet holds back a forward
// step, because what was changed is not known; on the way back it holds back
// only what touches the same target.
func (l look) settlePending() (Decision, []migration.Reason) {
	var open []migration.Reason
	for _, i := range l.s.Pending {
		outcome, r := l.settle(i)
		if outcome != migration.OutcomeUnknown {
			return Settle{Reasons{r}, i.ID, outcome}, nil
		}
		if l.s.Mode == migration.ModeForward || i.Step == l.s.Step {
			open = append(open, r) // what an earlier step of the way back left is noted
		}
	}
	return nil, open
}

// forward takes one step of the procedure.
func (l look) forward(r row) Decision {
	every := l.every(r)
	if d := l.holdBroken(); d != nil {
		return d
	}
	before, found := l.evaluate(r.before), l.survey(r.surveys)
	if d := l.heldBack(slices.Concat(before, found), every); d != nil {
		return d
	}
	if r.again != nil {
		if to, why := r.again(l); to != "" {
			return Move{Reasons: why, To: migration.Position{Attempt: l.s.Attempt, Mode: migration.ModeForward, Step: to}}
		}
	}
	if r.plan != nil {
		todo, why := r.plan(l)
		if len(todo) > 0 {
			return l.act(r, todo, slices.Concat(before, why), every)
		}
		if d := l.heldBack(why, every); d != nil {
			return d
		}
	}
	after := append(l.evaluate(r.after), l.survey(r.proofs)...)
	if d := l.heldBack(after, every); d != nil {
		return d
	}
	move := Move{Reasons: slices.Concat(before, found, after), To: l.following()}
	if r.leave != nil {
		move.Evidence = r.leave(l)
	}
	return move
}

func (l look) every(r row) time.Duration {
	if r.every != nil {
		return r.every(l.s.Policy)
	}
	return lookEvery
}

// following is the position behind a forward step.
func (l look) following() migration.Position {
	i := l.s.Step.Index()
	if i == len(migration.Forward) {
		return migration.Position{Attempt: l.s.Attempt, Mode: migration.ModeRetired, Step: l.s.Step}
	}
	return migration.Position{Attempt: l.s.Attempt, Mode: migration.ModeForward, Step: migration.Forward[i]}
}

// act turns actions into intents. What was refused rests first; what is
// refused again and again needs a person, but only on the way forward.
func (l look) act(r row, todo []migration.Action, why []migration.Reason, every time.Duration) Decision {
	d := Act{Reasons: why}
	var resting []migration.Reason
	for n, a := range todo {
		if f, ok := l.s.Failed[a.Target()]; ok && l.now.Sub(f.At) < l.rest(f) {
			resting = append(resting, l.refused(a, f))
			continue
		}
		if done, ok := l.s.Done[doneKey(r.step, a)]; ok && l.now.Sub(done.At) < lookEvery {
			resting = append(resting, watches(fails(migration.CodeOwner, "%s of %s was done and does not show: it is on its way, or something undoes it", migration.ActionName(a), a.Target())))
			continue
		}
		d.Intents = append(d.Intents, migration.Intent{
			ID: intentID(l.s, r.step, n+1), Attempt: l.s.Attempt, Step: r.step, Fence: l.s.Fence, At: l.now, Action: a,
		})
	}
	if len(d.Intents) > 0 {
		return d
	}
	return l.heldBack(resting, every)
}

// rest is how long an action that was refused is left alone: a moment on the
// way back, until it has been refused so often that somebody must mend something
// first; longer the more often it happens on the way forward.
func (l look) rest(f Failure) time.Duration {
	switch r, _ := rowOf(l.s.Step); {
	case r.strict && f.Count < strictTries:
		return 0
	case l.s.Mode != migration.ModeForward && f.Count > patience:
		return longRest
	case l.s.Mode != migration.ModeForward:
		return lookEvery
	}
	return time.Duration(min(f.Count, giveUp)) * retryAfter
}

func (l look) refused(a migration.Action, f Failure) migration.Reason {
	r := fails(migration.CodeIntent, "%s of %s: %s, %d times: %s", migration.ActionName(a), a.Target(), f.Outcome, f.Count, f.Detail)
	if f.Outcome == migration.OutcomeForeign {
		r.Code = migration.CodeForeign
	}
	if l.s.Mode == migration.ModeForward && f.Count >= giveUp {
		return seen(hint(r, "mend it and run again"), "", f.At)
	}
	return seen(watches(r), "", f.At)
}

// back takes one step of a rollback or an abort. Nothing blocks it: what cannot
// be done within its bound is left, with a note of what remains.
func (l look) back(r row, pending []migration.Reason) Decision {
	every := l.every(r)
	if len(pending) > 0 {
		every = settleEvery
	}
	late := r.bound != nil && l.now.Sub(l.s.Since) >= r.bound(l.s.Policy)
	open := pending
	if r.plan != nil {
		todo, why := r.plan(l)
		if late && r.strict {
			todo = slices.DeleteFunc(slices.Clone(todo), l.triedEnough)
		}
		// what was refused or undone rests before it is tried again, and meanwhile
		// the bound can end the step: it need not be asked for here
		fresh := slices.DeleteFunc(slices.Clone(todo), l.pending)
		if d, ok := l.act(r, fresh, nil, every).(Act); ok {
			d.Reasons = why
			return d
		}
		for _, a := range todo {
			why = append(why, l.stillToDo(a))
		}
		open = append(open, failing(why)...)
	}
	after := l.evaluate(r.after)
	open = distinct(append(open, failing(after)...))
	move := Move{Reasons: after, To: l.followingBack()}
	if len(open) == 0 {
		return move
	}
	if !late {
		return l.keepTrying(open, every)
	}
	move.Reasons = open
	for _, o := range open {
		move.Evidence = append(move.Evidence, migration.NewEvidence(migration.EvidenceLeft, l.now, migration.Left{What: r.title, Why: o.Text}))
	}
	return move
}

// triedEnough says whether an action of a strict step was done or refused so often that
// it is not begun again behind the step's bound. A process that comes late tries it.
func (l look) triedEnough(a migration.Action) bool {
	_, done := l.s.Done[doneKey(l.s.Step, a)]
	return done || l.s.Failed[a.Target()].Count >= strictTries
}

// pending says whether something is on its way to an action's target already.
func (l look) pending(a migration.Action) bool {
	return slices.ContainsFunc(l.s.Pending, func(i migration.Intent) bool { return i.Target() == a.Target() })
}

// stillToDo says how it stands with an action of the way back that was begun.
func (l look) stillToDo(a migration.Action) migration.Reason {
	if f, refused := l.s.Failed[a.Target()]; refused {
		return watches(l.refused(a, f))
	}
	return watches(fails(migration.CodeIntent, "%s of %s was begun and does not show yet", migration.ActionName(a), a.Target()))
}

// distinct leaves out what was said before.
func distinct(reasons []migration.Reason) []migration.Reason {
	var out []migration.Reason
	for _, r := range reasons {
		if !slices.ContainsFunc(out, func(o migration.Reason) bool { return o.Code == r.Code && o.Text == r.Text }) {
			out = append(out, r)
		}
	}
	return out
}

// keepTrying looks again; a person is asked beside it where only one can help.
func (l look) keepTrying(open []migration.Reason, every time.Duration) Decision {
	for _, o := range open {
		if o.Remedy == migration.Asks {
			return Ask{Reasons: open, Every: every}
		}
	}
	return Watch{Reasons: open, Every: every}
}

// followingBack is the position behind a step of rollback or abort.
func (l look) followingBack() migration.Position {
	list, end := migration.Back, migration.ModeRolledBack
	if l.s.Mode == migration.ModeAborting {
		list, end = migration.Undo, migration.ModeAborted
	}
	for i, step := range list {
		if step == l.s.Step && i+1 < len(list) {
			return migration.Position{Attempt: l.s.Attempt, Mode: l.s.Mode, Step: list[i+1]}
		}
	}
	return migration.Position{Attempt: l.s.Attempt, Mode: end, Step: l.s.Step}
}

// ended says what may follow the end of an attempt: after a rollback another
// one, once the incident has its written root cause analysis.
func (l look) ended() Decision {
	switch l.s.Mode {
	case migration.ModeRetired:
		return Finished{Reasons{passes(migration.CodeProcedure, "the old side is released; the move is complete")}}
	case migration.ModeAborted:
		return Finished{Reasons{passes(migration.CodeProcedure, "the attempt was aborted; what was prepared is undone")}}
	}
	rca := analysed(l)
	if !rca.Verdict.OK() {
		return Block{Reasons{rca}}
	}
	start := migration.StepStage
	if !slices.Equal(l.s.Images[l.s.Attempt], l.s.Spec.Images()) {
		start = migration.StepContainer
	}
	return Move{
		Reasons: Reasons{rca},
		To:      migration.Position{Attempt: l.s.Attempt + 1, Mode: migration.ModeForward, Step: start},
	}
}

// holdBroken starts the hold's clock again after a breach of stable operation,
// for as long as the old side is still there.
func (l look) holdBroken() Decision {
	if l.s.Step.Before(migration.StepHold) {
		return nil
	}
	why := l.breach()
	if why == "" {
		return nil
	}
	return Note{
		Reasons:  Reasons{fails(migration.CodeEarlyRetire, "the hold starts again: %s", why)},
		Evidence: []migration.Evidence{l.holdFrom(why)},
	}
}
