package cli

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// frozen is a journal that is only looked at: what stands in it, and what would
// be appended. Nothing can be written through it.
type frozen struct{ recs []migration.Record }

var errFrozen = errors.New("this journal is only looked at")

// with gives the journal as it would be behind one more record.
func (f frozen) with(key, actor string, at runbook.State, d migration.Declared, p *Program) (frozen, error) {
	r, err := recordOf(key, actor, at, d, p)
	if err != nil {
		return f, err
	}
	return frozen{append(f.recs[:len(f.recs):len(f.recs)], journal.Seal(at.Head, r))}, nil
}

func (f frozen) Append(context.Context, string, migration.Head, ...migration.Record) (migration.Head, error) {
	return migration.Head{}, errFrozen
}

func (f frozen) Read(_ context.Context, _ string, after uint64) ([]migration.Record, error) {
	return f.recs[min(after, uint64(len(f.recs))):], nil
}

func (f frozen) List(context.Context) ([]string, error) { return nil, nil }

func (f frozen) Acquire(context.Context, string, string, time.Duration) (uint64, error) {
	return 0, errFrozen
}

func (f frozen) Release(context.Context, string, string) error { return nil }
func (f frozen) Close() error                                  { return nil }
func (f frozen) Verify(context.Context, string) (int, error)   { return len(f.recs), nil }

func recordOf(key, actor string, at runbook.State, d migration.Declared, p *Program) (migration.Record, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return migration.Record{}, err
	}
	return migration.Record{Migration: key, At: p.now(), Kind: migration.KindDeclared, Actor: actor, Position: at.Position, Body: b}, nil
}
