package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Ports are everything outside that the engine works through.
type Ports struct {
	Journal  Journal
	DNS      map[string]DNS // by provider name
	Cluster  Cluster
	Metrics  Metrics
	Machines Machines
	Images   Images
	Drills   Drills
	Prober   Prober
	Loader   Loader
	Smoker   Smoker
	Archive  Archive
	Clock    Clock
}

// Event is one turn of the loop, for whoever shows progress.
type Event struct {
	At       time.Time
	State    runbook.State
	Decision runbook.Decision
	Record   *migration.Record // set when the event is a record that was journalled
	Err      error             // set when something outside failed and is tried again
	Looking  string            // set while a look that takes long goes on: at what
}

// Engine drives one migration. It is not safe for concurrent use; several
// engines of several processes are kept apart by the journal's lease.
type Engine struct {
	ports  Ports
	key    string
	holder string
	notify func(Event)
	state  runbook.State
	facts  runbook.Facts
	taken  map[string]time.Time // when each observation was begun
	fence  uint64
	lost   error // why a look that takes long was broken off
	// balancers are the new side's exposures as the cluster last showed them.
	balancers []migration.ExposureFacts
}

// LeaseTTL is how long an engine that was killed keeps others from acting.
const LeaseTTL = 15 * time.Second

// New makes an engine for one migration. holder names this process to others;
// notify may be nil.
func New(p Ports, key, holder string, notify func(Event)) *Engine {
	if notify == nil {
		notify = func(Event) {}
	}
	p.Journal = bounded{p.Journal}
	return &Engine{ports: p, key: key, holder: holder, notify: notify, taken: map[string]time.Time{}}
}

// ErrNoMigration is returned for a key that the journal does not know.
var ErrNoMigration = errors.New("the journal knows no such migration")

// State folds what the journal holds by now.
func (e *Engine) State(ctx context.Context) (runbook.State, error) {
	if err := e.reload(ctx); err != nil {
		return e.state, err
	}
	if e.state.Head.Seq == 0 {
		return e.state, fmt.Errorf("%w: %s", ErrNoMigration, e.key)
	}
	return e.state, nil
}

// reload folds what the journal has beyond the state. What others have said or
// done since the first look is announced as well.
func (e *Engine) reload(ctx context.Context) error {
	recs, err := e.ports.Journal.Read(ctx, e.key, e.state.Head.Seq)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if _, err := journal.Verify(e.state.Head, recs); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	joined := e.state.Head.Seq > 0
	for _, r := range recs {
		if err := e.fold(r); err != nil {
			return err
		}
		if joined {
			e.notify(Event{At: r.At, State: e.state, Record: &r})
		}
	}
	return nil
}

// fold takes one more record into the state.
func (e *Engine) fold(r migration.Record) error {
	next, err := runbook.Apply(e.state, r)
	if err != nil {
		return fmt.Errorf("fold the journal: %w", err)
	}
	e.state = next
	if r.Kind == migration.KindDeclared {
		clear(e.taken) // an edited file may ask for more than was looked at
	}
	return nil
}

// record is a record without what sealing adds.
func (e *Engine) record(kind migration.RecordKind, body any, why []migration.Reason) (migration.Record, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return migration.Record{}, fmt.Errorf("journal %s: %w", kind, err)
	}
	r := migration.Record{Migration: e.key, At: e.ports.Clock.Now(), Kind: kind, Actor: migration.Actor, Position: e.state.Position, Reasons: why, Body: b}
	if kind.Acting() {
		r.Fence = e.fence
	}
	return r, nil
}

// append journals records and folds them. A record is announced only once it
// is journalled.
func (e *Engine) append(ctx context.Context, recs ...migration.Record) error {
	sealed := journal.SealAll(e.state.Head, recs)
	if _, err := e.ports.Journal.Append(ctx, e.key, e.state.Head, sealed...); err != nil {
		return fmt.Errorf("journal %s: %w", sealed[0].Kind, err)
	}
	for _, r := range sealed {
		if err := e.fold(r); err != nil {
			return err
		}
		e.notify(Event{At: r.At, State: e.state, Record: &r})
	}
	return nil
}

// Step turns the loop once: one decision, carried out. An error that wraps
// ErrMoved or ErrFenced has changed nothing outside; the next Step folds again.
func (e *Engine) Step(ctx context.Context) (runbook.Decision, error) {
	if _, err := e.State(ctx); err != nil {
		return nil, err
	}
	fence, err := e.ports.Journal.Acquire(ctx, e.key, e.holder, LeaseTTL)
	if err != nil {
		return nil, err // it says whose lease
	}
	e.fence = fence
	now := e.ports.Clock.Now()
	e.observe(ctx, runbook.Needs(e.state, now))
	if err := e.lost; err != nil {
		e.lost = nil
		return nil, err
	}
	now = e.ports.Clock.Now()
	e.state = runbook.Look(e.state, e.facts, now)
	if err := e.snapshot(ctx, now); err != nil {
		return nil, err
	}
	d := runbook.Next(e.state, e.facts, now)
	e.notify(Event{At: now, State: e.state, Decision: d})
	return d, e.carryOut(ctx, d)
}

func (e *Engine) snapshot(ctx context.Context, now time.Time) error {
	ev, due := runbook.Snapshot(e.state, now)
	if !due {
		return nil
	}
	r, err := e.record(migration.KindEvidence, ev, nil)
	if err != nil {
		return err
	}
	return e.append(ctx, r)
}

func (e *Engine) carryOut(ctx context.Context, d runbook.Decision) error {
	switch d := d.(type) {
	case runbook.Act:
		return e.act(ctx, d)
	case runbook.Settle:
		return e.outcome(ctx, d.Intent, d.Outcome, migration.Result{}, d.Reasons)
	case runbook.Move:
		return e.move(ctx, d)
	case runbook.Note:
		for _, ev := range d.Evidence {
			r, err := e.record(migration.KindEvidence, ev, d.Reasons)
			if err != nil {
				return err
			}
			if err := e.append(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// move journals a change of position. An automatic turn back writes its
// incident first: into a local file, then into the journal, then it turns.
func (e *Engine) move(ctx context.Context, d runbook.Move) error {
	var recs []migration.Record
	if d.Incident != nil {
		e.fileIncident(ctx, *d.Incident)
		r, err := e.record(migration.KindIncident, *d.Incident, d.Reasons)
		if err != nil {
			return err
		}
		recs = append(recs, r)
	}
	r, err := e.record(migration.KindMoved, migration.Moved{From: e.state.Position, To: d.To, Evidence: d.Evidence}, d.Reasons)
	if err != nil {
		return err
	}
	return e.append(ctx, append(recs, r)...)
}

// fileIncident writes the local file. A full disk must not hold up a rollback.
func (e *Engine) fileIncident(ctx context.Context, inc migration.Incident) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := e.ports.Archive.Incident(ctx, e.key, inc); err != nil {
		e.notify(Event{At: e.ports.Clock.Now(), State: e.state, Err: fmt.Errorf("write the incident's file: %w", err)})
	}
}

// outcome journals how an intent ended.
func (e *Engine) outcome(ctx context.Context, intent string, o migration.Outcome, res migration.Result, why []migration.Reason) error {
	r, err := e.record(migration.KindOutcome, migration.Settled{Intent: intent, Outcome: o, Result: res}, why)
	if err != nil {
		return err
	}
	return e.append(ctx, r)
}
