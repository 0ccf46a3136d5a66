package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Said journals what a person says. It needs no lease: it is appended by
// compare-and-swap, and tried again as often as the journal moves meanwhile.
// bodies are made from the state that each try sees.
func (e *Engine) Said(ctx context.Context, by string, make func(runbook.State) ([]Saying, error)) error {
	for {
		if err := e.reload(ctx); err != nil {
			return err
		}
		sayings, err := make(e.state)
		if err != nil {
			return err
		}
		recs := []migration.Record{}
		for _, s := range sayings {
			b, err := json.Marshal(s.Body)
			if err != nil {
				return fmt.Errorf("journal %s: %w", s.Kind, err)
			}
			recs = append(recs, migration.Record{
				Migration: e.key, At: e.ports.Clock.Now(), Kind: s.Kind, Actor: by, Position: e.state.Position, Reasons: s.Reasons, Body: b,
			})
		}
		err = e.append(ctx, recs...)
		if !errors.Is(err, ErrMoved) {
			return err
		}
	}
}

// Saying is one record that a person causes.
type Saying struct {
	Kind    migration.RecordKind
	Body    any
	Reasons []migration.Reason
}

// Rollback is a person's order to go back. The incident goes first, into a
// local file; the reason may follow later.
func (e *Engine) Rollback(ctx context.Context, by, reason string) error {
	var filed bool
	return e.Said(ctx, by, func(s runbook.State) ([]Saying, error) {
		if s.Head.Seq == 0 {
			return nil, fmt.Errorf("%w: %s", ErrNoMigration, e.key)
		}
		summary := "rolled back by " + by
		if reason != "" {
			summary += ": " + reason
		}
		inc := runbook.NewIncident(s, e.ports.Clock.Now(), by, summary, nil)
		if !filed {
			e.fileIncident(ctx, inc)
			filed = true
		}
		return []Saying{{Kind: migration.KindRollback, Body: migration.Said{Text: reason}}, {Kind: migration.KindIncident, Body: inc}}, nil
	})
}
