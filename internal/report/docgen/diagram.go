package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// diagram draws the table as a Mermaid state diagram. Its arrows between groups
// are found by asking the fold and the decision what they do, step by step.
func diagram(src source) string {
	var b strings.Builder
	b.WriteString("# The procedure as states\n\n" + generated)
	b.WriteString(`A migration moves forward from step to step. Up to the switch it can be aborted, which undoes what was prepared;
from the switch on it is rolled back instead. After a rollback no forward step of that attempt is legal any more: another attempt
begins, once the incident has its root cause analysis.

`)
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	draw(&b, src)
	b.WriteString("```\n\n")
	steps(&b)
	return b.String()
}

// group is a box of the diagram: steps from which the same words lead out.
type group struct {
	id, label string
	rows      []runbook.Row
}

func groups() []group {
	g := []group{
		{id: "prepare", label: "prepare: can be aborted"},
		{id: "live", label: "live: can be rolled back"},
		{id: "rollback", label: "rolling back"},
		{id: "undo", label: "aborting"},
	}
	for _, r := range runbook.Rows() {
		switch {
		case r.Mode == migration.ModeRollback:
			g[2].rows = append(g[2].rows, r)
		case r.Mode == migration.ModeAborting:
			g[3].rows = append(g[3].rows, r)
		case said(standing(r), migration.KindAbort).Mode == migration.ModeAborting:
			g[0].rows = append(g[0].rows, r)
		default:
			g[1].rows = append(g[1].rows, r)
		}
	}
	return g
}

// standing is a migration that has come to a step. From the switch on the
// records have been moved.
func standing(r runbook.Row) runbook.State {
	s := at(r.Mode, r.Step)
	if r.Mode == migration.ModeForward && !r.Step.Before(migration.StepSwitch) {
		s.Swaps = map[string]migration.SwapRecords{"example.org.": {Purpose: migration.ForSwitch}}
	}
	return s
}

func at(mode migration.Mode, step migration.Step) runbook.State {
	return runbook.State{
		Head: migration.Head{Seq: 1}, Position: migration.Position{Attempt: 1, Mode: mode, Step: step},
		Images: map[int][]string{1: {}},
	}
}

// said is where a person's word leads.
func said(s runbook.State, kind migration.RecordKind) runbook.State {
	var body any = migration.Said{}
	if kind == migration.KindDeclared {
		body = migration.Declared{}
	}
	b, err := json.Marshal(body)
	if err == nil {
		s, err = runbook.Apply(s, migration.Record{Seq: 2, Kind: kind, Body: b})
	}
	if err != nil {
		panic("a word that this program wrote itself is not understood: " + err.Error())
	}
	return s
}

func draw(b *strings.Builder, src source) {
	all := groups()
	fmt.Fprintf(b, "    [*] --> %s: declared\n", id(all[0].rows[0].Step))
	for _, g := range all {
		fmt.Fprintf(b, "    state \"%s\" as %s {\n", g.label, g.id)
		for _, r := range g.rows {
			fmt.Fprintf(b, "        state \"%s\" as %s\n", r.Step, id(r.Step))
		}
		for i := 1; i < len(g.rows); i++ {
			fmt.Fprintf(b, "        %s --> %s\n", id(g.rows[i-1].Step), id(g.rows[i].Step))
		}
		for _, r := range g.rows {
			if again, ok := src.rows[r.Step]["again"]; ok {
				for _, to := range slices.Compact(src.reach(again).steps) {
					fmt.Fprintf(b, "        %s --> %s: its evidence went stale\n", id(r.Step), id(to))
				}
			}
		}
		b.WriteString("    }\n")
	}
	last := func(g group) string { return id(g.rows[len(g.rows)-1].Step) }
	first := func(g group) string { return id(g.rows[0].Step) }
	arrow := func(from, to, why string) {
		if why != "" {
			why = ": " + why
		}
		fmt.Fprintf(b, "    %s --> %s%s\n", from, to, why)
	}
	arrow(last(all[0]), first(all[1]), "go")
	arrow(last(all[1]), "retired", "")
	arrow(last(all[2]), "rolled_back", "")
	arrow(last(all[3]), "aborted", "")
	arrow("prepare", id(said(standing(all[0].rows[0]), migration.KindAbort).Step), "a person aborts")
	arrow("live", id(said(standing(all[1].rows[0]), migration.KindRollback).Step), "bad verdict, led back by hand, or a person's rollback")
	turns(arrow)
	arrow("retired", "[*]", "")
}

// turns are the arrows from one end to another beginning.
func turns(arrow func(from, to, why string)) {
	rolledBack := at(migration.ModeRolledBack, migration.StepVerifyBack)
	arrow("rolled_back", id(following(rolledBack)), "root cause analysis attached, the same images")
	other := rolledBack
	other.Images = map[int][]string{1: {"another"}}
	arrow("rolled_back", id(following(other)), "root cause analysis attached, other images")
	for _, t := range []struct {
		mode migration.Mode
		kind migration.RecordKind
		why  string
	}{
		{migration.ModeRolledBack, migration.KindAbort, "a person gives up"},
		{migration.ModeAborted, migration.KindDeclared, "declared again, the next attempt"},
		{migration.ModeRetired, migration.KindRollback, "a person rolls back what remains"},
	} {
		before := at(t.mode, migration.StepRetire)
		if after := said(before, t.kind); after.Position != before.Position {
			arrow(id(migration.Step(t.mode)), id(after.Step), t.why)
		}
	}
}

// following is where the decision after a rollback leads.
func following(s runbook.State) migration.Step {
	m, ok := runbook.Next(s, runbook.Facts{}, s.Since).(runbook.Move)
	if !ok {
		panic("no attempt follows a rollback whose incidents are all explained")
	}
	return m.To.Step
}

// id is a step as Mermaid names states: without hyphens.
func id(s migration.Step) string { return strings.ReplaceAll(string(s), "-", "_") }

// steps lists the table.
func steps(b *strings.Builder) {
	b.WriteString("| Step | Mode | What it does | Acts outside | Bounded in time |\n|---|---|---|---|---|\n")
	word := func(yes bool) string {
		if yes {
			return "yes"
		}
		return "no"
	}
	for _, r := range runbook.Rows() {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", r.Step, r.Mode, r.Title, word(r.Acts), word(r.Bounded))
	}
}
