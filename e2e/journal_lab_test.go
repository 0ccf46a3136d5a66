//go:build lab

package e2e

import (
	"encoding/json"
	"path/filepath"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/store/sqlite"
	"rehome.dev/rehome/lab/demo"
)

// records reads the journal from the file, beside whoever writes it.
func (m *move) records(after uint64) []migration.Record {
	m.t.Helper()
	if m.store == nil {
		s, err := sqlite.OpenReadOnly(m.t.Context(), filepath.Join(m.Dir, "state", "journal.db"))
		m.must(err)
		m.store = s
	}
	recs, err := m.store.Read(m.t.Context(), demo.Name, after)
	m.must(err)
	return recs
}

func (m *move) head() uint64 {
	m.t.Helper()
	s := m.state()
	return s.Head.Seq
}

func (m *move) state() runbook.State {
	m.t.Helper()
	s, err := runbook.Fold(m.records(0))
	m.must(err)
	return s
}

// await looks into the journal every millisecond for the next record that
// matches, while the running process goes on.
func (m *move) await(within time.Duration, what string, match func(migration.Record) bool) migration.Record {
	m.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		gone := m.running.gone() // before the look, so that its last record is seen
		for _, r := range m.records(m.seen) {
			m.seen = r.Seq
			if match(r) {
				return r
			}
		}
		if gone {
			m.t.Fatalf("rehome ended with exit code %d before the journal said that %s", m.running.cmd.ProcessState.ExitCode(), what)
		}
		if time.Now().After(end) {
			m.t.Fatalf("within %s the journal did not say that %s", within, what)
		}
	}
}

// isMove matches a change of position.
func isMove(mode migration.Mode, step migration.Step) func(migration.Record) bool {
	return func(r migration.Record) bool {
		if r.Kind != migration.KindMoved {
			return false
		}
		to := bodyOf[migration.Moved](r).To
		return to.Mode == mode && to.Step == step
	}
}

// isRollback matches the turn to the rollback.
var isRollback = isMove(migration.ModeRollback, migration.StepReturnPath)

// isIntent matches the intent to change the records for a purpose.
func isIntent(p migration.Purpose) func(migration.Record) bool {
	return func(r migration.Record) bool {
		if r.Kind != migration.KindIntent {
			return false
		}
		swap, ok := bodyOf[migration.Intent](r).Action.(migration.SwapRecords)
		return ok && swap.Purpose == p
	}
}

// swap is an intent to change records, and how it ended.
type swap struct {
	migration.Intent
	migration.SwapRecords
	outcome migration.Outcome
}

// swaps are all intents to change records, in order.
func (m *move) swaps() []swap {
	m.t.Helper()
	var out []swap
	for _, r := range m.records(0) {
		switch r.Kind {
		case migration.KindIntent:
			i := bodyOf[migration.Intent](r)
			if a, ok := i.Action.(migration.SwapRecords); ok {
				out = append(out, swap{Intent: i, SwapRecords: a})
			}
		case migration.KindOutcome:
			s := bodyOf[migration.Settled](r)
			for n := range out {
				if out[n].ID == s.Intent {
					out[n].outcome = s.Outcome
				}
			}
		}
	}
	return out
}

// outcomes are how the changes for a purpose ended.
func outcomes(all []swap, p migration.Purpose) []migration.Outcome {
	var out []migration.Outcome
	for _, s := range all {
		if s.Purpose == p {
			out = append(out, s.outcome)
		}
	}
	return out
}

// bodyOf reads a record's body; the journal itself has been verified.
func bodyOf[T any](r migration.Record) T {
	var v T
	if err := json.Unmarshal(r.Body, &v); err != nil {
		panic(err)
	}
	return v
}
