package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/wire"
)

// reader opens the journal for reading. A state directory without one is an
// empty journal.
func (p *Program) reader(ctx context.Context) (wire.Journal, error) {
	dir, err := p.stateDir()
	if err != nil {
		return nil, err
	}
	j, err := wire.ReadJournal(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return frozen{}, nil
	}
	return j, err
}

// writer opens the journal for writing.
func (p *Program) writer(ctx context.Context) (wire.Journal, error) {
	dir, err := p.stateDir()
	if err != nil {
		return nil, err
	}
	return wire.OpenJournal(ctx, dir, p.now)
}

// open opens the journal for what a command does: with dry it changes nothing.
func (p *Program) open(ctx context.Context, dry bool) (wire.Journal, error) {
	if dry {
		return p.reader(ctx)
	}
	return p.writer(ctx)
}

// records reads one migration's journal; an unknown name is an error.
func records(ctx context.Context, j engine.Journal, name string) ([]migration.Record, error) {
	recs, err := j.Read(ctx, name, 0)
	if err == nil && len(recs) == 0 {
		err = unknownMigration(ctx, j, name)
	}
	return recs, err
}

// unknownMigration names the migrations that there are.
func unknownMigration(ctx context.Context, j engine.Journal, name string) error {
	err := fmt.Errorf("%w: %s", engine.ErrNoMigration, name)
	if keys, lerr := j.List(ctx); lerr == nil && len(keys) > 0 {
		return failed("%w", err).with("there are: %s", joined(keys))
	}
	return failed("%w", err).with("it begins with: rehome run FILE")
}

// past reads and folds one migration's journal, without writing.
func (p *Program) past(ctx context.Context, name string) (runbook.State, []migration.Record, error) {
	j, err := p.reader(ctx)
	if err != nil {
		return runbook.State{}, nil, err
	}
	defer j.Close()
	recs, err := records(ctx, j, name)
	if err != nil {
		return runbook.State{}, recs, err
	}
	s, err := runbook.Fold(recs)
	return s, recs, err
}

// speaker is an engine that only says what a person says: it needs the journal
// and nothing else.
func (p *Program) speaker(j engine.Journal, name string) (*engine.Engine, error) {
	dir, err := p.stateDir()
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Ports{Journal: j, Archive: wire.Archive(dir), Clock: p.Registry.Clock}, name, p.holder(), nil), nil
}

// driver is an engine with everything that it works through. Beside a fault of
// the wiring it is given all the same: what is missing is unknown to it.
func (p *Program) driver(j engine.Journal, s migration.Spec, pol migration.Policy, notify func(engine.Event)) (*engine.Engine, error) {
	dir, err := p.stateDir()
	if err != nil {
		return nil, err
	}
	ports, err := p.Registry.Ports(s, pol)
	ports.Journal, ports.Archive = j, wire.Archive(dir)
	return engine.New(ports, s.Name, p.holder(), notify), err
}

// known opens the journal for writing, where it knows the migration: a wrong
// name or state directory makes no file.
func (p *Program) known(ctx context.Context, name string) (wire.Journal, error) {
	if _, _, err := p.past(ctx, name); err != nil {
		return nil, err
	}
	return p.writer(ctx)
}
