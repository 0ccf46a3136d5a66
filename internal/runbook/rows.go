package runbook

import (
	"slices"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// Row is one step of the table as documents show it.
type Row struct {
	Step    migration.Step
	Mode    migration.Mode // in which it is taken
	Title   string
	Acts    bool // it changes something outside
	Bounded bool // it is left after a time, with a note of what remains
}

// Rows is the whole table in its order: forward, back, and undo.
func Rows() []Row {
	var out []Row
	add := func(mode migration.Mode, rows []row) {
		for _, r := range rows {
			out = append(out, Row{r.step, mode, r.title, r.plan != nil, r.bound != nil})
		}
	}
	add(migration.ModeForward, forwardTable())
	add(migration.ModeRollback, backTable())
	add(migration.ModeAborting, undoTable())
	return out
}

// UnjudgedAt lists the codes that hold back a step until they are waived by name.
func UnjudgedAt(step migration.Step) []migration.Code { return slices.Clone(unjudged[step]) }

// Surveyed lists the codes that a step finds in facts of machines and images, in
// what declared fixes owe, or by its drills.
func Surveyed(step migration.Step) []migration.Code {
	machines := step == migration.StepAssess || step == migration.StepGo
	images := step == migration.StepContainer
	owed := step == migration.StepStage || step == migration.StepBaseline || step == migration.StepGo
	var out []migration.Code
	for _, i := range readiness.Items() {
		base := i.Code == migration.CodeBaseImage
		if machines && !base || images && base || owed && len(i.Drills) > 0 {
			out = append(out, i.Code)
		}
	}
	if machines {
		out = append(out, migration.CodeWorkloadKind)
	}
	switch step {
	case migration.StepBaseline:
		return append(out, migration.CodeIsolated)
	case migration.StepStage:
	default:
		return out
	}
	for _, d := range migration.StagingDrills() {
		if !slices.Contains(out, drillCodes[d]) {
			out = append(out, drillCodes[d])
		}
	}
	return append(out, migration.CodeIsolated)
}
