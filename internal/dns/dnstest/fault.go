package dnstest

import (
	"context"
	"errors"
	"time"

	"rehome.dev/rehome/internal/migration"
)

var faultCases = []testCase{
	{"a wrong key changes nothing", Options{}, func(t *test) {
		got, err := t.Denied.Swap(t.ctx, change(Initial()[:1], sets(a(Service, 60, NewAddress))))
		t.ended(migration.OutcomeNotDone, got, err)
		t.serves(Initial()[0])
	}},
	{"an unknown zone is not changed", Options{}, func(t *test) {
		x := a("x.unseen-university.am.", 60, NewAddress)
		got, err := t.Provider.Swap(t.ctx, migration.SwapRecords{Zone: "unseen-university.am.",
			Before: sets(a(x.Name, 0)), After: sets(x)})
		t.ended(migration.OutcomeNotDone, got, err)
	}},
	{"a change that makes no sense is not sent", Options{}, func(t *test) {
		t.swap(migration.OutcomeNotDone, Initial()[:1], sets(a(Service, 60, "ten")))
		t.swap(migration.OutcomeNotDone, Initial()[:1], sets(a(Rehearsal, 60, NewAddress)))
		t.swap(migration.OutcomeNotDone, nil, nil)
		t.serves(Initial()...)
	}},
	{"a stopped primary takes no change", Options{}, func(t *test) {
		t.StopPrimary()
		t.swap(migration.OutcomeNotDone, Initial()[:1], sets(a(Service, 60, NewAddress)))
		facts := t.observe(Service)
		if t.at(facts, t.Primary).Err == "" {
			t.Error("the stopped primary answers")
		}
		exactly(t.T, t.at(facts, t.Secondary).Sets, Initial()[:1])
	}},
	{"an ended context sends nothing", Options{}, func(t *test) {
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		got, err := t.Provider.Swap(ctx, change(Initial()[:1], sets(a(Service, 60, NewAddress))))
		t.ended(migration.OutcomeNotDone, got, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not tell why", err)
		}
		t.serves(Initial()[0])
	}},
	{"without an answer the outcome is unknown", Options{}, func(t *test) {
		t.Delay()
		t.unanswered(Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.serves(Initial()[0])
	}},
}

// unanswered makes a change whose message was asked to be delayed.
func (t *test) unanswered(before, after []migration.RRset) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, 200*time.Millisecond)
	defer cancel()
	got, err := t.Provider.Swap(ctx, change(before, after))
	t.ended(migration.OutcomeUnknown, got, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not tell why", err)
	}
}

// The message of a switch that arrives once more after the rollback, and how the
// generation record stops it (DNS-REPLAY).
var replayCases = []testCase{
	{"without a generation a copy of the switch undoes the rollback", Options{}, func(t *test) {
		t.Copy()
		t.swap(migration.OutcomeDone, Initial()[:1], sets(a(Service, 60, NewAddress)))
		t.swap(migration.OutcomeDone, sets(a(Service, 60, NewAddress)), Initial()[:1])
		if !t.Deliver() {
			t.Fatal("the copy was refused: then nothing would need a generation")
		}
		t.serves(a(Service, 60, NewAddress))
	}},
	{"with a generation a copy of the switch is refused", Options{}, func(t *test) {
		t.Copy()
		t.swap(migration.OutcomeDone, sets(Initial()[0], set(Generation, "TXT", 0)), sets(a(Service, 60, NewAddress), generation("1")))
		t.swap(migration.OutcomeDone, sets(a(Service, 60, NewAddress), generation("1")), sets(Initial()[0], generation("2")))
		if t.Deliver() {
			t.Error("the copy was carried out")
		}
		t.serves(Initial()[0], generation("2"))
	}},
	{"with a generation a switch that comes late is refused", Options{}, func(t *test) {
		t.Delay()
		t.unanswered(sets(Initial()[0], set(Generation, "TXT", 0)), sets(a(Service, 60, NewAddress), generation("1")))
		t.swap(migration.OutcomeDone, sets(Initial()[0], set(Generation, "TXT", 0)), sets(Initial()[0], generation("2")))
		if t.Deliver() {
			t.Error("the late switch was carried out")
		}
		t.serves(Initial()[0], generation("2"))
	}},
	{"a switch that comes late is carried out if nothing was done meanwhile", Options{}, func(t *test) {
		t.Delay()
		t.unanswered(sets(Initial()[0], set(Generation, "TXT", 0)), sets(a(Service, 60, NewAddress), generation("1")))
		t.serves(Initial()[0])
		if !t.Deliver() {
			t.Error("the late switch was refused")
		}
		t.serves(a(Service, 60, NewAddress), generation("1"))
	}},
}
